// The queues have other names than in wrangler.toml, as in a second environment. Without any setting, no message goes round
// in a circle.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { delivery, source } from "./providers.mjs";

const BATCH = { maxBatchSize: 10, maxBatchTimeout: 1 };
const gateway = await Gateway.start({
  sources: { kv: source("generic"), exact: source("generic", { dedup: "exact" }), failing: source("generic"), paced: source("generic") },
  queues: {
    producers: { EVENTS: "staging-in", DEAD: "staging-undeliverable" },
    consumers: {
      "staging-in": { ...BATCH, maxRetries: 0, deadLetterQueue: "staging-undeliverable" },
      "staging-undeliverable": { ...BATCH, maxRetries: 100 },
    },
  },
});
after(() => gateway.close());
const { origin } = gateway;
const lettersOf = async (name) => (await gateway.letters()).filter(({ source }) => source === name);

test("an event that the origin refuses is kept and sent once", async () => {
  for (const name of ["kv", "exact"]) {
    origin.answers(name, (response) => response.writeHead(410).end());
    assert.equal((await gateway.post(name, delivery("generic"))).status, 200);
    await eventually(`a letter of ${name}`, async () => (await lettersOf(name)).length === 1);
    assert.equal(origin.of(name).length, 1);
  }
});

test("an event that the queue gives up is kept after one more attempt at most", async () => {
  origin.answers("failing", (response) => response.writeHead(500).end());
  assert.equal((await gateway.post("failing", delivery("generic"))).status, 200);
  await eventually("its letter", async () => (await lettersOf("failing")).length === 1, 30_000);
  assert.ok(origin.of("failing").length <= 2, `${origin.of("failing").length} tries`);
  await gateway.logged({ verdict: "learnt" });
});

test("a forward waits for a connection before its timeout begins", async () => {
  let [now, most] = [0, 0];
  origin.answers("paced", async (response) => {
    most = Math.max(most, (now += 1));
    await delay(200);
    now -= 1;
    response.end();
  });
  const sent = Array.from({ length: 10 }, () => gateway.post("paced", delivery("generic")));
  for (const { status } of await Promise.all(sent)) assert.equal(status, 200);
  await origin.received("paced", 10);
  assert.ok(most >= 2 && most <= 5, `${most} at a time: a Worker has six connections`);
});

gateway.provesThatNoSecretLeaves();
