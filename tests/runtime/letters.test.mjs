// Dead letters are kept, listed, redriven and at last deleted. One test at a time, because all tests share the table.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { SECRETS, delivery, source } from "./providers.mjs";

const ADMIN_TOKEN = "canary-admin-token-6b1f0c";
const DAY = 24 * 3600 * 1000;
const secrets = { ...SECRETS, ADMIN_TOKEN };
const NAMES = ["refused", "unkept", "untaken", "first", "second", "expiring", "away"];
const gateway = await Gateway.start({
  sources: {
    ...Object.fromEntries(NAMES.map((name) => [name, source("generic", { dedup: "exact" })])),
    kv: source("generic"),
    large: source("github", { dedup: "exact" }),
  },
  secrets,
});
after(() => gateway.close());
const { origin } = gateway;

/** Fails the next `times` calls of each operation of the database. */
async function failDatabase(times) {
  for (const operation of ["LOG.run", "LOG.all", "LOG.batch", "LOG.first"]) await gateway.fail(operation, times);
}

function api(path, { method = "GET", token = ADMIN_TOKEN, body } = {}) {
  const headers = { ...(token && { authorization: `Bearer ${token}` }) };
  return gateway.request(`/api/${path}`, { method, headers, body });
}
const redrive = (id) => api(`dead-letters/${id}/redrive`, { method: "POST" });
const redriveAll = (filter) => api("dead-letters/redrive", { method: "POST", body: filter && JSON.stringify(filter) });

async function listed(query = "") {
  const answer = await api(`dead-letters${query}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["cache-control"], "no-store");
  return answer.json().dead_letters;
}

/** The letter of an event of `name` that the origin refused. */
async function dead(name, sent = delivery("generic")) {
  origin.statuses(name, 410);
  assert.equal((await gateway.post(name, sent)).status, 200);
  const letter = () => listed(`?source=${name}`).then(([letter]) => letter);
  return { sent, letter: await eventually(`a letter of ${name}`, letter) };
}

test("an event that its origin refused is kept, listed, redriven, and delivered once", async () => {
  const { sent, letter } = await dead("refused");
  assert.match(letter.id, /^[0-9a-f]{64}$/);
  assert.deepEqual([letter.source, letter.event_id, letter.type], ["refused", sent.id, "user.created"]);
  assert.deepEqual([letter.bytes, letter.reason], [sent.body.length, "the origin answered 410"]);
  assert.equal(Date.parse(letter.expires) - Date.parse(letter.died), 30 * DAY);
  const answer = await redrive(letter.id);
  assert.deepEqual([answer.status, answer.json()], [200, { redriven: 1, failed: 0 }]);
  const [first, second] = await origin.received("refused", 2);
  assert.deepEqual(second.body, sent.body);
  assert.equal(second.headers["idempotency-key"], first.headers["idempotency-key"]);
  assert.deepEqual(await listed("?source=refused"), []);
  const again = await redrive(letter.id);
  assert.equal(again.status, 404, "the letter is redriven");
  const copy = await gateway.post("refused", sent);
  assert.equal(copy.json().duplicate, true, "the key of the event is still stored");
  await gateway.logged({ source: "refused", verdict: "delivered" });
  assert.equal(origin.of("refused").length, 2);
});

test("a dead event of a kv source is kept and redriven too", async () => {
  const { sent, letter } = await dead("kv");
  assert.equal((await redrive(letter.id)).status, 200);
  const [, second] = await origin.received("kv", 2);
  assert.deepEqual(second.body, sent.body);
});

test("the body of a large event waits in R2 and is delivered unchanged", async () => {
  const { sent, letter } = await dead("large", delivery("github", { body: Buffer.alloc(1_000_000, "large") }));
  assert.equal(letter.bytes, 1_000_000);
  const bodies = async () => (await (await gateway.bucket()).list()).objects.filter(({ size }) => size > 0);
  const stored = async () => (await bodies()).length;
  assert.equal(await stored(), 1);
  assert.equal((await redrive(letter.id)).status, 200);
  const [, second] = await origin.received("large", 2);
  assert.ok(second.body.equals(sent.body));
  await eventually("no body left", async () => (await stored()) === 0);
});

test("D1 fails: the letter waits in the queue and is kept later", async () => {
  await failDatabase(1);
  origin.statuses("unkept", 410);
  assert.equal((await gateway.post("unkept", delivery("generic"))).status, 200);
  await gateway.logged({ source: "unkept", verdict: "retried", reason: "keep_failed" });
  await failDatabase(0);
  await eventually("the letter", async () => (await listed("?source=unkept")).length === 1);
});

test("the queue fails during a redrive: the letter stays and can be redriven later", async () => {
  const { letter } = await dead("untaken");
  await gateway.fail("EVENTS.send");
  assert.equal((await redrive(letter.id)).status, 503);
  assert.equal((await listed("?source=untaken")).length, 1);
  assert.equal((await redrive(letter.id)).status, 404, "the failed redrive holds the letter for a minute");
  await gateway.ahead(61_000);
  assert.equal((await redrive(letter.id)).status, 200);
  await origin.received("untaken", 2);
  await gateway.ahead(0);
});

test("a redrive takes the letters that match its filter, up to its limit", async () => {
  for (const name of ["first", "second"]) {
    origin.statuses(name, 410, 410, 410);
    for (let at = 0; at < 3; at += 1) assert.equal((await gateway.post(name, delivery("generic"))).status, 200);
  }
  await eventually("six letters", async () => {
    return (await listed("?source=first")).length + (await listed("?source=second")).length === 6;
  });
  const [one, ...others] = await listed("?source=first");
  assert.deepEqual((await listed("?source=first&limit=1")).map(({ id }) => id), [one.id]);
  assert.deepEqual((await listed(`?source=first&after=${one.id}`)).map(({ id }) => id), others.map(({ id }) => id));
  assert.deepEqual((await redriveAll({ source: "first", limit: 2 })).json(), { redriven: 2, failed: 0 });
  assert.deepEqual((await redriveAll({ source: "first" })).json(), { redriven: 1, failed: 0 });
  await origin.received("first", 6);
  assert.equal((await listed("?source=second")).length, 3, "the letters of another source stay");
  assert.equal(origin.of("second").length, 3);
  const rest = await listed();
  assert.deepEqual((await redriveAll()).json(), { redriven: rest.length, failed: 0 });
  await origin.received("second", 6);
});

test("a letter and its body are deleted after 30 days and not before", async () => {
  origin.statuses("expiring", 410);
  await gateway.post("expiring", delivery("generic"));
  await eventually("the letter", async () => (await listed("?source=expiring")).length === 1);
  const rows = async () => (await gateway.letters()).filter(({ source }) => source === "expiring").length;
  await gateway.ahead(29 * DAY);
  await gateway.sweep();
  assert.equal(await rows(), 1);
  await gateway.ahead(31 * DAY);
  await gateway.sweep();
  assert.equal(await rows(), 0);
  await gateway.ahead(0);
  const swept = gateway.records().filter(({ verdict }) => verdict === "swept").map(({ detail }) => detail);
  assert.match(swept.at(-1), /^[1-9][0-9]* dead letters, 1 stored bodies$/, "the mark of a delivery");
});

test("the database is down for long: the letter waits in the bucket, and the sweep moves it into the table", async () => {
  origin.statuses("away", 410);
  assert.equal((await gateway.post("away", delivery("generic"))).status, 200);
  await eventually("the letter", async () => (await listed("?source=away")).length === 1);
  const { message } = (await gateway.letters()).find(({ source }) => source === "away");
  const other = message.replace(/"acceptance":"[0-9a-f]{4}/, '"acceptance":"0123');
  await failDatabase(1000);
  const waiting = async () => (await (await gateway.bucket()).list({ prefix: "letters/" })).objects.length;
  assert.equal(await gateway.batch("hookgate-dead", other, 5), "retry");
  assert.equal(await waiting(), 0);
  assert.equal(await gateway.batch("hookgate-dead", other, 6), "ack");
  assert.equal(await waiting(), 1);
  await gateway.sweep();
  assert.equal(await waiting(), 1, "while the database is down");
  await failDatabase(0);
  await gateway.sweep();
  assert.equal((await listed("?source=away")).length, 2);
  assert.equal(await waiting(), 0);
});

test("a table of the version before this one gets the new column, and its letters are redriven", async (t) => {
  const old = await Gateway.start({ sources: { away: source("generic") }, secrets });
  t.after(() => old.close());
  const database = await old.database();
  const columns = "id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, " +
    "received TEXT NOT NULL, died INTEGER NOT NULL, reason TEXT NOT NULL, bytes INTEGER NOT NULL, payload TEXT, " +
    "expires INTEGER NOT NULL, message TEXT NOT NULL, taken_until INTEGER NOT NULL DEFAULT 0, redriven INTEGER";
  await database.prepare(`CREATE TABLE dead_letters (number INTEGER PRIMARY KEY AUTOINCREMENT, ${columns})`).run();
  const { message, ...row } = (await gateway.letters()).find(({ source }) => source === "away");
  const before = message.replace(/"acceptance":"[0-9a-f]+",/, "");
  assert.notEqual(before, message);
  await database.prepare("INSERT INTO dead_letters (id, source, event_id, type, key, received, died, reason, bytes, expires, message) " +
    "VALUES (?, 'away', ?, ?, ?, ?, ?, 'r', 1, ?, ?)")
    .bind("a".repeat(64), row.event_id, row.type, row.key, row.received, row.died, row.expires, before).run();
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const list = async () => (await old.request("/api/dead-letters", { method: "GET", headers })).json().dead_letters;
  assert.deepEqual((await list()).map(({ id, redrives }) => [id, redrives]), [["a".repeat(64), 0]]);
  const answer = await old.request(`/api/dead-letters/${"a".repeat(64)}/redrive`, { method: "POST", headers });
  assert.deepEqual([answer.status, answer.json()], [200, { redriven: 1, failed: 0 }]);
  await old.origin.received("away");
});

test("a key is deleted in KV and in its object, and the event is accepted again", async () => {
  for (const name of ["kv", "untaken"]) {
    const sent = delivery("generic");
    assert.equal((await gateway.post(name, sent)).json().duplicate, undefined);
    assert.equal((await gateway.post(name, sent)).json().duplicate, true);
    const forget = () => api(`keys?source=${name}&id=${sent.id}`, { method: "DELETE" });
    assert.deepEqual((await forget()).json(), { forgotten: true });
    assert.equal((await gateway.post(name, sent)).json().duplicate, undefined, name);
    await eventually("two deliveries", () => origin.of(name).filter(({ body }) => body.equals(sent.body)).length === 2);
  }
});

test("a list after an unknown letter is refused", async () => {
  assert.equal((await api("dead-letters?after=UNKNOWN")).status, 422);
});

test("the API takes only the admin token", async () => {
  for (const token of [null, "", "canary-admin-token-6b1f0d", SECRETS.GENERIC_SECRET]) {
    const answer = await api("dead-letters", { token });
    assert.equal(answer.status, 401, token);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
    assert.equal(answer.json().title, "Unauthorized");
  }
  const basic = Buffer.from(`admin:${ADMIN_TOKEN}`).toString("base64");
  const answer = await gateway.request("/api/dead-letters", { headers: { authorization: `Basic ${basic}` } });
  assert.equal(answer.status, 401);
});

test("the API answers 404, 405, 413 or 422 to a wrong call", async () => {
  assert.equal((await api("anything")).status, 404);
  assert.equal((await redrive("0".repeat(64))).status, 404);
  assert.equal((await redrive("x' OR 1=1 --")).status, 404);
  const wrong = await api("dead-letters", { method: "DELETE" });
  assert.deepEqual([wrong.status, wrong.headers.allow], [405, "GET"]);
  for (const query of ["limit=many", "colour=red"]) assert.equal((await api(`dead-letters?${query}`)).status, 422, query);
  for (const body of ["{", '{"colour":"red"}', '{"limit":-1}', "[]"]) {
    assert.equal((await api("dead-letters/redrive", { method: "POST", body })).status, 422, body);
  }
  const huge = await api("dead-letters/redrive", { method: "POST", body: `{"source":"${"x".repeat(20_000)}"}` });
  assert.equal(huge.status, 413);
});

test("without ADMIN_TOKEN there is no API, and without LOG there are no letters", async (t) => {
  const sources = { generic: source("generic") };
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const tokenless = await Gateway.start({ sources });
  t.after(() => tokenless.close());
  for (const path of ["/api/dead-letters", "/api/dead-letters/redrive", "/api/", "/api"]) {
    const answer = await tokenless.request(path, { method: "GET", headers });
    assert.equal(answer.status, 404, path);
  }
  const unlogged = await Gateway.start({ sources, secrets, without: ["LOG"] });
  t.after(() => unlogged.close());
  const answer = await unlogged.request("/api/dead-letters", { method: "GET", headers });
  assert.deepEqual([answer.status, answer.json().title], [501, "Not switched on"]);
});

gateway.provesThatNoSecretLeaves();
