// `dedup = "exact"`: one request of an event is accepted, under any failure.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { assertUnavailable, eventually } from "./http.mjs";
import { delivery, source } from "./providers.mjs";

const NAMES = ["once", "crowd", "hung", "hung-inside", "erring", "unconfirmed", "unqueued"];
NAMES.push("left", "answerless", "uncached", "lapsing", "straight", "twice");
const exact = (name) => source("generic", { dedup: "exact", deliver: name === "straight" ? "origin" : "queue" });
const gateway = await Gateway.start({
  sources: { ...Object.fromEntries(NAMES.map((name) => [name, exact(name)])), other: source("generic") },
});
after(() => gateway.close());
const { origin } = gateway;

async function accepted(name, sent) {
  const answer = await gateway.post(name, sent);
  assert.deepEqual([answer.status, answer.json()], [200, { received: true, id: sent.id }]);
}

async function duplicate(name, sent) {
  const answer = await gateway.post(name, sent);
  assert.deepEqual([answer.status, answer.json()], [200, { received: true, duplicate: true, id: sent.id }]);
}

/** Waits until the messages of `name` are done. Its origin got one of them. */
async function deliveredOnce(name, messages = 1) {
  const over = ({ verdict, reason }) => verdict !== "retried" || reason === "in_flight";
  const done = () => gateway.records(name).filter((record) => record.attempt && over(record));
  await eventually(() => `${messages} messages done, ${done().length} are`, () => done().length >= messages);
  assert.equal(origin.of(name).length, 1);
}

test("an event is claimed, enqueued and confirmed, and its copies are duplicates", async () => {
  const sent = delivery("generic");
  const before = (await gateway.operations()).length;
  await accepted("once", sent);
  const steps = (await gateway.stored(before)).map(({ operation }) => operation);
  const ingest = ["DEDUP.get", "CLAIMS.admit", "CLAIMS.claim", "EVENTS.send", "CLAIMS.confirm"];
  assert.deepEqual(steps.slice(0, 5), ingest);
  await duplicate("once", sent);
  await deliveredOnce("once");
});

test("of 50 copies at once one is accepted, and no copy gets a 200 before the event is durable", async () => {
  const sent = delivery("generic");
  const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.post("crowd", sent)));
  const first = answers.filter((answer) => answer.status === 200 && !answer.json().duplicate);
  assert.equal(first.length, 1);
  const others = answers.filter((answer) => answer !== first[0]);
  for (const answer of others.filter(({ status }) => status !== 200)) assertUnavailable(answer);
  await duplicate("crowd", sent);
  await deliveredOnce("crowd");
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
    await deliveredOnce(name); // its consumer makes a claim too, and would use up the faults of the next test
  });
}

test("a failing object causes a 503, and the provider's retry is accepted", async () => {
  const sent = delivery("generic");
  for (const where of ["CLAIMS", "object"]) {
    await gateway.fail(`${where}.claim`, 2);
    assertUnavailable(await gateway.post("erring", sent));
  }
  await gateway.fail("CLAIMS.claim", 2, "after");
  assertUnavailable(await gateway.post("erring", sent));
  await accepted("erring", sent);
});

test("after one lost answer of an object, the request takes up its own claim", async () => {
  const sent = delivery("generic");
  await gateway.fail("CLAIMS.claim", 1, "after");
  await accepted("answerless", sent);
  await deliveredOnce("answerless");
});

test("a claim that is neither confirmed nor released ends with its lease", async () => {
  const sent = delivery("generic");
  await gateway.fail("CLAIMS.claim", 2, "after");
  await gateway.fail("CLAIMS.release", 1);
  assertUnavailable(await gateway.post("left", sent));
  const answer = await gateway.post("left", sent);
  assertUnavailable(answer);
  assert.equal(answer.json().title, "Delivery in flight");
  await gateway.ahead(31_000);
  await accepted("left", sent);
  await gateway.ahead(0);
});

test("objects of the version before this one still work", async () => {
  const claim = (...args) => gateway.object("0/16", ...args);
  await claim("asBefore", "a-name");
  const found = JSON.parse(await claim("claim", "a-name", 30, 600, "00000000000000a5"));
  assert.deepEqual(found, { duplicate: { first_seen: 1_000 } });
  const drawn = JSON.parse(await claim("claim", "another", 30, 600));
  assert.match(drawn.first.token, /^[0-9a-f]{16}$/, "a Worker of that version sends no token");
  assert.equal(drawn.first.acceptance, drawn.first.token);
});

test("an unconfirmed event is delivered once, although its retry is accepted too", async () => {
  const sent = delivery("generic");
  await gateway.fail("DEDUP.put");
  await gateway.fail("CLAIMS.confirm", 3);
  await accepted("unconfirmed", sent);
  await gateway.logged({ source: "unconfirmed", verdict: "delivered" });
  await gateway.ahead(31_000);
  await accepted("unconfirmed", sent);
  await deliveredOnce("unconfirmed", 2);
  await gateway.ahead(0);
});

test("an event whose enqueue failed after the fact is delivered once", async () => {
  const sent = delivery("generic");
  await gateway.fail("EVENTS.send", 1, "after");
  assertUnavailable(await gateway.post("unqueued", sent));
  await gateway.logged({ source: "unqueued", verdict: "delivered" });
  await accepted("unqueued", sent);
  await deliveredOnce("unqueued", 2);
});

test("KV may fail, because it is only a cache of the claims", async () => {
  const sent = delivery("generic");
  await gateway.fail("DEDUP.get", 2);
  await gateway.fail("DEDUP.put");
  await accepted("uncached", sent);
  await duplicate("uncached", sent);
  await deliveredOnce("uncached");
});

test("a forward whose claim was not released is sent again after its lease", async () => {
  origin.statuses("lapsing", 500);
  await gateway.fail("CLAIMS.release");
  await accepted("lapsing", delivery("generic"));
  await gateway.logged({ source: "lapsing", reason: "origin_failed" });
  await gateway.ahead(91_000);
  await gateway.logged({ source: "lapsing", verdict: "delivered" });
  assert.equal(origin.of("lapsing").length, 2, "the first attempt failed");
  await gateway.ahead(0);
});

test("of several direct copies at once, one reaches the origin", async () => {
  origin.answers("straight", (response) => setTimeout(() => response.end(), 200));
  const sent = delivery("generic");
  const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.post("straight", sent)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  await duplicate("straight", sent);
  assert.equal(origin.of("straight").length, 1);
});

test("a message that the queue hands over twice is delivered once", async () => {
  const sent = delivery("generic");
  await accepted("twice", sent);
  const sends = (await gateway.operations()).filter(({ operation }) => operation === "EVENTS.send");
  const message = sends.map(({ args }) => args[0]).find((text) => JSON.parse(text).id === sent.id);
  await gateway.enqueue(message); // in the same batch
  await deliveredOnce("twice", 2);
  await gateway.enqueue(message);
  await gateway.logged({ source: "twice", verdict: "duplicate" });
  await deliveredOnce("twice", 3);
});

test("the object follows the rules of claims", async () => {
  const call = (...args) => gateway.object("rules", ...args);
  const claim = async (ttl = 600) => JSON.parse(await call("claim", "name", 30, ttl));
  const { token: stale, first_seen } = (await claim()).first;
  assert.ok((await claim()).in_flight.until >= first_seen + 30);
  await gateway.ahead(31_000);
  const { token, first_seen: still } = (await claim()).first;
  assert.equal(still, first_seen, "another claim of the same acceptance");
  assert.deepEqual([await call("confirm", "name", stale, 600), await call("release", "name", stale)], [false, false]);
  assert.equal(await call("release", "name", token), true);
  const { token: last } = (await claim()).first;
  assert.deepEqual([await call("confirm", "name", last, 600), await call("confirm", "name", last, 600)], [true, true]);
  assert.equal(await call("release", "name", last), false);
  assert.deepEqual(await claim(), { duplicate: { first_seen } });
  assert.equal(await call("rows"), 1);
  await call("runAlarm");
  assert.equal(await call("rows"), 1);
  await gateway.ahead(32_000 + 600_000);
  assert.ok((await claim()).first, "the claim has expired");
  await gateway.ahead(32_000 + 1_200_000);
  await call("runAlarm");
  assert.equal(await call("rows"), 0, "the row is deleted");
  await gateway.ahead(0);
});

test("if more entries expire than one alarm deletes, the next alarm follows at once", async () => {
  const call = (...args) => gateway.object("crowded", ...args);
  await call("fillExpired", 10_001);
  const soon = await call("runAlarm");
  assert.equal(await call("rows"), 1, "an alarm deletes 10,000 entries at most");
  assert.ok(soon !== null && soon < 60_000, `the next alarm comes in ${soon} ms`);
  assert.equal(await call("runAlarm"), null);
  assert.equal(await call("rows"), 0);
});

gateway.provesThatNoSecretLeaves();
