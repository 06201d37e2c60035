// The log in the real D1. tests/pipeline/log.rs has the rules.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, DAY, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(["fine", "failing", "flood", "hung", "bytes", "old"], "generic"),
    exact: source("generic", { dedup: "exact" }),
    picky: source("generic", { events: ["invoice.*"] }),
    direct: source("generic", { deliver: "origin" }),
    secret: source("generic", { redact: ["$.card"] }),
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

async function events(query) {
  const answer = await gateway.api(`events?${query}`);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json().events;
}

/** The details of the only event of a source, once it is in this state. */
async function event(name, state) {
  const [{ id }] = await eventually(`an event of ${name} that is ${state}`, async () => {
    const found = await events(`source=${name}&state=${state}`);
    return found.length > 0 && found;
  });
  return (await gateway.api(`events/${id}`)).json();
}

const rows = async (sql) => (await (await gateway.database()).prepare(sql).all()).results;

for (const name of ["fine", "exact", "direct"]) {
  test(`a delivered event (${name}) is in the log, with its body and its attempt`, async () => {
    const sent = delivery("generic");
    assert.equal((await gateway.post(name, sent)).status, 200);
    const found = await event(name, "delivered");
    assert.deepEqual([found.event_id, found.type, found.status, found.attempts], [sent.id, "user.created", 200, 1]);
    assert.deepEqual([found.kept, found.body], ["exact", sent.body.toString()]);
    assert.equal(found.destination, `${origin.url}/${name}`);
    assert.equal(found.history.length, 1);
    assert.match(found.why, /accepted the event at .*, after 1 attempt/);
  });
}

test("a failing event has every attempt, and then it is delivered", async () => {
  origin.statuses("failing", 503, 500);
  assert.equal((await gateway.post("failing", delivery("generic"))).status, 200);
  const retrying = await event("failing", "retrying");
  assert.ok(retrying.next_attempt > retrying.received);
  const found = await eventually("the delivery", async () => (await events("source=failing&state=delivered"))[0], 60_000);
  const { history } = (await gateway.api(`events/${found.id}`)).json();
  assert.deepEqual(history.map(({ number, status }) => [number, status]), [[1, 503], [2, 500], [3, 200]]);
});

test("a filtered event is in the log, with the rule", async () => {
  assert.equal((await gateway.post("picky", delivery("generic"))).json().filtered, true);
  assert.match((await event("picky", "filtered")).why, /events.*user\.created/);
});

test("a redacted value is in no table", async () => {
  const body = JSON.stringify({ ...JSON.parse(delivery("generic").body), card: "4242424242424242" });
  assert.equal((await gateway.post("secret", delivery("generic", { body }))).status, 200);
  const found = await event("secret", "delivered");
  assert.deepEqual([found.kept, JSON.parse(found.body).card], ["redacted", "[redacted]"]);
  assert.equal((await events("text=4242424242424242")).length, 0);
  assert.equal(origin.of("secret")[0].body.toString(), body, "the destination gets every byte");
});

test("bytes that are no text come back exactly, and a text is found in any case", async () => {
  const text = JSON.stringify({ ...JSON.parse(delivery("generic").body), note: "Zürich \u0000 🦀 ﬁn" });
  const sent = delivery("generic", { body: text });
  await gateway.post("bytes", sent);
  const found = await event("bytes", "delivered");
  assert.equal(found.body, text);
  assert.deepEqual((await events("source=bytes&text=zürich")).map(({ id }) => id), [found.id]);
});

test("a flood of forged requests costs a bounded number of rows, and is counted exactly", async () => {
  const forged = { ...delivery("generic"), body: '{"forged":true}' };
  const before = (await gateway.operations()).length;
  const many = 600;
  for (let sent = 0; sent < many; sent += 50) {
    await Promise.all(Array.from({ length: 50 }, () => gateway.post("flood", forged)));
  }
  const counted = async () => {
    const found = await rows("SELECT sum(count) AS count FROM counts WHERE source = 'flood'");
    return found[0]?.count === many;
  };
  // No call of the API helps: a request writes the counts after its answer.
  await eventually("the exact count", counted, 20_000);
  const samples = await rows("SELECT * FROM refused WHERE source = 'flood'");
  assert.ok(samples.length >= 5 && samples.length <= 10, `${samples.length} samples in one or two minutes`);
  assert.equal(samples[0].body, '{"forged":true}');
  const writes = (await gateway.operations(before)).filter(({ operation }) => operation === "LOG.batch");
  assert.ok(writes.length <= 10, `${writes.length} writes`);
});

test("a database that hangs or fails delays no delivery for longer than its limit, and loses none", async () => {
  for (const when of ["hang", "before", "after"]) {
    await gateway.fail("LOG.batch", 1, when);
    const [sent, begin] = [delivery("generic"), (await gateway.operations()).length];
    assert.equal((await gateway.post("hung", sent)).status, 200);
    const failed = async () => (await gateway.operations(begin)).some((one) => one.operation === "LOG.batch" && one.failed);
    await eventually("the consumer's write", failed);
    await eventually(`the delivery (${when})`, () => origin.of("hung").some(({ body }) => body.equals(sent.body)));
    const found = await eventually("the row", async () => (await events(`source=hung&id=${sent.id}`))[0], 20_000);
    assert.deepEqual([found.state, found.attempts], ["delivered", 1]);
  }
  assert.equal(origin.of("hung").length, 3);
});

test("the tables are created again if they are missing", async () => {
  const database = await gateway.database();
  for (const table of ["events", "log_events", "counts", "refused", "deliveries", "duplicates", "swept"]) {
    await database.prepare(`DROP TABLE IF EXISTS ${table}`).run();
  }
  assert.equal((await gateway.post("old", delivery("generic"))).status, 200);
  await event("old", "delivered");
});

test("rows of the version before are in the list, without a migration and after the cron", async () => {
  const database = await gateway.database();
  const name = (number) => `3f29a1c8e07b4d5692fe10ab7d0c1b2${number}`;
  const received = Math.floor(Date.now() / 1000);
  const head = JSON.stringify({ dedupkey: "k", provider: "generic", headers: "[]" });
  const sql = `INSERT INTO events VALUES (?1, ?2, ?3, ?3, 'before', 'delivered', NULL, 200, 0, NULL, ?3, NULL, 'evt_1', 't', 4, 7,
    NULL, 'exact', NULL, '[]', ?4, 'body')`;
  const write = (number) => database.prepare(sql).bind(Math.floor(received / 60), name(number), received, head);
  await database.prepare("DROP TABLE log_events").run();
  await write(1).run();
  const first = await eventually("the row", async () => (await events("source=before"))[0]);
  assert.equal(first.id, `${received}-${name(1)}`);
  await write(2).run(); // by an isolate of the version before
  await gateway.sweep();
  const ids = (await events("source=before")).map(({ id }) => id);
  assert.deepEqual(ids, [2, 1].map((number) => `${received}-${name(number)}`));
  assert.equal((await gateway.api(`events/${first.id}`)).json().body, "body");
  const { body, kept } = (await gateway.api(`events/${first.id}?body=false`)).json();
  assert.deepEqual({ body, kept }, { body: null, kept: "exact" });
  assert.deepEqual(await rows("SELECT * FROM events"), []);
});

test("the cron deletes expired rows", async () => {
  await gateway.ahead(9 * DAY);
  await gateway.sweep();
  await gateway.ahead(32 * DAY);
  await gateway.sweep();
  assert.deepEqual(await rows("SELECT * FROM log_events"), []);
  await gateway.ahead(0);
});
