// The answer to each kind of request that is not accepted, and the log line of each request.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { HOUR, SECRETS, delivery, source } from "./providers.mjs";

const ADMIN_TOKEN = "canary-admin-token-6b1f0c";
const GOOD = ["good", "picky", "own", "bare", "xero"];
const gateway = await Gateway.start({
  sources: {
    good: source("generic"),
    picky: source("generic", { events: ["invoice.*"] }),
    own: source("generic", { answer: { status: 202, body: "<Response/>", type: "application/xml" } }),
    bare: source("generic", { answer: { status: 204 } }),
    xero: { provider: "xero", secrets: ["GENERIC_SECRET"] },
    misspelt: source("generic", { tolerence: "5m" }),
    unknown: { provider: "strype", secrets: ["GENERIC_SECRET"] },
    secretless: { provider: "generic", secrets: ["UNSET_SECRET"] },
    empty: { provider: "generic", secrets: ["EMPTY_SECRET"] },
    none: { provider: "generic", secrets: [] },
    pasted: { provider: "generic", secrets: [SECRETS.GENERIC_SECRET] },
    insecure: source("generic", { origin: "http://app.example.com/hooks" }),
    private: source("generic", { deliver: "origin", origin: "https://10.0.0.1/hooks" }),
  },
  secrets: { ...SECRETS, EMPTY_SECRET: "", ADMIN_TOKEN },
});
after(() => gateway.close());
const BROKEN = {
  misspelt: ["SOURCES.misspelt.tolerence", /hookgate check/],
  unknown: ["SOURCES.unknown.provider", /strype.*hookgate check/],
  secretless: ["SOURCES.secretless.secrets", /UNSET_SECRET/],
  empty: ["SOURCES.empty.secrets", /EMPTY_SECRET/],
  none: ["SOURCES.none.secrets", /./],
  pasted: ["SOURCES.pasted.secrets", /names of Worker secrets/],
  insecure: ["SOURCES.insecure.origin", /https/],
  private: ["SOURCES.private.origin", /private/],
};

function assertProblem(answer, status) {
  assert.equal(answer.status, status);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["cache-control"], "no-store");
  const problem = answer.json();
  assert.deepEqual(Object.keys(problem), ["title", "status", "detail"]);
  assert.equal(problem.status, status);
  assert.ok(problem.title && problem.detail);
  return problem;
}

describe("an answer", { concurrency: true }, () => {
  for (const path of ["/", "/%00", "/webhooks", "/webhooks/", "/webhooks/GOOD", "/webhooks/good/"]) {
    test(`to a good request at ${path} is 404`, async () => {
      assertProblem(await gateway.request(path, delivery("generic")), 404);
    });
  }

  for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    test(`to ${method} is 405, and names the allowed method`, async () => {
      const { headers } = delivery("generic");
      const answer = await gateway.request("/webhooks/good", { method, headers });
      assertProblem(answer, 405);
      assert.equal(answer.headers.allow, "POST");
    });
  }

  test("does not depend on the query", async () => {
    assert.equal((await gateway.request("/webhooks/good?a=/webhooks/nobody", delivery("generic"))).status, 200);
  });

  for (const path of ["/healthz", "/webhooks/health"]) {
    test(`to GET ${path} has version and time, for the operator the usable sources, and for HEAD no body`, async () => {
      const answer = await gateway.request(path, { method: "GET" });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], "application/json");
      assert.equal(answer.headers["cache-control"], "no-store");
      const health = answer.json();
      assert.match(health.version, /^\d+\.\d+\.\d+$/);
      assert.ok(Math.abs(Date.parse(health.time) - Date.now()) < 5000);
      assert.equal(health.status, "degraded");
      assert.deepEqual(Object.keys(health).sort(), ["status", "time", "version"], "no names of sources");
      const show = (token) => ({ method: "GET", headers: { authorization: `Bearer ${token}` } });
      const { sources } = (await gateway.request(path, show(ADMIN_TOKEN))).json();
      assertProblem(await gateway.request(path, show("somebody-else-s-token")), 401);
      const usable = Object.entries(sources).map(([name, state]) => [name, state.usable]);
      const expected = [...GOOD.map((name) => [name, true]), ...Object.keys(BROKEN).map((name) => [name, false])];
      assert.deepEqual(Object.fromEntries(usable), Object.fromEntries(expected));

      const head = await gateway.request(path, { method: "HEAD" });
      assert.equal(head.status, 200);
      assert.equal(head.headers["content-type"], "application/json");
      assert.equal(head.body.length, 0);
      const post = await gateway.request(path, delivery("generic"));
      assertProblem(post, 405);
      assert.equal(post.headers.allow, "GET, HEAD");
    });
  }

  for (const [name, [key, problem]] of Object.entries(BROKEN)) {
    test(`of a misconfigured source (${name}) is 500, the wrong key is logged, and other sources serve`, async () => {
      const answer = await gateway.post(name, delivery("generic"));
      assertProblem(answer, 500);
      assert.doesNotMatch(answer.body.toString(), /SECRET|SOURCES|strype/, "the sender does not see the mistake");
      const complaint = gateway
        .records()
        .find(({ reason, detail }) => reason === "configuration" && detail.startsWith(`${key}: `));
      assert.ok(complaint, `a complaint about ${key}`);
      assert.equal(complaint.level, "error");
      assert.match(complaint.detail, problem);
      assert.equal((await gateway.post("good", delivery("generic"))).status, 200);
      const lines = gateway.records().filter(({ source }) => source === name);
      const told = lines.map(({ level, verdict, reason, status }) => ({ level, verdict, reason, status }));
      const expected = { level: "error", verdict: "failed", reason: "misconfigured", status: 500 };
      assert.deepEqual(told, [expected], "one line for the request");
    });
  }

  test("to an accepted event is the source's own answer, and its duplicate gets the same", async () => {
    const sent = delivery("generic");
    for (const answer of [await gateway.post("own", sent), await gateway.post("own", sent)]) {
      assert.deepEqual([answer.status, answer.body.toString()], [202, "<Response/>"]);
      assert.equal(answer.headers["content-type"], "application/xml");
      assert.equal(answer.headers["x-content-type-options"], "nosniff");
    }
    assertProblem(await gateway.post("own", delivery("generic", { key: "not the secret" })), 401);
    const bare = await gateway.post("bare", delivery("generic"));
    assert.deepEqual([bare.status, bare.body.length, bare.headers["content-type"]], [204, 0, undefined]);
  });

  test("to Xero has no body and no content type, with 200 and with 401", async () => {
    const body = '{"events":[],"entropy":"S0m3r4Nd0mt3xt"}';
    const signature = createHmac("sha256", SECRETS.GENERIC_SECRET).update(body).digest("base64");
    for (const [sent, status] of [[signature, 200], [signature, 200], [`${"A".repeat(43)}=`, 401]]) {
      const answer = await gateway.post("xero", { body, headers: { "x-xero-signature": sent } });
      assert.deepEqual([answer.status, answer.body.length, answer.headers["content-type"]], [status, 0, undefined]);
    }
  });

  const ids = { "no id": undefined, "an empty id": "", "null as id": null, "a list as id": ["evt"] };
  for (const [what, id] of Object.entries(ids)) {
    test(`to an authentic event with ${what} is 422`, async () => {
      const body = JSON.stringify({ id, type: "t", created_at: new Date().toISOString() });
      assertProblem(await gateway.post("good", delivery("generic", { body })), 422);
    });
  }

  test("to an authentic event with two ids is 422", async () => {
    const body = `{"id":"a","type":"t","created_at":"${new Date().toISOString()}","id":"b"}`;
    assertProblem(await gateway.post("good", delivery("generic", { body })), 422);
  });

  test("to an event of an unwanted type is 200, and the event is dropped", async () => {
    const sent = delivery("generic");
    const answer = await gateway.post("picky", sent);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), { received: true, filtered: true, id: sent.id });
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
  const late = delivery("generic", { at: Date.now() - 3 * HOUR });
  const unsigned = { ...sent, headers: {} };

  test("has one line for an accepted request, with source, event, key, size and time", async () => {
    const { key, ms, ...line } = await lineOf(() => gateway.post("good", sent));
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.ok(Number.isInteger(ms) && ms >= 0);
    assert.deepEqual(line, {
      verdict: "accepted",
      source: "good",
      id: sent.id,
      type: "user.created",
      provenance: line.provenance,
      body_bytes: sent.body.length,
      status: 200,
    });
    const [forward] = gateway.origin.of("good").filter(({ body }) => body.equals(sent.body));
    assert.equal(forward.headers["idempotency-key"], key);
  });

  test("has one line for a forward", async () => {
    const [line, ...more] = gateway.records("good").filter(({ id, attempt }) => id === sent.id && attempt);
    assert.deepEqual(more, []);
    const { verdict, body_bytes, status, attempt } = line;
    assert.deepEqual({ verdict, body_bytes, status, attempt }, {
      verdict: "delivered",
      body_bytes: sent.body.length,
      status: 200,
      attempt: 1,
    });
  });

  const requests = {
    "a repeated request": [() => gateway.post("good", sent), { verdict: "duplicate", id: sent.id, status: 200 }],
    "a late request": [
      () => gateway.post("good", late),
      { verdict: "rejected", status: 401, source: "good", body_bytes: late.body.length },
    ],
    "an unsigned request": [() => gateway.post("good", unsigned), { verdict: "rejected", status: 401, source: "good" }],
    "an unknown source": [
      () => gateway.post("nobody", sent),
      { verdict: "rejected", reason: "not_found", status: 404 },
    ],
    "a misconfigured source": [
      () => gateway.post("unknown", sent),
      { verdict: "failed", reason: "misconfigured", status: 500, source: "unknown" },
    ],
    "a wrong method": [
      () => gateway.request("/webhooks/good", { method: "GET" }),
      { verdict: "rejected", reason: "wrong_method", status: 405, source: "good" },
    ],
  };
  for (const [what, [send, expected]] of Object.entries(requests)) {
    test(`has one line for ${what}`, async () => {
      const line = await lineOf(send);
      const fields = Object.keys(expected).map((name) => [name, line[name]]);
      assert.deepEqual(Object.fromEntries(fields), expected);
      assert.ok(Number.isInteger(line.ms));
      if (line.verdict === "duplicate") return;
      assert.match(line.reason, /^[a-z_]+$/);
      assert.ok(line.detail);
      assert.equal(line.id, undefined, "the line has nothing from an unproven request");
    });
  }

  test("has different reasons for the same 401", async () => {
    const reasons = new Set(gateway.records("good").filter(({ status }) => status === 401).map(({ reason }) => reason));
    assert.equal(reasons.size, 2);
  });

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
