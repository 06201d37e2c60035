// Replays over the real queue, D1 and objects. tests/pipeline/replay.rs and jobs.rs have the rules.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(["one", "dead", "many", "bytes"], "generic"),
    exact: source("generic", { dedup: "exact" }),
    picky: source("generic", { events: ["invoice.*"] }),
    direct: source("generic", { deliver: "origin" }),
    ...sourcesOf(["large", "gone", "held"], "generic"),
    largest: source("github", { max_body: "25MiB" }),
    secret: source("generic", { redact: ["$.card"] }),
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

const ask = (path, body) => gateway.ask(path, body);

/** The newest events of a source in this state, once there are `count` of them. */
const events = (name, state, count = 1) => eventually(`${count} events of ${name} that are ${state}`, async () => {
  const { events: found } = (await gateway.api(`events?source=${name}&state=${state}&limit=200`)).json();
  return found.length >= count && found;
});

const detail = async (id) => (await gateway.api(`events/${id}`)).json();

for (const name of ["one", "exact", "direct"]) {
  test(`a delivered event (${name}) is sent again, byte for byte, with the same key`, async () => {
    const text = JSON.stringify({ ...JSON.parse(delivery("generic").body), note: "Zürich \u0000 🦀" });
    assert.equal((await gateway.post(name, delivery("generic", { body: text }))).status, 200);
    const [{ id, delivered }] = await events(name, "delivered");
    const replayed = await ask(`events/${id}/replay`);
    assert.deepEqual([replayed.status, replayed.replayed, replayed.state], [200, true, "delivered"]);
    await origin.received(name, 2);
    const [first, second] = origin.of(name);
    assert.equal(second.body.toString(), text);
    for (const header of ["idempotency-key", "content-type", "hookgate-source"]) {
      assert.equal(second.headers[header], first.headers[header], header);
    }
    assert.deepEqual([first.headers["hookgate-replay"], second.headers["hookgate-replay"]], [undefined, "1"]);
    const found = await eventually("both attempts", async () => {
      const event = await detail(id);
      return event.history.length === 2 && event;
    });
    assert.equal(found.delivered, delivered);
    assert.deepEqual(found.history.map(({ replay }) => replay), [null, replayed.replay]);
  });
}

test("a filtered event is forwarded after all, and a redacted one is refused", async () => {
  await gateway.post("picky", delivery("generic"));
  const [{ id }] = await events("picky", "filtered");
  assert.equal((await ask(`events/${id}/replay`)).status, 200);
  await events("picky", "delivered");
  const body = JSON.stringify({ ...JSON.parse(delivery("generic").body), card: "4242" });
  await gateway.post("secret", delivery("generic", { body }));
  const refused = await ask(`events/${(await events("secret", "delivered"))[0].id}/replay`);
  assert.equal(refused.status, 422);
  assert.match(refused.detail, /redact/);
});

test("a large body that died is sent again from R2, and its letter is off the list", async () => {
  const body = JSON.stringify({ ...JSON.parse(delivery("generic").body), data: "x".repeat(300_000) });
  origin.statuses("large", 410);
  assert.equal((await gateway.post("large", delivery("generic", { body }))).status, 200);
  const [{ id }] = await events("large", "dead");
  const letters = async () => (await gateway.api("dead-letters?source=large")).json().dead_letters.length;
  await eventually("the letter", async () => (await letters()) === 1);
  assert.equal((await ask(`events/${id}/replay`)).status, 200);
  await events("large", "delivered");
  assert.equal(origin.of("large").at(-1).body.toString(), body);
  assert.equal(await letters(), 0);
  const shown = await detail(id);
  assert.deepEqual([shown.kept, shown.body === body], ["bucket", true], "R2 has it while the log has the event");
  assert.equal((await ask(`events/${id}/replay`)).status, 200);
  await origin.received("large", 3);
  assert.equal(origin.of("large").at(-1).body.toString(), body);
});

test("a delivered body of 25 MiB is sent again by a job, and the API says where it is", { timeout: 60_000 }, async () => {
  const bytes = 25 * 1024 * 1024;
  const whole = delivery("github", { body: Buffer.alloc(bytes, "x") });
  assert.equal((await gateway.post("largest", whole)).status, 200);
  const [{ id }] = await events("largest", "delivered");
  const shown = await detail(id);
  assert.deepEqual([shown.kept, shown.bytes, shown.body, shown.body_base64], ["bucket", bytes, null, null]);
  await new Promise((resolve) => { setTimeout(resolve, 1100); });
  const wanted = { source: "largest", include_delivered: true };
  const run = await ask("replay", wanted);
  assert.deepEqual([run.selected, run.cannot], [1, []], JSON.stringify(run));
  const begun = await ask("replay", { ...wanted, dry_run: false, token: run.token });
  assert.equal(begun.status, 200, JSON.stringify(begun));
  const [first, second] = await origin.received("largest", 2);
  assert.ok(first.body.equals(second.body) && second.body.length === bytes);
  assert.deepEqual([first.headers["hookgate-replay"], second.headers["hookgate-replay"]], [undefined, "1"]);
  assert.equal(first.headers["idempotency-key"], second.headers["idempotency-key"]);
});

test("a job sends each missing event once, and no other event", { timeout: 120_000 }, async () => {
  const [missing, fine] = [30, 10];
  origin.statuses("many", ...Array(missing).fill(410));
  for (let sent = 0; sent < missing; sent += 1) await gateway.post("many", delivery("generic"));
  await events("many", "dead", missing);
  for (let sent = 0; sent < fine; sent += 1) await gateway.post("many", delivery("generic"));
  await events("many", "delivered", fine);
  await new Promise((resolve) => { setTimeout(resolve, 1100); });
  const run = await ask("replay", { source: "many" });
  assert.deepEqual([run.selected, run.skipped.delivered, run.delivered], [missing, fine, fine], JSON.stringify(run));
  const begun = await ask("replay", { source: "many", dry_run: false, rate: 100, token: run.token });
  assert.deepEqual([begun.status, begun.selected], [200, missing], JSON.stringify(begun));
  const progress = async () => (await gateway.api(`replay/${begun.id}`)).json();
  const done = await eventually("the end of the job", async () => {
    const now = await progress();
    return now.state === "done" && now.delivered === missing && now;
  }, 60_000);
  assert.deepEqual([done.enqueued, done.failed, done.skipped, done.problem], [missing, 0, 0, null]);
  const replays = origin.of("many").filter(({ headers }) => headers["hookgate-replay"] === "1");
  assert.deepEqual([replays.length, new Set(replays.map(({ headers }) => headers["idempotency-key"])).size], [missing, missing]);
  assert.equal((await ask(`replay/${begun.id}/cancel`)).state, "done");
  assert.equal((await ask("replay", { source: "many" })).selected, 0);
});

test("the cron deletes the body with its row, and leaves the mark and the body of a replay", async () => {
  const send = async (name) => {
    const body = JSON.stringify({ ...JSON.parse(delivery("generic").body), data: "x".repeat(300_000) });
    assert.equal((await gateway.post(name, delivery("generic", { body }))).status, 200);
    const [{ id }] = await events(name, "delivered");
    return { id, key: (await detail(id)).key };
  };
  const [gone, held] = [await send("gone"), await send("held")];
  assert.equal((await ask(`events/${held.id}/replay`)).status, 200);
  await origin.received("held", 2);
  const sizes = async ({ key }) => {
    const { objects } = await (await gateway.bucket()).list();
    return objects.filter((one) => one.key.includes(key)).map((one) => one.size).sort();
  };
  await eventually("both marks", async () => (await sizes(gone)).length === 2 && (await sizes(held)).length === 2);
  const [before, during] = [await sizes(gone), await sizes(held)];
  // The cron looks at the rows that expired within the last day.
  await gateway.ahead(7.5 * 24 * 3_600_000);
  await gateway.sweep();
  for (const { id } of [gone, held]) assert.equal((await gateway.api(`events/${id}`)).status, 404);
  assert.deepEqual([before.length, await sizes(gone)], [2, [0]]);
  assert.deepEqual(await sizes(held), during);
  await gateway.ahead(0);
});
