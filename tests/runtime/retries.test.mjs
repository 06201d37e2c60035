// Queued events whose origin does not accept them. Real seconds pass, in all tests at once.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ORIGIN_SIGNING_SECRET, SECRETS, delivery, isSignedForward, source, sourcesOf } from "./providers.mjs";

const NAMES = ["failing", "asking", "refusing"];
const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(NAMES, "generic"),
    unreachable: source("generic", { origin: "http://127.0.0.1:1/nobody" }),
  },
  secrets: { ...SECRETS, ORIGIN_SIGNING_SECRET },
});
after(() => gateway.close());
const { origin } = gateway;

const status = (code, headers) => (response) => response.writeHead(code, headers).end();

async function accepted(name) {
  const sent = delivery("generic");
  const answer = await gateway.post(name, sent);
  assert.equal(answer.status, 200);
  return sent;
}

async function letters(name) {
  const sends = (await gateway.operations()).filter(({ operation }) => operation === "DEAD.send");
  const texts = sends.map(({ args }) => args[0]).filter((text) => text.includes(`"/webhooks/${name}"`));
  return texts.map((text) => JSON.parse(text));
}

describe("a queued message", { concurrency: true }, () => {
  test("whose origin fails twice is delivered, with one idempotency key and a new signature in each attempt", async () => {
    origin.statuses("failing", 500, 500);
    const sent = await accepted("failing");
    const forwards = await origin.received("failing", 3, 40_000);
    assert.deepEqual(forwards.map(({ headers }) => headers["hookgate-attempt"]), ["1", "2", "3"]);
    assert.equal(new Set(forwards.map(({ headers }) => headers["idempotency-key"])).size, 1);
    for (const forward of forwards) {
      assert.deepEqual(forward.body, sent.body);
      assert.ok(isSignedForward(forward));
      assert.ok(Math.abs(forward.headers["webhook-timestamp"] - forward.at / 1000) < 3, "signed at the time of the attempt");
    }
    assert.equal(new Set(forwards.map(({ headers }) => headers["webhook-signature"])).size, 3);
    const [first, second, third] = forwards.map(({ at }) => at);
    assert.ok(second - first >= 3000 && third - second >= 7000, "5 s and then 10 s, minus up to a quarter of jitter");
    await gateway.logged({ source: "failing", verdict: "delivered", attempt: 3 });
    assert.equal(gateway.records("failing").filter(({ reason }) => reason === "origin_failed").length, 2);
    const repeated = await gateway.post("failing", sent);
    assert.equal(repeated.json().duplicate, true, "its key is stored");
  });

  test("waits for as long as its origin asks in Retry-After", async () => {
    origin.answers("asking", (response, _, earlier) => status(earlier < 1 ? 503 : 200, { "retry-after": "8" })(response));
    await accepted("asking");
    const [first, second] = await origin.received("asking", 2, 40_000);
    assert.ok(second.at - first.at >= 7900, `${second.at - first.at} ms`);
  });

  test("whose origin answers 400 is a dead letter at once, is logged once and not retried", async () => {
    origin.answers("refusing", status(400));
    const sent = await accepted("refusing");
    const record = await gateway.logged({ source: "refusing", verdict: "dead", reason: "dead_letter" });
    assert.deepEqual([record.id, record.level], [sent.id, "error"]);
    assert.match(record.detail, /400/);
    const [letter, ...others] = await letters("refusing");
    assert.deepEqual(others, []);
    assert.deepEqual(Buffer.from(letter.data_base64, "base64"), sent.body, "the letter has the exact body");
    // Another event's third attempt comes later than a first retry of this event would.
    await origin.received("failing", 3, 40_000);
    assert.equal(origin.of("refusing").length, 1);
    const dead = gateway.records("refusing").filter(({ reason }) => reason === "dead_letter");
    assert.equal(dead.length, 1);
  });

  test("whose origin cannot be reached is kept and retried", async () => {
    const sent = await accepted("unreachable");
    for (const attempt of [1, 2]) {
      const retried = await gateway.logged({ source: "unreachable", attempt }, 40_000);
      assert.equal(retried.verdict, "retried");
      assert.equal(retried.reason, "origin_unreachable");
      assert.equal(retried.id, sent.id);
    }
  });

  const strange = {
    "no JSON": ["neither JSON nor an event", "text"],
    "an object instead of a text": [{ strange: "object" }, "json"],
  };
  for (const [what, [body, contentType]] of Object.entries(strange)) {
    test(`that is not the gateway's (${what}) is kept unchanged and logged`, async () => {
      await gateway.enqueue(body, contentType);
      const text = typeof body === "string" ? body : "strange";
      const kept = async () => (await gateway.letters()).some(({ message }) => message.includes(text));
      await eventually("its dead letter", kept, 5000);
      await gateway.logged({ verdict: "dead", reason: "undecodable" });
    });
  }
});

gateway.provesThatNoSecretLeaves();
