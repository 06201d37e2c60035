// The default wrangler.toml, and Workers without some bindings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { unstable_readConfig as readConfig } from "wrangler";
import { CONSUMERS, Gateway, PRODUCERS } from "./gateway.mjs";
import { SECRETS, delivery, source } from "./providers.mjs";

const config = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));
const wrangler = readConfig({ config }, { hideWarnings: true });

/** A gateway for one test. */
async function gatewayFor(t, options) {
  const gateway = await Gateway.start(options);
  t.after(() => gateway.close());
  return gateway;
}
const complaints = (gateway) =>
  gateway.records().flatMap(({ reason, detail }) => (reason === "configuration" ? [detail] : []));

test("wrangler.toml has the bindings that these tests use", () => {
  const producers = wrangler.queues.producers.map(({ binding, queue }) => [binding, queue]);
  assert.deepEqual(Object.fromEntries(producers), PRODUCERS);
  assert.deepEqual(wrangler.kv_namespaces.map(({ binding }) => binding), ["DEDUP"]);
  const consumers = wrangler.queues.consumers.map((consumer) => {
    const { queue, max_batch_size, max_batch_timeout, max_retries, dead_letter_queue } = consumer;
    const ends = { maxRetries: max_retries, ...(dead_letter_queue && { deadLetterQueue: dead_letter_queue }) };
    return [queue, { maxBatchSize: max_batch_size, maxBatchTimeout: max_batch_timeout, ...ends }];
  });
  assert.deepEqual(Object.fromEntries(consumers), CONSUMERS);
  // wrangler's objects have no prototype.
  const plain = (value) => JSON.parse(JSON.stringify(value));
  assert.deepEqual(plain(wrangler.durable_objects.bindings), [{ name: "CLAIMS", class_name: "Claims" }]);
  assert.deepEqual(plain(wrangler.exports), { Claims: { type: "durable-object", storage: "sqlite" } });
  assert.deepEqual(wrangler.d1_databases.map(({ binding }) => binding), ["LOG"]);
  assert.deepEqual(wrangler.r2_buckets.map(({ binding }) => binding), ["PAYLOADS"]);
  const limits = wrangler.ratelimits.map(({ name, simple }) => [name, simple]);
  assert.deepEqual(plain(limits), [["REJECTS", { limit: 100, period: 60 }]]);
});

test("wrangler.toml serves the five systems without a complaint", async (t) => {
  const gateway = await gatewayFor(t, { sources: wrangler.vars.SOURCES });
  for (const system of ["relock", "generic", "relaybox", "chekt"]) {
    assert.equal((await gateway.post(system, delivery(system))).status, 200, system);
  }
  for (const form of ["lrdefender, plain", "lrdefender, timestamped"]) {
    assert.equal((await gateway.post("lrdefender", delivery(form))).status, 200, form);
  }
  await gateway.drained();
  assert.equal(gateway.origin.requests.length, 6);
  assert.deepEqual(complaints(gateway), []);
  assert.equal((await gateway.request("/healthz", { method: "GET" })).json().status, "ok");
});

test("SOURCES may also be the text of an object, as when set by hand", async (t) => {
  const gateway = await gatewayFor(t, { sources: JSON.stringify({ generic: source("generic") }) });
  assert.equal((await gateway.post("generic", delivery("generic"))).status, 200);
});

test("every variable whose name begins with SOURCES counts: 300 sources in ten variables", async (t) => {
  const table = (number) => Array.from({ length: 30 }, (_, at) => [`shop-${number}-${at}`, source("generic")]);
  const numbers = Array.from({ length: 9 }, (_, at) => at + 1);
  const tables = numbers.map((number) => [`SOURCES_${number}`, Object.fromEntries(table(number))]);
  tables.forEach(([name, sources]) => assert.ok(JSON.stringify(sources).length <= 5120, `${name} fits Cloudflare's limit`));
  const vars = Object.fromEntries(tables);
  vars.SOURCES_3 = JSON.stringify(vars.SOURCES_3); // as when set by hand
  const secrets = { ...SECRETS, ADMIN_TOKEN: "canary-admin-token-300" };
  const gateway = await gatewayFor(t, { sources: Object.fromEntries(table(0)), vars, secrets });
  for (const name of ["shop-0-0", "shop-3-17", "shop-9-29"]) {
    assert.equal((await gateway.post(name, delivery("generic"))).status, 200, name);
  }
  assert.equal((await gateway.post("shop-10-0", delivery("generic"))).status, 404);
  const headers = { authorization: `Bearer ${secrets.ADMIN_TOKEN}` };
  const health = (await gateway.request("/healthz", { method: "GET", headers })).json();
  assert.deepEqual([health.status, Object.keys(health.sources).length], ["ok", 300]);
});

test("a source in two variables answers 500, a source that an unreadable variable may contain too, and others serve", async (t) => {
  const vars = { SOURCES_SHOP: { twice: source("generic") }, SOURCES_TOKEN: "canary-no-table" };
  const gateway = await gatewayFor(t, { sources: { twice: source("generic"), once: source("generic") }, vars });
  assert.equal((await gateway.post("once", delivery("generic"))).status, 200);
  assert.equal((await gateway.post("twice", delivery("generic"))).status, 500);
  assert.equal((await gateway.post("nobody", delivery("generic"))).status, 500, "the unreadable variable may contain it");
  const told = complaints(gateway).join("\n");
  assert.match(told, /^SOURCES\.twice: SOURCES_SHOP has a source of the same name/m);
  assert.match(told, /^SOURCES_TOKEN: must be a table/m);
  assert.ok(!told.includes("canary"));
});

test("without the queue, sources that need it answer 500 with a complaint, and direct sources serve", async (t) => {
  const sources = { queued: source("generic"), direct: source("generic", { deliver: "origin" }) };
  const gateway = await gatewayFor(t, { sources, without: ["EVENTS", "DEAD"] });
  assert.equal((await gateway.post("queued", delivery("generic"))).status, 500);
  assert.equal((await gateway.post("direct", delivery("generic"))).status, 200);
  assert.match(complaints(gateway).join("\n"), /^SOURCES\.queued\..*EVENTS/m);
});

test("without KV, sources that need it answer 500 with a complaint, and sources without deduplication serve", async (t) => {
  const sources = { kv: source("generic"), none: source("generic", { dedup: "none" }) };
  const gateway = await gatewayFor(t, { sources, without: ["DEDUP"] });
  assert.equal((await gateway.post("kv", delivery("generic"))).status, 500);
  const sent = delivery("generic");
  for (const again of [sent, sent]) {
    assert.deepEqual((await gateway.post("none", again)).json(), { received: true, id: sent.id });
  }
  await gateway.drained();
  assert.equal(gateway.origin.of("none").length, 2, "a repeated event is delivered again");
  assert.match(complaints(gateway).join("\n"), /^SOURCES\.kv\..*DEDUP/m);
});

test("without R2, an event too large for a queue message is answered 413 and leaves nothing behind", async (t) => {
  const gateway = await gatewayFor(t, { sources: { github: source("github") }, without: ["PAYLOADS"] });
  const sent = delivery("github", { body: Buffer.alloc(100_000, "x") });
  for (const request of [sent, sent]) {
    const answer = await gateway.post("github", request);
    assert.deepEqual([answer.status, answer.json().title], [413, "Body too large for the queue"]);
    assert.equal(answer.headers["content-type"], "application/problem+json");
  }
  await gateway.logged({ source: "github", verdict: "rejected", reason: "message_too_large" });
  const operations = (await gateway.operations()).map(({ operation }) => operation);
  assert.deepEqual(operations, ["DEDUP.get", "DEDUP.get"], "an authentic request does not count as a refusal");
});

test("a feature without its binding is off, and the log says so", async (t) => {
  const without = ["LOG", "PAYLOADS", "REJECTS"];
  const gateway = await gatewayFor(t, { sources: { generic: source("generic") }, without });
  assert.equal((await gateway.post("generic", delivery("generic"))).status, 200);
  const said = gateway.lines.map(({ message }) => message).join("\n");
  for (const name of without) assert.match(said, new RegExp(name), name);
  for (let at = 0; at < 200; at += 1) {
    assert.equal((await gateway.request("/webhooks/generic", { body: "{}" })).status, 401, "never 429");
  }
});

test("without the objects of claims, exact sources answer 500 with a complaint, and others serve", async (t) => {
  const sources = { exact: source("generic", { dedup: "exact" }), kv: source("generic") };
  const gateway = await gatewayFor(t, { sources, without: ["CLAIMS"] });
  assert.equal((await gateway.post("exact", delivery("generic"))).status, 500);
  assert.equal((await gateway.post("kv", delivery("generic"))).status, 200);
  assert.match(complaints(gateway).join("\n"), /^SOURCES\.exact\..*CLAIMS/m);
});

test("with an unusable ORIGIN_SIGNING_SECRET no source serves, and the secret is not shown", async (t) => {
  const secrets = { ...SECRETS, ORIGIN_SIGNING_SECRET: "canary-unusable-f0f0" };
  const gateway = await gatewayFor(t, { sources: { generic: source("generic") }, secrets });
  const answer = await gateway.post("generic", delivery("generic"));
  assert.equal(answer.status, 500);
  const health = await gateway.request("/healthz", { method: "GET" });
  assert.equal(health.status, 200);
  assert.equal(health.json().status, "degraded");
  assert.match(complaints(gateway).join(), /^ORIGIN_SIGNING_SECRET: /);
  assert.ok(!JSON.stringify([gateway.lines, answer.body.toString(), health.body.toString()]).includes("canary"));
});
