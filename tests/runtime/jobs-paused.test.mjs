// An operator's job: nothing arrives, because somebody paused the source. The operator sees who and why, and resumes it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin, eventually } from "./http.mjs";
import { Operator, same } from "./operator.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const ON_CALL = "canary-on-call-token-2f90ab";

const app = await Origin.start();
after(() => app.close());
const gateway = await Gateway.start({
  sources: sourcesOf(["orders", "stock"], "generic"),
  secrets: { ...SECRETS, ADMIN_TOKEN, ADMIN_TOKENS: `on-call:write:${ON_CALL}` },
  vars: { ORIGIN: `${app.url}/{source}` },
  plain: true,
});
after(() => gateway.close());
const operator = new Operator(gateway);

async function post(name) {
  const sent = delivery("generic");
  assert.equal((await gateway.post(name, sent)).status, 200);
  return sent;
}

test("a paused source says who paused it and why, and after the resume each event arrives once", async () => {
  const before = await post("orders");
  await operator.finds("source=orders&state=delivered", [before.id]);
  const pausing = { method: "POST", token: ON_CALL, body: '{"reason":"the database moves"}' };
  assert.equal((await gateway.api("sources/orders/pause", pausing)).status, 200);

  // The provider is answered as always, and so is the other source. Nothing of the paused source arrives.
  const waiting = [await post("orders"), await post("orders"), await post("orders")];
  const other = await post("stock");
  await operator.finds("source=stock&state=delivered", [other.id]);
  await operator.finds("state=paused", waiting.map(({ id }) => id));
  assert.equal(app.of("orders").length, 1);

  // Each place says it: the event, the source, the numbers.
  const { why, attempts } = await operator.event(`id=${waiting[0].id}`);
  assert.match(why, /paused by on-call .*the database moves/);
  assert.equal(attempts, 0);
  const { usable, pause } = await operator.get("sources/orders");
  assert.deepEqual([usable, pause.by, pause.reason], [true, "on-call", "the database moves"]);
  assert.equal((await operator.get("sources/stock")).pause, null);
  const { backlog } = await operator.get("stats");
  assert.deepEqual(backlog.paused.map((one) => one.source), ["orders"]);
  assert.deepEqual(backlog.events.map(({ source, state, count }) => [source, state, count]), [["orders", "paused", 3]]);
  const { audit: [entry] } = await operator.get("audit?limit=1");
  assert.deepEqual([entry.action, entry.target, entry.caller], ["pause", "orders", "on-call"]);

  // A bulk replay does not send what only waits.
  const run = await operator.order("replay", { source: "orders" });
  assert.deepEqual([run.selected, run.skipped.under_way], [0, 3]);

  await operator.order("sources/orders/resume");
  assert.equal((await operator.get("sources/orders")).pause, null);
  await eventually("the events", async () => (await operator.events("source=orders&state=delivered")).length === 4, 30_000);
  await operator.quiet();
  const arrived = app.of("orders").slice(1).map(({ body }) => body.toString());
  assert.ok(same(arrived, waiting.map(({ body }) => body.toString())), `${arrived}`);
});
