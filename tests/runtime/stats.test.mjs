// The numbers, the refused requests and the sources on the real runtime. tests/pipeline/numbers.rs has the rules.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: { ...sourcesOf(["fine", "failing", "forged"], "generic"), broken: source("generic", { secrets: ["NOWHERE"] }) },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

async function get(path) {
  const answer = await gateway.api(path);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer.json();
}

const delivered = (name, count) => eventually(`${count} deliveries of ${name}`, async () => {
  const { totals } = await get(`stats?source=${name}`);
  return totals[0]?.destinations[`${origin.url}/${name}`]?.delivered === count && totals[0];
});

test("the numbers are those of the events", async () => {
  for (let sent = 0; sent < 5; sent++) assert.equal((await gateway.post("fine", delivery("generic"))).status, 200);
  const numbers = await delivered("fine", 5);
  assert.equal(numbers.verdicts.accepted, 5);
  const { attempts, latency_ms: latency } = numbers.destinations[`${origin.url}/fine`];
  assert.deepEqual(attempts, { "2xx": 5, "3xx": 0, "4xx": 0, "5xx": 0, unreachable: 0 });
  assert.ok(latency.p50 <= latency.p95 && latency.p95 <= latency.p99, JSON.stringify(latency));
});

test("what waits is in the backlog, and the queue tells its own number", async () => {
  origin.statuses("failing", 503, 503, 503, 503);
  assert.equal((await gateway.post("failing", delivery("generic"))).status, 200);
  const { backlog } = await eventually("the event waits", async () => {
    const found = await get("stats?source=failing");
    return found.backlog.events.some((one) => one.source === "failing" && one.state === "retrying") && found;
  });
  assert.ok(Number.isInteger(backlog.queue?.messages), JSON.stringify(backlog));
  assert.equal(backlog.dead_letters_complete, true);
});

test("a queue that fails or hangs is null, and no error of the answer", async () => {
  for (const when of ["before", "hang"]) {
    await gateway.fail("EVENTS.metrics", 1, when);
    assert.equal((await get("stats")).backlog.queue, null, when);
  }
  assert.ok((await gateway.records()).some(({ trouble }) => trouble?.startsWith("queue_unknown")));
});

test("a refused request is shown with its reason, and a page continues another one", async () => {
  const forged = { ...delivery("generic"), body: Buffer.from([0xff, 0x00, 0x0a]) };
  for (let sent = 0; sent < 3; sent++) assert.equal((await gateway.post("forged", forged)).status, 401);
  const first = await get("refused?source=forged&limit=2");
  assert.equal(first.refused.length, 2);
  assert.equal(first.counts.reduce((sum, { count }) => sum + count, 0), 3);
  const [sample] = first.refused;
  assert.deepEqual([sample.status, sample.body, sample.body_base64], [401, null, forged.body.toString("base64")]);
  assert.match(sample.why, /^The signature at "\S+" does not match .*\. Compare the secret/);
  const second = await get(`refused?source=forged&limit=2&cursor=${encodeURIComponent(first.next)}`);
  assert.deepEqual([second.refused.length, second.counts, second.next], [1, null, null]);
  assert.equal(new Set([...first.refused, ...second.refused].map(({ id }) => id)).size, 3);
});

test("each source has its settings and the state of its secrets", async () => {
  const { sources } = await get("sources");
  assert.deepEqual(sources.map(({ name }) => name), ["broken", "failing", "fine", "forged"]);
  assert.match(sources[0].error, /NOWHERE/);
  const fine = await get("sources/fine");
  assert.deepEqual([fine.usable, fine.settings.provider, fine.last_24h.delivered], [true, "generic", 5]);
  assert.deepEqual(fine.secrets.map(({ state }) => state), ["in_use"]);
  assert.ok(Date.parse(fine.last_event) > Date.now() - 3_600_000);
});

test("the metrics are OpenMetrics text", async () => {
  const answer = await gateway.api("metrics");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const text = answer.body.toString();
  assert.ok(text.endsWith("# EOF\n"));
  assert.ok(text.includes(`hookgate_delivered_events_total{source="fine",destination="${origin.url}/fine"} 5\n`), text);
  assert.match(text, /^hookgate_queue_messages \d+$/m);
});

gateway.provesThatNoSecretLeaves();
