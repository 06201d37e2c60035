// Dead letters in the real D1 and R2. One test at a time, because all tests share the table. tests/pipeline/api.rs and
// contract.test.mjs have the rules, state.test.mjs has the tables of earlier versions.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, DAY, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(["exact", "unkept", "expiring", "filtered"], "generic", { dedup: "exact" }),
    kv: source("generic"),
    large: source("github", { dedup: "exact" }),
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

const redrive = (id) => gateway.api(`dead-letters/${id}/redrive`, { method: "POST" });

async function listed(name) {
  const answer = await gateway.api(`dead-letters?source=${name}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["cache-control"], "no-store");
  return answer.json().dead_letters;
}

/** The letter of an event of `name` that the origin refused. */
async function dead(name, sent = delivery("generic")) {
  origin.statuses(name, 410);
  assert.equal((await gateway.post(name, sent)).status, 200);
  return { sent, letter: await eventually(`a letter of ${name}`, async () => (await listed(name))[0]) };
}

for (const name of ["exact", "kv"]) {
  test(`an event (${name}) that its origin refused is kept, listed, redriven, and delivered once`, async () => {
    const { sent, letter } = await dead(name);
    assert.match(letter.id, /^[0-9a-f]{64}$/);
    assert.deepEqual([letter.source, letter.event_id, letter.type], [name, sent.id, "user.created"]);
    assert.deepEqual([letter.bytes, letter.reason], [sent.body.length, "the origin answered 410"]);
    assert.equal(Date.parse(letter.expires) - Date.parse(letter.died), 30 * DAY);
    const answer = await redrive(letter.id);
    assert.deepEqual([answer.status, answer.json()], [200, { redriven: 1, failed: 0 }]);
    const [first, second] = await origin.received(name, 2);
    assert.deepEqual(second.body, sent.body);
    assert.equal(second.headers["idempotency-key"], first.headers["idempotency-key"]);
    assert.deepEqual(await listed(name), []);
    assert.equal((await redrive(letter.id)).status, 404, "the letter is redriven");
    assert.equal((await gateway.post(name, sent)).json().duplicate, true, "the key of the event is still stored");
    await gateway.logged({ source: name, verdict: "delivered" });
    assert.equal(origin.of(name).length, 2);
  });

  test(`a key (${name}) is deleted, and the event is accepted again`, async () => {
    const sent = delivery("generic");
    for (const duplicate of [undefined, true]) assert.equal((await gateway.post(name, sent)).json().duplicate, duplicate);
    const forgotten = await gateway.api(`keys?source=${name}&id=${sent.id}`, { method: "DELETE" });
    assert.deepEqual(forgotten.json(), { forgotten: true });
    assert.equal((await gateway.post(name, sent)).json().duplicate, undefined);
    await eventually("two deliveries", () => origin.of(name).filter(({ body }) => body.equals(sent.body)).length === 2);
  });
}

test("the body of a large event waits in R2 and is delivered unchanged", async () => {
  const { sent, letter } = await dead("large", delivery("github", { body: Buffer.alloc(1_000_000, "large") }));
  assert.equal(letter.bytes, 1_000_000);
  const bodies = async () => (await (await gateway.bucket()).list()).objects.filter(({ size }) => size > 0).length;
  assert.equal(await bodies(), 1);
  assert.equal((await redrive(letter.id)).status, 200);
  const [, second] = await origin.received("large", 2);
  assert.ok(second.body.equals(sent.body));
  const marks = async () => (await (await gateway.bucket()).list({ prefix: "delivered/" })).objects.length;
  await eventually("the mark", async () => (await marks()) === 1);
  assert.equal(await bodies(), 1, "the log keeps the body");
});

test("D1 fails: the letter waits in the queue and is kept later", async () => {
  await gateway.failDatabase(1_000); // the pauses and the log are in the same database
  origin.statuses("unkept", 410);
  assert.equal((await gateway.post("unkept", delivery("generic"))).status, 200);
  await gateway.logged({ source: "unkept", verdict: "retried", reason: "keep_failed" });
  await gateway.failDatabase(0);
  await eventually("the letter", async () => (await listed("unkept")).length === 1);
});

test("a letter and its body are deleted after 30 days and not before", async () => {
  await dead("expiring");
  const rows = async () => (await gateway.letters()).filter(({ source }) => source === "expiring").length;
  for (const [days, left] of [[29, 1], [32, 0]]) {
    await gateway.ahead(days * DAY);
    await gateway.sweep();
    assert.equal(await rows(), left, `after ${days} days`);
  }
  await gateway.ahead(0);
  const swept = gateway.records().filter(({ verdict }) => verdict === "swept").map(({ detail }) => detail);
  assert.match(swept.at(-1), /^[1-9][0-9]* dead letters, 2 stored bodies, [0-9]+ rows of the log( with [0-9]+ stored bodies)?$/, "a body and its mark");
});

test("the letters of one reason are counted and redriven, and no other", async () => {
  const sent = [delivery("generic"), delivery("generic"), delivery("generic")];
  origin.statuses("filtered", 410, 404, 404);
  for (const one of sent) {
    const before = (await listed("filtered")).length;
    assert.equal((await gateway.post("filtered", one)).status, 200);
    await eventually("the letter", async () => (await listed("filtered")).length > before);
  }
  const filter = { source: "filtered", type: "user.created", reason: "the origin answered 404", since: "2026-01-01T00:00:00+01:00" };
  const groups = async (more) => (await gateway.api(`dead-letters/groups?${new URLSearchParams({ ...filter, ...more })}`)).json();
  const letters = (await listed("filtered")).slice(1);
  const { source, reason } = filter;
  const group = { source, reason, count: 2, oldest: letters[0].died, newest: letters[1].died };
  assert.deepEqual(await groups(), { groups: [group], letters: 2, complete: true });
  const none = { groups: [], letters: 0, complete: true };
  for (const other of [{ type: "user.created\0" }, { reason: "\0" }, { type: "user" }, { reason: "%" }, { since: letters[1].expires }]) {
    assert.deepEqual(await groups(other), none, JSON.stringify(other));
    const body = JSON.stringify({ ...filter, ...other });
    const answer = await gateway.api("dead-letters/redrive", { method: "POST", body });
    assert.deepEqual([answer.status, answer.json()], [200, { redriven: 0, failed: 0 }], body);
  }
  const body = JSON.stringify(filter);
  assert.deepEqual((await gateway.api("dead-letters/redrive", { method: "POST", body })).json(), { redriven: 2, failed: 0 });
  assert.deepEqual(await groups(), none);
  assert.deepEqual((await listed("filtered")).map(({ event_id }) => event_id), [sent[0].id]);
  const delivered = await origin.received("filtered", 5);
  assert.deepEqual(new Set(delivered.slice(3).map(({ body }) => body.toString())), new Set(sent.slice(1).map(({ body }) => body.toString())));
});

test("the API answers 401, 404, 405, 413 or 422 to a wrong call", async () => {
  const unauthorized = await gateway.api("dead-letters", { token: "canary-admin-token-6b1f0d" });
  assert.deepEqual([unauthorized.status, unauthorized.headers["www-authenticate"]], [401, "Bearer"]);
  assert.equal((await redrive("x' OR 1=1 --")).status, 404);
  const wrong = await gateway.api("dead-letters", { method: "DELETE" });
  assert.deepEqual([wrong.status, wrong.headers.allow], [405, "GET"]);
  assert.equal((await gateway.api("dead-letters?limit=many")).status, 422);
  for (const [body, status] of [["{", 422], [`{"source":"${"x".repeat(20_000)}"}`, 413]]) {
    assert.equal((await gateway.api("dead-letters/redrive", { method: "POST", body })).status, status);
  }
});

gateway.provesThatNoSecretLeaves();
