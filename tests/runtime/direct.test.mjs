// deliver = "origin": the provider waits for the answer of the origin.
import assert from "node:assert/strict";
import net from "node:net";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { assertUnavailable, eventually, openPost } from "./http.mjs";
import { ORIGIN_SIGNING_SECRET, SECRETS, delivery, isSignedForward, source, sourcesOf } from "./providers.mjs";

const NAMES = ["taking", "failing", "redirecting", "elsewhere", "hanging", "cutting", "leaving", "staying", "moved", "slow"];
// A port without a listener, until a test opens one.
const closed = net.createServer().listen(0, "127.0.0.1");
await once(closed, "listening");
const { port } = closed.address();
await new Promise((done) => closed.close(done));

const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(NAMES, "generic", { deliver: "origin" }),
    refused: source("generic", { deliver: "origin", origin: `http://127.0.0.1:${port}/refused` }),
  },
  secrets: { ...SECRETS, ORIGIN_SIGNING_SECRET },
});
after(() => gateway.close());
const { origin } = gateway;

const once200 = (answer) => (response, request, earlier) => (earlier === 0 ? answer(response) : response.end());
const keysOf = async (operation, name) => {
  const keys = new Set(gateway.records(name).map(({ key }) => key));
  return (await gateway.operations()).filter((one) => one.operation === operation && keys.has(one.args[0]));
};

/** Checks that the first answer is 503 and leaves no key, so that the provider's retry is not a duplicate. */
async function failsOnce(name, reason) {
  const sent = delivery("generic");
  const failed = await gateway.post(name, sent);
  assertUnavailable(failed);
  const record = await gateway.logged({ source: name, status: 503 });
  assert.equal(record.reason, reason);
  assert.equal(record.level, "error");
  assert.deepEqual(await keysOf("DEDUP.put", name), []);
  return { sent, retried: () => gateway.post(name, sent) };
}

describe("the provider waits while the event", { concurrency: true }, () => {
  test("is accepted by the origin: 200, no message in the queue, and a repeated request is a duplicate", async () => {
    origin.answers("taking", (response) => response.writeHead(201).end("ignored"));
    const sent = delivery("generic");
    const answer = await gateway.post("taking", sent);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), { received: true, id: sent.id });
    const [forward] = origin.of("taking");
    assert.deepEqual(forward.body, sent.body);
    assert.equal(forward.headers["hookgate-attempt"], "1");
    assert.ok(isSignedForward(forward));
    await eventually("the key", async () => (await keysOf("DEDUP.put", "taking")).length === 1);
    assert.equal((await gateway.post("taking", sent)).json().duplicate, true);
    assert.equal(origin.of("taking").length, 1);
  });

  for (const [name, code] of Object.entries({ failing: 500, redirecting: 302 })) {
    test(`is answered ${code} by the origin: 503, and the provider's retry is accepted`, async () => {
      const headers = { location: `${origin.url}/elsewhere` };
      origin.answers(name, once200((response) => response.writeHead(code, headers).end("a canary of the origin")));
      const { sent, retried } = await failsOnce(name, "origin_failed");
      assert.deepEqual((await retried()).json(), { received: true, id: sent.id });
      assert.equal(origin.of(name).length, 2);
      assert.deepEqual(origin.of("elsewhere"), [], "no redirect is followed");
      const [first, second] = origin.of(name).map(({ headers: own }) => own["idempotency-key"]);
      assert.equal(first, second);
    });
  }

  test("gets no answer from the origin: 503 after 10 s, and the provider's retry is accepted", async () => {
    origin.answers("hanging", once200(() => {}));
    const began = Date.now();
    const { sent, retried } = await failsOnce("hanging", "origin_failed");
    const took = Date.now() - began;
    assert.ok(took >= 9500 && took < 13_000, `${took} ms`);
    assert.deepEqual((await retried()).json(), { received: true, id: sent.id });
  });

  test("meets a connection that breaks: 503, and the provider's retry is accepted", async () => {
    origin.answers("cutting", once200((response) => response.destroy()));
    const { sent, retried } = await failsOnce("cutting", "origin_failed");
    assert.deepEqual((await retried()).json(), { received: true, id: sent.id });
  });

  test("meets a refused connection: 503, and the provider's retry is accepted", async (t) => {
    const { retried } = await failsOnce("refused", "origin_failed");
    const risen = net.createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    });
    t.after(() => risen.close());
    risen.listen(port, "127.0.0.1");
    await once(risen, "listening");
    assert.equal((await retried()).status, 200);
  });

  test("has a destination that the runtime reads as a private address: 503, and no request is sent", async () => {
    assert.equal((await gateway.post("moved", delivery("generic"))).status, 503);
    const record = await gateway.logged({ source: "moved", reason: "origin_failed" });
    assert.match(record.detail, /private/);
    assert.deepEqual(origin.of("moved"), []);
  });

  test("is abandoned by the provider: the key of an event that the origin accepts is stored, and others are served", async () => {
    const { promise: held, resolve: release } = Promise.withResolvers();
    origin.answers("leaving", async (response) => {
      await held;
      response.end();
    });
    const sent = delivery("generic");
    const socket = openPost(gateway.port, "leaving", { ...sent.headers, "content-length": sent.body.length });
    socket.write(sent.body);
    await origin.received("leaving");
    socket.destroy();
    assert.equal((await gateway.post("staying", delivery("generic"))).status, 200, "while the other request still waits");
    release();
    const record = await gateway.logged({ source: "leaving" });
    assert.equal(record.verdict, "accepted");
    const again = await eventually("a duplicate", async () => {
      const answer = await gateway.post("leaving", sent);
      return answer.json().duplicate && answer;
    });
    assert.equal(again.status, 200);
    assert.equal((await gateway.post("staying", delivery("generic"))).status, 200);
  });
});

test("the answers of a slow origin reach the right providers in any order", async () => {
  const held = [];
  origin.answers("slow", (response, request) => {
    const failing = JSON.parse(request.body).data.fails;
    held.push(() => response.writeHead(failing ? 500 : 200).end());
    // The last request releases all answers, in reverse order.
    if (held.length === 20) held.reverse().forEach((release) => release());
  });
  const created_at = new Date().toISOString();
  const event = (at) => JSON.stringify({ id: `evt_${at}`, type: "t", created_at, data: { fails: at % 3 === 0 } });
  const sent = Array.from({ length: 20 }, (_, at) => delivery("generic", { body: event(at) }));
  const answers = await Promise.all(sent.map((one) => gateway.post("slow", one)));
  answers.forEach((answer, at) => {
    if (at % 3 === 0) assert.equal(answer.status, 503, at);
    else assert.deepEqual(answer.json(), { received: true, id: `evt_${at}` });
  });
});

test("no event went through the queue", async () => {
  const queued = (await gateway.operations()).filter(({ operation }) => operation.endsWith(".send"));
  assert.deepEqual(queued, []);
});

test("no answer shows the origin's answer to the provider", () => {
  for (const { body } of gateway.answers) assert.ok(!body.includes("canary of the origin"));
});

gateway.provesThatNoSecretLeaves();
