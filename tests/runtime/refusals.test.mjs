// An address that sends too many forged requests gets 429 for them. Its authentic requests still pass.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { openPost } from "./http.mjs";
import { SECRETS, delivery, source } from "./providers.mjs";

const LIMIT = 5;
const ADMIN_TOKEN = "canary-admin-token-6b1f0c";
const NAMES = ["flooded", "other", "valid", "mixed"];
const gateway = await Gateway.start({
  sources: Object.fromEntries(NAMES.map((name) => [name, source("generic", { deliver: "origin" })])),
  secrets: { ...SECRETS, ADMIN_TOKEN },
  rejects: LIMIT,
});
after(() => gateway.close());

const from = (address, { headers, ...sent }) => ({ ...sent, headers: { ...headers, "cf-connecting-ip": address } });
const forged = () => delivery("generic", { key: "not the secret" });

/** Sends forged requests beyond the limit. Returns the statuses. */
async function flood(name, address) {
  const statuses = [];
  for (let at = 0; at < LIMIT + 3; at += 1) statuses.push((await gateway.post(name, from(address, forged()))).status);
  return statuses;
}

test("past the limit a forged request is 429 with Retry-After, only for that source and that address", async () => {
  assert.deepEqual(await flood("flooded", "203.0.113.7"), [401, 401, 401, 401, 401, 401, 429, 429]);
  const before = (await gateway.operations()).length;
  const answer = await gateway.post("flooded", from("203.0.113.7", forged()));
  assert.equal(answer.status, 429);
  assert.equal(answer.headers["retry-after"], "60");
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.deepEqual(await gateway.operations(before), [], "a 429 is not counted");
  await gateway.logged({ source: "flooded", status: 429, reason: "too_many_refusals" });
  assert.equal((await gateway.post("flooded", from("203.0.113.8", forged()))).status, 401);
  assert.equal((await gateway.post("other", from("203.0.113.7", forged()))).status, 401);
});

test("past the limit a request without a signature is 429 before its body ends", async () => {
  const headers = { "cf-connecting-ip": "203.0.113.7", "transfer-encoding": "chunked" };
  const socket = openPost(gateway.port, "flooded", headers);
  socket.write("4\r\nbody\r\n");
  const answer = await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
  socket.destroy();
  assert.match(answer.toString(), /^HTTP\/1\.1 429 /);
});

test("past the limit an authentic request is accepted", async () => {
  assert.equal((await gateway.post("flooded", from("203.0.113.7", delivery("generic")))).status, 200);
  assert.equal((await gateway.post("flooded", from("203.0.113.7", forged()))).status, 429, "the limit still holds");
});

test("past the limit the log has one line a second", async () => {
  const lines = () => gateway.records("flooded").filter(({ status }) => status === 429).length;
  const [before, began] = [lines(), Date.now()];
  for (let at = 0; at < 50; at += 1) await gateway.post("flooded", from("203.0.113.7", forged()));
  assert.ok(lines() - before <= 2 + (Date.now() - began) / 1000, `${lines() - before} lines`);
});

test("after a minute a forged request is 401 again", async () => {
  await gateway.ahead(61_000);
  assert.equal((await gateway.post("flooded", from("203.0.113.7", forged()))).status, 401);
  await gateway.ahead(0);
});

test("one IPv6 network counts as one address", async () => {
  await flood("mixed", "2001:db8:1:2::1");
  assert.equal((await gateway.post("mixed", from("2001:db8:1:2:ffff::9", forged()))).status, 429);
  assert.equal((await gateway.post("mixed", from("2001:db8:1:3::1", forged()))).status, 401);
});

test("an authentic request never counts: a new event, a duplicate, an event without an id", async () => {
  const before = (await gateway.operations()).length;
  for (let at = 0; at < 2 * LIMIT; at += 1) {
    const sent = from("203.0.113.9", delivery("generic"));
    for (const one of [sent, sent]) assert.equal((await gateway.post("valid", one)).status, 200);
    const body = JSON.stringify({ type: "t", created_at: new Date().toISOString() });
    assert.equal((await gateway.post("valid", from("203.0.113.9", delivery("generic", { body })))).status, 422);
  }
  const counted = (await gateway.operations(before)).filter(({ operation }) => operation.startsWith("REJECTS"));
  assert.deepEqual(counted, []);
});

test("wrong admin tokens count, and the right token always passes", async () => {
  const ask = (token) => {
    const headers = { authorization: `Bearer ${token}`, "cf-connecting-ip": "203.0.113.7" };
    return gateway.request("/api/dead-letters", { method: "GET", headers });
  };
  for (let at = 0; at <= LIMIT; at += 1) assert.equal((await ask(`guess-${at}-of-the-token`)).status, 401);
  assert.equal((await ask("another-guess-at-the-token")).status, 429);
  assert.equal((await ask(ADMIN_TOKEN)).status, 200);
});

test("if the limiter fails, forged requests are 401 as before", async () => {
  await gateway.fail("REJECTS.limit", 2 * LIMIT);
  assert.deepEqual(new Set(await flood("other", "203.0.113.10")), new Set([401]));
  await gateway.fail("REJECTS.limit", 0);
});

gateway.provesThatNoSecretLeaves();
