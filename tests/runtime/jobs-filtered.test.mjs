// An operator's job: some events arrive, and others do not. The operator finds the rule that filters them, changes it, and
// sends what was filtered.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin } from "./http.mjs";
import { Operator, nextSecond, same } from "./operator.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source } from "./providers.mjs";

const app = await Origin.start();
after(() => app.close());
const state = await mkdtemp(join(tmpdir(), "hookgate-filtered-"));
after(() => rm(state, { recursive: true }));

async function start(events) {
  const sources = { shop: source("generic", { events }), other: source("generic", { events: ["nothing.*"] }) };
  const secrets = { ...SECRETS, ADMIN_TOKEN };
  return Gateway.start({ sources, secrets, state, vars: { ORIGIN: `${app.url}/{source}` }, plain: true });
}

/** A signed event of `type`. */
const ofType = (type) => delivery("generic", { body: JSON.stringify({ ...JSON.parse(delivery("generic").body), type }) });
const idOf = ({ body }) => JSON.parse(body).id;

test("the operator finds the rule that filters events, changes it, and a replay sends them", async () => {
  let gateway = await start(["invoice.*"]);
  let operator = new Operator(gateway);
  after(() => gateway.close());
  const wanted = ["invoice.paid", "invoice.sent"].map(ofType);
  const unwanted = ["order.made", "order.made", "customer.made"].map(ofType);
  for (const sent of wanted) assert.deepEqual((await gateway.post("shop", sent)).json().filtered, undefined);
  for (const sent of unwanted) assert.equal((await gateway.post("shop", sent)).json().filtered, true);
  await gateway.post("other", ofType("order.made"));

  // Which events, and why.
  await operator.finds("source=shop&state=delivered", wanted.map(idOf));
  const filtered = await operator.finds("source=shop&state=filtered", unwanted.map(idOf));
  assert.ok(same((await operator.events("source=shop&verdict=filtered")).map(({ id }) => id), filtered.map(({ id }) => id)));
  await operator.finds("source=shop&reason=unwanted_type&type=order.*", unwanted.slice(0, 2).map(idOf));
  for (const { id, type } of filtered) {
    const event = await operator.get(`events/${id}`);
    assert.ok(event.why.includes('"events"') && event.why.includes(type), event.why);
    assert.deepEqual([event.attempts, event.delivered, event.history], [0, null, []]);
  }
  assert.deepEqual((await operator.get("sources/shop")).settings.events, ["invoice.*"]);
  assert.equal((await operator.numbers("shop", `${app.url}/shop`)).verdicts.filtered, 3);
  assert.equal(app.of("shop").length, 2);

  // The configuration changes.
  await gateway.close();
  gateway = await start(["invoice.*", "order.*"]);
  operator = new Operator(gateway);
  assert.deepEqual((await operator.get("sources/shop")).settings.events, ["invoice.*", "order.*"]);

  // Filtered events are sent only if the operator asks for them.
  await nextSecond();
  const all = await operator.order("replay", { source: "shop", type: "order.*" });
  assert.deepEqual([all.selected, all.skipped, all.token], [0, { delivered: 0, under_way: 0, filtered: 2 }, null]);
  const filter = { source: "shop", type: "order.*", state: "filtered" };
  const run = await operator.order("replay", filter);
  assert.deepEqual([run.selected, run.delivered, run.skipped.filtered], [2, 0, 0]);
  const { job } = await operator.replay(filter, run);
  assert.deepEqual([job.delivered, job.failed, job.skipped], [2, 0, 0]);
  await operator.finds("source=shop&state=delivered", [...wanted, ...unwanted.slice(0, 2)].map(idOf));
  await operator.finds("source=shop&state=filtered", [idOf(unwanted[2])]);
  assert.equal((await operator.events("source=other&state=filtered")).length, 1);
  await operator.quiet();
  const replayed = app.of("shop").slice(2);
  assert.ok(same(replayed.map(({ body }) => body.toString()), unwanted.slice(0, 2).map(({ body }) => body.toString())));
  assert.deepEqual(replayed.map(({ headers }) => headers["hookgate-replay"]), ["1", "1"]);
  assert.equal(app.of("other").length, 0);

  // A new event of this type is forwarded at once.
  const fresh = ofType("order.made");
  assert.equal((await gateway.post("shop", fresh)).json().filtered, undefined);
  await operator.finds(`id=${idOf(fresh)}&state=delivered`, [idOf(fresh)]);
});
