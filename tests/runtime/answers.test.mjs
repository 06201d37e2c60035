// The answer to each kind of request that is not accepted, and the log line of each request. tests/pipeline/answers.rs,
// ingest.rs and lines.rs have every rule.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, HOUR, SECRETS, delivery, source } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: {
    good: source("generic"),
    picky: source("generic", { events: ["invoice.*"] }),
    own: source("generic", { answer: { status: 202, body: "<Response/>", type: "application/xml" } }),
    bare: source("generic", { answer: { status: 204 } }),
    unknown: { provider: "strype", secrets: ["GENERIC_SECRET"] },
    empty: { provider: "generic", secrets: ["EMPTY_SECRET"] },
  },
  secrets: { ...SECRETS, EMPTY_SECRET: "", ADMIN_TOKEN },
});
after(() => gateway.close());

function assertProblem(answer, status) {
  assert.equal(answer.status, status);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["cache-control"], "no-store");
  const problem = answer.json();
  assert.deepEqual(Object.keys(problem), ["title", "status", "detail"]);
  assert.equal(problem.status, status);
  assert.ok(problem.title && problem.detail);
}

describe("an answer", { concurrency: true }, () => {
  for (const path of ["/", "/%00", "/webhooks", "/webhooks/", "/webhooks/GOOD", "/webhooks/good/"]) {
    test(`to a good request at ${path} is 404`, async () => {
      assertProblem(await gateway.request(path, delivery("generic")), 404);
    });
  }

  for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
    test(`to ${method} is 405, and names the allowed method`, async () => {
      const { headers } = delivery("generic");
      const answer = await gateway.request("/webhooks/good", { method, headers });
      if (method === "HEAD") assert.deepEqual([answer.status, answer.body.length], [405, 0]);
      else assertProblem(answer, 405);
      assert.equal(answer.headers.allow, "POST");
    });
  }

  test("does not depend on the query", async () => {
    assert.equal((await gateway.request("/webhooks/good?a=/webhooks/nobody", delivery("generic"))).status, 200);
  });

  test("to GET /healthz has version and time, for the operator the usable sources, and for HEAD no body", async () => {
    const answer = await gateway.request("/healthz", { method: "GET" });
    const head = await gateway.request("/healthz", { method: "HEAD" });
    for (const { status, headers } of [answer, head]) {
      assert.deepEqual([status, headers["content-type"], headers["cache-control"]], [200, "application/json", "no-store"]);
    }
    assert.equal(head.body.length, 0);
    const health = answer.json();
    assert.match(health.version, /^\d+\.\d+\.\d+$/);
    assert.ok(Math.abs(Date.parse(health.time) - Date.now()) < 5000);
    assert.deepEqual({ ...health, version: 0, time: 0 }, { status: "degraded", version: 0, time: 0 }, "no names of sources");
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const { sources } = (await gateway.request("/healthz", { method: "GET", headers })).json();
    const unusable = Object.keys(sources).filter((name) => !sources[name].usable);
    assert.deepEqual([Object.keys(sources).length, unusable.sort()], [6, ["empty", "unknown"]]);
  });

  const complaints = { unknown: /^SOURCES\.unknown\.provider: .*strype/, empty: /^SOURCES\.empty\.secrets: .*EMPTY_SECRET/ };
  for (const [name, complaint] of Object.entries(complaints)) {
    test(`of a misconfigured source (${name}) is 500, the wrong key is logged, and other sources serve`, async () => {
      const answer = await gateway.post(name, delivery("generic"));
      assertProblem(answer, 500);
      assert.doesNotMatch(answer.body.toString(), /SECRET|SOURCES|strype/, "the sender does not see the mistake");
      const told = gateway.records().filter(({ level, reason }) => reason === "configuration" && level === "error");
      assert.ok(told.some(({ detail }) => complaint.test(detail)));
      assert.equal((await gateway.post("good", delivery("generic"))).status, 200);
    });
  }

  test("to an accepted event is the source's own answer, and its duplicate gets the same", async () => {
    const sent = delivery("generic");
    for (const answer of [await gateway.post("own", sent), await gateway.post("own", sent)]) {
      assert.deepEqual([answer.status, answer.body.toString()], [202, "<Response/>"]);
      assert.equal(answer.headers["content-type"], "application/xml");
      assert.equal(answer.headers["x-content-type-options"], "nosniff");
    }
    const bare = await gateway.post("bare", delivery("generic"));
    assert.deepEqual([bare.status, bare.body.length, bare.headers["content-type"]], [204, 0, undefined]);
  });

  test("to an authentic event without an id is 422", async () => {
    const body = JSON.stringify({ type: "t", created_at: new Date().toISOString() });
    assertProblem(await gateway.post("good", delivery("generic", { body })), 422);
  });

  test("to an event of an unwanted type is 200, and the event is dropped", async () => {
    const sent = delivery("generic");
    const answer = await gateway.post("picky", sent);
    assert.deepEqual([answer.status, answer.json()], [200, { received: true, filtered: true, id: sent.id }]);
    await gateway.logged({ source: "picky", verdict: "filtered" });
    assert.deepEqual(gateway.origin.of("picky"), []);
  });
});

test("only accepted events used KV or the queue", async () => {
  await gateway.drained();
  const accepted = gateway.records().filter(({ verdict }) => verdict === "accepted").length;
  await eventually("every key", async () => (await gateway.stored()).length >= 3 * accepted);
  const operations = (await gateway.stored()).map(({ operation }) => operation);
  assert.equal(operations.length, 3 * accepted, "a look-up, a message and a key for each event");
});

describe("the log", () => {
  /** The log line of one request. The line of a forward has an attempt. */
  async function lineOf(send) {
    const before = gateway.lines.length;
    await send();
    await eventually("a line", () => gateway.lines.length > before);
    await gateway.drained();
    const lines = gateway.lines.slice(before).map(({ message }) => JSON.parse(message));
    const own = lines.filter(({ attempt }) => attempt === undefined);
    assert.equal(own.length, 1, "exactly one line for one request");
    return own[0];
  }
  const sent = delivery("generic");

  test("has one line for an accepted request and one for its forward", async () => {
    const { key, ms, provenance, trace, ...line } = await lineOf(() => gateway.post("good", sent));
    assert.match(trace, /^[0-9a-f]{32}$/);
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.ok(Number.isInteger(ms) && ms >= 0);
    const event = { source: "good", id: sent.id, type: "user.created", body_bytes: sent.body.length, status: 200 };
    assert.deepEqual(line, { verdict: "accepted", ...event });
    const [forward, ...more] = gateway.records("good").filter(({ id, attempt }) => id === sent.id && attempt);
    assert.deepEqual(more, []);
    const { verdict, body_bytes, status, attempt } = forward;
    assert.deepEqual([verdict, body_bytes, status, attempt], ["delivered", sent.body.length, 200, 1]);
  });

  const requests = {
    "a repeated request": [sent, { verdict: "duplicate", id: sent.id, status: 200 }],
    "a late request": [delivery("generic", { at: Date.now() - 3 * HOUR }), { verdict: "rejected", reason: "too_old", status: 401 }],
    "an unsigned request": [{ ...sent, headers: {} }, { verdict: "rejected", reason: "signature_missing", status: 401 }],
  };
  for (const [what, [request, expected]] of Object.entries(requests)) {
    test(`has one line for ${what}`, async () => {
      const line = await lineOf(() => gateway.post("good", request));
      const fields = Object.keys(expected).map((name) => [name, line[name]]);
      assert.deepEqual(Object.fromEntries(fields), expected);
      if (line.status === 401) assert.equal(line.id, undefined, "the line has nothing from an unproven request");
    });
  }

  test("has no line for a health check", async () => {
    const before = gateway.lines.length;
    await gateway.request("/healthz", { method: "GET" });
    await lineOf(() => gateway.request("/webhooks/good", { method: "GET" }));
    assert.equal(gateway.lines.length, before + 1);
  });

  test("has only JSON lines, without bodies", () => {
    for (const { message } of gateway.lines) {
      assert.equal(typeof JSON.parse(message), "object");
      assert.doesNotMatch(message, /Zoë/);
    }
  });
});

gateway.provesThatNoSecretLeaves();
