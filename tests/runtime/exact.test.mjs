// `dedup = "exact"` with the real objects. tests/pipeline/claims.rs and contract.test.mjs have the rules of claims.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { assertUnavailable, eventually } from "./http.mjs";
import { delivery, source, sourcesOf } from "./providers.mjs";

const NAMES = ["once", "crowd", "hung", "hung-inside", "erring"];
const gateway = await Gateway.start({
  sources: { ...sourcesOf(NAMES, "generic", { dedup: "exact" }), other: source("generic") },
});
after(() => gateway.close());

async function accepted(name, sent) {
  const answer = await gateway.post(name, sent);
  assert.deepEqual([answer.status, answer.json()], [200, { received: true, id: sent.id }]);
}

/** Sends a copy of an accepted event, and waits until the event is delivered. */
async function deliveredOnce(name, sent) {
  const answer = await gateway.post(name, sent);
  assert.deepEqual([answer.status, answer.json()], [200, { received: true, duplicate: true, id: sent.id }]);
  await gateway.logged({ source: name, verdict: "delivered" });
  await gateway.drained();
  assert.equal(gateway.origin.of(name).length, 1);
}

test("an event is claimed, enqueued and confirmed, and its copies are duplicates", async () => {
  const sent = delivery("generic");
  const before = (await gateway.operations()).length;
  await accepted("once", sent);
  const steps = (await gateway.stored(before)).map(({ operation }) => operation);
  const ingest = ["DEDUP.get", "CLAIMS.admit", "CLAIMS.claim", "EVENTS.send", "CLAIMS.confirm"];
  assert.deepEqual(steps.slice(0, 5), ingest);
  await deliveredOnce("once", sent);
});

test("of 50 copies at once one is accepted, and no copy gets a 200 before the event is durable", async () => {
  const sent = delivery("generic");
  const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.post("crowd", sent)));
  const first = answers.filter((answer) => answer.status === 200 && !answer.json().duplicate);
  assert.equal(first.length, 1);
  answers.filter(({ status }) => status !== 200).forEach(assertUnavailable);
  await deliveredOnce("crowd", sent);
});

for (const [name, where] of [["hung", "CLAIMS"], ["hung-inside", "object"]]) {
  test(`a hanging object (${where}) causes a 503 after three seconds, and other sources serve meanwhile`, async () => {
    const sent = delivery("generic");
    await gateway.fail(`${where}.claim`, 2, "hang");
    const before = (await gateway.operations()).length;
    const hanging = gateway.post(name, sent);
    await eventually("the claim", async () => (await gateway.operations(before)).some(({ failed }) => failed));
    assert.equal((await gateway.post("other", delivery("generic"))).status, 200);
    assertUnavailable(await hanging);
    const record = await gateway.logged({ source: name, reason: "claim_failed" });
    assert.match(record.detail, /no answer within 1500 ms/);
    await accepted(name, sent);
    await deliveredOnce(name, sent); // the consumer makes a claim too, and would use up the faults of the next test
  });
}

test("a failing object causes a 503, and the provider's retry is accepted", async () => {
  const sent = delivery("generic");
  for (const fault of [["CLAIMS.claim", 2], ["object.claim", 2], ["CLAIMS.claim", 2, "after"]]) {
    await gateway.fail(...fault);
    assertUnavailable(await gateway.post("erring", sent));
  }
  await accepted("erring", sent);
  await deliveredOnce("erring", sent);
});

test("an alarm deletes at most 10,000 entries, only expired ones, and the next alarm follows at once", async () => {
  const call = (...args) => gateway.object("crowded", ...args);
  await call("fillExpired", 10_001);
  // A Worker of the version before this one sends no token.
  assert.match(JSON.parse(await call("claim", "kept", 30, 600)).first.token, /^[0-9a-f]{16}$/);
  const soon = await call("runAlarm");
  assert.equal(await call("rows"), 2);
  assert.ok(soon !== null && soon < 60_000, `the next alarm comes in ${soon} ms`);
  await call("runAlarm");
  assert.equal(await call("rows"), 1, "the claim has not expired");
  await gateway.ahead(2_000_000);
  assert.equal(await call("runAlarm"), null);
  assert.equal(await call("rows"), 0);
  await gateway.ahead(0);
});

gateway.provesThatNoSecretLeaves();
