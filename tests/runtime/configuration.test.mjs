// The default wrangler.toml, and Workers without some bindings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { unstable_readConfig as readConfig } from "wrangler";
import { CONSUMERS, Gateway, PRODUCERS } from "./gateway.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source } from "./providers.mjs";

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

test("every variable whose name begins with SOURCES counts: 300 sources in ten variables", async (t) => {
  const table = (number) => Array.from({ length: 30 }, (_, at) => [`shop-${number}-${at}`, source("generic")]);
  const numbers = Array.from({ length: 9 }, (_, at) => at + 1);
  const tables = numbers.map((number) => [`SOURCES_${number}`, Object.fromEntries(table(number))]);
  tables.forEach(([name, sources]) => assert.ok(JSON.stringify(sources).length <= 5120, `${name} fits Cloudflare's limit`));
  const vars = Object.fromEntries(tables);
  vars.SOURCES_3 = JSON.stringify(vars.SOURCES_3); // a variable that is set by hand is a text
  const secrets = { ...SECRETS, ADMIN_TOKEN };
  const gateway = await gatewayFor(t, { sources: Object.fromEntries(table(0)), vars, secrets });
  for (const name of ["shop-0-0", "shop-3-17", "shop-9-29"]) {
    assert.equal((await gateway.post(name, delivery("generic"))).status, 200, name);
  }
  assert.equal((await gateway.post("shop-10-0", delivery("generic"))).status, 404);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const health = (await gateway.request("/healthz", { method: "GET", headers })).json();
  assert.deepEqual([health.status, Object.keys(health.sources).length], ["ok", 300]);
});

const NEEDS = {
  queue: [["EVENTS", "DEAD"], {}, { deliver: "origin" }],
  KV: [["DEDUP"], {}, { dedup: "none" }],
  "Durable Object": [["CLAIMS"], { dedup: "exact" }, {}],
};
for (const [what, [without, needing, other]] of Object.entries(NEEDS)) {
  test(`without the ${what}, sources that need it answer 500 with a complaint, and other sources serve`, async (t) => {
    const sources = { needing: source("generic", needing), other: source("generic", other) };
    const gateway = await gatewayFor(t, { sources, without });
    assert.equal((await gateway.post("needing", delivery("generic"))).status, 500);
    assert.equal((await gateway.post("other", delivery("generic"))).status, 200);
    assert.match(complaints(gateway).join("\n"), new RegExp(`^SOURCES\\.needing\\..*${without[0]}`, "m"));
  });
}

test("a feature without its binding is off, and the log says so", async (t) => {
  const without = ["LOG", "PAYLOADS", "REJECTS"];
  const sources = { generic: source("generic"), github: source("github") };
  const gateway = await gatewayFor(t, { sources, without, secrets: { ...SECRETS, ADMIN_TOKEN } });
  assert.equal((await gateway.post("generic", delivery("generic"))).status, 200);
  const said = gateway.lines.map(({ message }) => message).join("\n");
  for (const name of without) assert.match(said, new RegExp(name), name);
  const letters = await gateway.api("dead-letters");
  assert.deepEqual([letters.status, letters.json().title], [501, "Not switched on"]);
  const large = await gateway.post("github", delivery("github", { body: Buffer.alloc(100_000, "x") }));
  assert.deepEqual([large.status, large.json().title], [413, "Body too large for the queue"]);
  for (let at = 0; at < 200; at += 1) {
    assert.equal((await gateway.request("/webhooks/generic", { body: "{}" })).status, 401, "never 429");
  }
});
