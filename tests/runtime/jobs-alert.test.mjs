// An operator's job: be told when deliveries fail, and when it is over. A healthy source makes no noise.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin, eventually } from "./http.mjs";
import { Operator } from "./operator.mjs";
import {
  ADMIN_TOKEN, HOUR, MINUTE, ORIGIN_SIGNING_SECRET, SECRETS, delivery, isSignedForward, sourcesOf,
} from "./providers.mjs";

const receiver = await Origin.start();
after(() => receiver.close());
const gateway = await Gateway.start({
  sources: sourcesOf(["healthy", "failing"], "generic"),
  secrets: { ...SECRETS, ADMIN_TOKEN, ORIGIN_SIGNING_SECRET },
  vars: { ALERTS: { url: `${receiver.url}/alerts`, format: "standard" } },
});
after(() => gateway.close());
const { origin } = gateway;
const operator = new Operator(gateway);

/** The notices so far, each once: a notice that is tried again has the same id. */
function notices() {
  const all = receiver.of("alerts").map((request) => [request.headers["webhook-id"], JSON.parse(request.body)]);
  return [...new Map(all).values()];
}
const told = () => notices().map(({ type, data }) => [type, data.source, data.rule]);
/** Lets so much time go by, and runs the cron. */
let passed = 0;
async function later(time) {
  passed += time;
  await gateway.ahead(passed);
  await gateway.sweep();
}

test("the operator is told, acknowledges, repairs, and is told that it is over", async () => {
  // A test notice shows that notices arrive.
  assert.deepEqual(await operator.order("alerts/test"), { sent: true, receiver: receiver.url });
  await receiver.received("alerts");
  assert.equal(notices()[0].type, "hookgate.alert.test");

  // 15 deliveries of each source. One of the healthy source fails at first, and the last three cannot be sent twice.
  receiver.statuses("alerts", 200, 503);
  origin.answers("failing", (response) => response.writeHead(502).end());
  origin.statuses("healthy", 500);
  for (let sent = 0; sent < 15; sent += 1) {
    for (const name of ["healthy", "failing"]) assert.equal((await gateway.post(name, delivery("generic"))).status, 200);
  }
  await eventually("15 deliveries", async () => (await operator.events("source=healthy&state=delivered")).length === 15);
  await eventually("15 failures", async () => (await operator.events("source=failing&state=retrying")).length === 15);

  // One evaluation alone may be an accident. The second one opens the alert.
  await later(0);
  assert.deepEqual((await operator.get("alerts")).alerts, []);
  await later(MINUTE);
  const { receiver: host, alerts } = await operator.get("alerts");
  assert.equal(host, receiver.url);
  const about = alerts.map((alert) => ({ ...alert, ...alert.group })); // the group may be a member
  const opened = about.map((alert) => [alert.status, alert.rule, alert.source, alert.destination, alert.cause]);
  assert.deepEqual(opened, [["open", "failed_attempts", "failing", `${origin.url}/failing`, "5xx"]]);

  // The receiver fails once, and gets the same notice again. It is signed.
  const [, first, second] = await receiver.received("alerts", 3);
  assert.deepEqual(first.body, second.body);
  assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
  for (const notice of receiver.of("alerts")) assert.ok(isSignedForward(notice), "signed");
  const { type, data } = notices()[1];
  assert.deepEqual([type, data.status, data.source, data.id], ["hookgate.alert.opened", "open", "failing", alerts[0].id]);
  assert.equal(data.measured.kind, "share");
  assert.ok(data.measured.failed >= 15 && data.measured.failed === data.measured.all, JSON.stringify(data.measured));
  assert.match(data.text, /failing/);

  // Acknowledged: there is no reminder, and the audit names who did it.
  assert.equal((await operator.order(`alerts/${data.id}/acknowledge`)).status, "acknowledged");
  const [{ action, target, caller }] = (await operator.get("audit?limit=1")).audit;
  assert.deepEqual([action, target, caller], ["acknowledge", data.id, "admin"]);
  await later(MINUTE);
  assert.equal((await operator.get("alerts")).alerts[0].status, "acknowledged");

  // The repair. New events arrive, and the alert ends after three evaluations and ten minutes.
  origin.answers("failing", (response) => response.end());
  for (let time = 0; time < 3; time += 1) {
    await later(6 * MINUTE);
    for (let sent = 0; sent < 10; sent += 1) assert.equal((await gateway.post("failing", delivery("generic"))).status, 200);
    const delivered = async () => (await operator.events("source=failing&state=delivered")).length >= 10 * (time + 1);
    await eventually("the new events", delivered);
  }
  await later(6 * MINUTE);
  const resolved = (await operator.get("alerts")).alerts;
  assert.deepEqual(resolved.map(({ id, status }) => [id, status]), [[data.id, "resolved"]]);
  await eventually("the notice of the end", () => told().length === 3);
  const late = await operator.ask(`alerts/${data.id}/acknowledge`);
  assert.equal(late.status, 422);

  // Later nothing more is told, and nothing ever of the healthy source.
  for (const time of [MINUTE, MINUTE, 5 * HOUR, MINUTE]) await later(time);
  await operator.get("alerts");
  assert.deepEqual(told(), [
    ["hookgate.alert.test", "test", "failed_attempts"],
    ["hookgate.alert.opened", "failing", "failed_attempts"],
    ["hookgate.alert.resolved", "failing", "failed_attempts"],
  ]);
});
