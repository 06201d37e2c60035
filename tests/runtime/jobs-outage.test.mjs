// An operator's job: send again only what an outage lost. The wrong scope would be a second incident.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin, eventually } from "./http.mjs";
import { Operator, nextSecond, same } from "./operator.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const app = await Origin.start();
after(() => app.close());
const gateway = await Gateway.start({
  sources: sourcesOf(["orders", "stock"], "generic"),
  secrets: { ...SECRETS, ADMIN_TOKEN },
  vars: { ORIGIN: `${app.url}/{source}` },
  plain: true,
});
after(() => gateway.close());
const operator = new Operator(gateway);

/** The ids whose destination answers 404 now. */
const lost = new Set();
for (const name of ["orders", "stock"]) {
  app.answers(name, (response, { body }) => response.writeHead(lost.has(JSON.parse(body).id) ? 404 : 200).end());
}

/** Sends `good` events that arrive and `bad` events that are lost, in turn. Returns their requests when all are settled. */
async function traffic(name, good, bad) {
  const sent = { good: [], bad: [] };
  for (let number = 0; number < Math.max(good, bad); number += 1) {
    for (const [kind, most] of [["good", good], ["bad", bad]]) {
      if (number >= most) continue;
      const one = delivery("generic");
      if (kind === "bad") lost.add(one.id);
      assert.equal((await gateway.post(name, one)).status, 200);
      sent[kind].push(one);
    }
  }
  const ids = [...sent.good, ...sent.bad].map(({ id }) => id);
  await eventually(`${ids.length} events of ${name} are settled`, async () => {
    const settled = (await operator.events(`source=${name}&state=delivered,dead`)).map(({ event_id: id }) => id);
    return ids.every((id) => settled.includes(id));
  });
  return sent;
}

const idOf = ({ body }) => JSON.parse(body).id;

test("a replay sends exactly what the outage lost, once", async () => {
  await traffic("orders", 2, 1); // an older dead letter, which nobody wants anymore
  await traffic("stock", 2, 1);
  const since = await nextSecond();
  const [orders] = await Promise.all([traffic("orders", 3, 5), traffic("stock", 4, 2)]);
  const until = await nextSecond();
  await traffic("orders", 2, 1);
  lost.clear(); // the destinations are repaired
  await operator.quiet();
  const before = app.requests.length;

  // A dry run says exactly what would be sent, and sends nothing. The narrower the filter, the fewer the events.
  const count = async (filter) => {
    const { selected, delivered, skipped } = await operator.order("replay", filter);
    return [selected, delivered, skipped.delivered];
  };
  await nextSecond();
  assert.deepEqual(await count({}), [10, 13, 13]);
  assert.deepEqual(await count({ since, until }), [7, 7, 7]);
  assert.deepEqual(await count({ source: "orders" }), [7, 7, 7]);
  const filter = { source: "orders", since, until };
  const run = await operator.order("replay", filter);
  assert.deepEqual([run.dry_run, run.selected, run.delivered, run.problem], [true, 5, 3, null]);
  assert.deepEqual(run.skipped, { delivered: 3, under_way: 0, filtered: 0 });
  assert.deepEqual(run.destinations, [{ source: "orders", destination: `${app.url}/orders`, selected: 5 }]);
  assert.deepEqual([run.cannot, run.until], [[], until]);
  assert.ok(since <= run.first && run.first <= run.last && run.last < until, JSON.stringify(run));

  // The token holds for this scope alone.
  const stock = { ...filter, source: "stock" };
  const others = [{ since, until }, stock, { source: "orders" }, { ...filter, include_delivered: true }];
  for (const wrong of others) {
    const refused = await operator.ask("replay", { ...wrong, dry_run: false, token: run.token });
    assert.equal(refused.status, 422, JSON.stringify(wrong));
  }
  const { job, again } = await operator.replay(filter, run);
  assert.deepEqual([job.enqueued, job.delivered, job.failed, job.skipped, job.problem], [5, 5, 0, 0, null]);
  await operator.quiet();

  // Exactly the lost events arrived, each once, byte for byte, with their keys.
  const arrived = app.requests.slice(before);
  assert.deepEqual(arrived.map(({ path }) => path), Array(5).fill("/orders"));
  assert.ok(same(arrived.map(idOf), orders.bad.map(({ id }) => id)));
  for (const replayed of arrived) {
    const id = idOf(replayed);
    const [first] = app.of("orders").filter((request) => idOf(request) === id);
    assert.ok(replayed.body.equals(orders.bad.find((sent) => sent.id === id).body), "byte for byte");
    assert.equal(replayed.headers["idempotency-key"], first.headers["idempotency-key"]);
    assert.deepEqual([first.headers["hookgate-replay"], replayed.headers["hookgate-replay"]], [undefined, "1"]);
    const event = await operator.event(`id=${id}`);
    assert.deepEqual(event.history.map(({ status, replay }) => [status, replay]), [[404, null], [200, job.id]]);
  }

  // The same call again, another dry run, and a redrive of the letters send nothing that arrived.
  assert.equal((await again()).id, job.id);
  assert.deepEqual(await count(filter), [0, 8, 8]);
  await eventually("the letters that are left", async () => (await operator.letters("orders")).length === 2);
  await operator.quiet();
  assert.equal(app.requests.length, before + 5);
  assert.equal((await operator.letters("stock")).length, 3);
});
