// A source is paused and resumed over the real queue and database. tests/pipeline/pauses.rs has the rules.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway, PRODUCERS } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: { ...sourcesOf(["kept", "other", "away"], "generic"), exact: source("generic", { dedup: "exact" }) },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

const ask = (path, body) => gateway.ask(path, body);

/** The only event of a source, once it is in this state. */
const event = (name, state) => eventually(`an event of ${name} that is ${state}`, async () => {
  const { events: [found] } = (await gateway.api(`events?source=${name}&state=${state}`)).json();
  return found && (await gateway.api(`events/${found.id}`)).json();
}, 30_000);

for (const name of ["kept", "exact"]) {
  test(`an event of a paused source (${name}) waits, and arrives once after the resume`, async () => {
    const { status, pause } = await ask(`sources/${name}/pause`, { reason: "<b>a move</b>" });
    assert.deepEqual([status, pause.by, pause.reason], [200, "admin", "<b>a move</b>"]);
    const sent = delivery("generic");
    assert.equal((await gateway.post(name, sent)).status, 200);
    const paused = await event(name, "paused");
    assert.match(paused.why, /the source is paused by admin since \S+Z: <b>a move<\/b>\. The queue hands the event over/);
    assert.deepEqual([paused.attempts, paused.history], [0, []]);
    // Another source goes on meanwhile, and the paused one is held again.
    assert.equal((await gateway.post("other", delivery("generic"))).status, 200);
    await eventually("the other event", () => origin.of("other").length > 0);
    await gateway.logged({ source: name, reason: "paused", attempt: 2 }, 30_000);
    assert.deepEqual(origin.of(name), []);
    assert.deepEqual((await ask(`sources/${name}/resume`)).pause, null);
    const delivered = await event(name, "delivered");
    assert.equal(delivered.attempts, 1);
    assert.equal(origin.of(name).length, 1);
    assert.deepEqual(origin.of(name)[0].body, sent.body);
  });
}

test("a database that is away stops no delivery, and an isolate keeps the pause that it knows", async () => {
  const sent = delivery("generic");
  assert.equal((await gateway.post("away", sent)).status, 200);
  await origin.received("away", 1);
  const message = (await gateway.operations()).filter(({ operation }) => operation === "EVENTS.send").at(-1).args[0];
  assert.equal((await ask("sources/away/pause")).status, 200);
  const hand = () => gateway.batch(PRODUCERS.EVENTS, message);
  assert.equal(await hand(), "retry");
  await gateway.fail("LOG.batch", 1);
  assert.equal(await hand(), "retry");
  await gateway.logged({ verdict: "failed", reason: "pauses_unknown" });
  assert.equal((await ask("sources/away/resume")).status, 200);
  assert.equal(await hand(), "ack");
});

test("the table is made if it is missing", async () => {
  await (await gateway.database()).prepare("DROP TABLE pauses").run();
  assert.equal((await ask("sources/other/pause")).status, 200);
  assert.equal((await ask("sources/other/resume")).paused, false);
});

gateway.provesThatNoSecretLeaves();
