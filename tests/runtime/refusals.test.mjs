// An address that sends too many forged requests gets 429 for them. Its authentic requests still pass.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { openPost } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const LIMIT = 5;
const gateway = await Gateway.start({
  sources: sourcesOf(["flooded", "other", "mixed"], "generic", { deliver: "origin" }),
  secrets: { ...SECRETS, ADMIN_TOKEN },
  rejects: LIMIT,
});
after(() => gateway.close());

const from = (address, { headers, ...sent }) => ({ ...sent, headers: { ...headers, "cf-connecting-ip": address } });
const forged = () => delivery("generic", { key: "not the secret" });

/**
 * Sends requests until the answer is 429. The limiter's window may end meanwhile and allow as many refusals again, so the
 * number of 401s has a lower bound and an upper bound.
 */
async function flood(send) {
  let refused = 0;
  for (;;) {
    const { status } = await send(refused);
    if (status === 429) break;
    assert.equal(status, 401);
    refused += 1;
    assert.ok(refused <= 2 * (LIMIT + 1), `${refused} requests are 401`);
  }
  assert.ok(refused > LIMIT, `${refused} requests are 401`);
}

test("past the limit a forged request is 429 with Retry-After, only for that source and that address", async () => {
  await flood(() => gateway.post("flooded", from("203.0.113.7", forged())));
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

test("one IPv6 network counts as one address", async () => {
  await flood(() => gateway.post("mixed", from("2001:db8:1:2::1", forged())));
  assert.equal((await gateway.post("mixed", from("2001:db8:1:2:ffff::9", forged()))).status, 429);
  assert.equal((await gateway.post("mixed", from("2001:db8:1:3::1", forged()))).status, 401);
});

test("wrong admin tokens count, and the right token always passes", async () => {
  const call = (token) => from("203.0.113.7", { method: "GET", headers: { authorization: `Bearer ${token}` } });
  const ask = (token) => gateway.request("/api/dead-letters", call(token));
  await flood((at) => ask(`guess-${at}-of-the-token`));
  assert.equal((await ask(ADMIN_TOKEN)).status, 200);
});

test("if the limiter fails, forged requests are 401 as before", async () => {
  await gateway.fail("REJECTS.limit", 2 * LIMIT);
  for (let at = 0; at < 2 * LIMIT; at += 1) {
    assert.equal((await gateway.post("other", from("203.0.113.10", forged()))).status, 401);
  }
});

gateway.provesThatNoSecretLeaves();
