// The scenes of a record that have the log: replays, jobs, pauses, alerts, test events and refused requests.
// record.mjs plays them before the database fails.
import { eventually } from "../http.mjs";
import { MINUTE, SECOND, delivery, source } from "../providers.mjs";

const exact = { dedup: "exact" };
const TRACED = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "vendor=canary,other=1",
};

export const sources = {
  alerting: source("generic"),
  refused: source("generic"),
  paused: source("generic", exact),
  "kept-large": source("github"),
  "kept-bytes": source("github"),
  redacted: source("generic", { redact: ["$.card"] }),
  "queued-traced": source("generic", exact),
  "queued-test": source("generic"),
  "queued-redriven": source("generic", exact),
  "queued-replay": source("generic"),
  "queued-replay-large": source("github", exact),
  "queued-replay-redriven": source("generic"),
  "queued-copied": source("generic", { events: ["invoice.*"] }),
  job: source("generic", exact),
  cancelled: source("generic", exact),
};

const RULES = ["refusals", "failed_attempts", "dead_letters", "backlog", "paused", "silent"];
/** Alerts for two sources alone. `url` is the receiver. */
export const alertsTo = (url) => ({
  url,
  format: "standard",
  ...Object.fromEntries(RULES.map((rule) => [rule, "off"])),
  sources: { alerting: { dead_letters: 1 }, refused: { refusals: "25%", minimum: 2 } },
});

/** Plays every scene. `stage` has what record.mjs gives to each scene. Returns the messages that wait in the queue. */
export async function play(stage) {
  // A sweep deletes each body in R2 that no letter and no replay needs, because R2 has a clock of its own. So it comes first.
  const notices = await alert(stage);
  await pause(stage);
  await keep(stage);
  await queue(stage);
  await replay(stage);
  const jobs = await work(stage);
  return { notices, ...jobs };
}

/** Two alerts open. One is acknowledged. Both notices are on their way. */
async function alert({ gateway, receiver, answering, forward, post, send, generic, ask, letterOf, messages }) {
  receiver.answers("alerts", (response) => response.writeHead(500).end());
  answering("alerting", 410);
  await post("alerting", generic());
  await letterOf("alerting");
  const forged = (body) => ({ headers: generic().headers, body: Buffer.from(body) });
  for (const body of ['{"id":"forged"}', [0xff, 0, 10]]) await send("refused", forged(body), 401);
  await send("nowhere", generic(), 404);
  await post("refused", generic());
  await gateway.logged({ source: "refused", verdict: "delivered" });
  for (const wait of [0, MINUTE]) {
    await forward(wait);
    await gateway.sweep();
  }
  await receiver.received("alerts", 2);
  const { alerts } = (await gateway.api("alerts")).json();
  await ask(`alerts/${alerts.find((one) => one.source === "alerting").id}/acknowledge`);
  return messages("EVENTS.send", '{"hookgate_alert"');
}

/** A source is paused, and its event waits. */
async function pause({ post, generic, ask, inState }) {
  await ask("sources/paused/pause", { reason: "the database moves" });
  await post("paused", generic());
  await inState("paused", "paused");
}

/** Delivered events: of a large body, of bytes that are no text, and of a body with a secret. And a copy of an event. */
async function keep({ post, again, generic, large, inState }) {
  await post("kept-large", large(50));
  await post("kept-bytes", delivery("github", { body: Buffer.from([0xff, 0, 10]) }));
  await post("redacted", generic({ card: "4242424242424242" }));
  for (const name of ["kept-large", "kept-bytes", "redacted"]) await inState(name, "delivered");
  await again("kept-bytes");
}

/** Events that wait: with a trace, of a test, and redriven. */
async function queue({ gateway, sent, failing, answering, post, generic, ask, inState, letterOf }) {
  failing("queued-traced");
  const traced = generic();
  await post("queued-traced", { ...traced, headers: { ...traced.headers, ...TRACED } });
  failing("queued-test");
  await ask("sources/queued-test/test", { kind: "good" });
  const [{ body }] = await gateway.origin.received("queued-test");
  sent("queued-test", delivery("generic", { body }));
  failing("queued-redriven", 410);
  await post("queued-redriven", generic());
  await ask(`dead-letters/${(await letterOf("queued-redriven")).id}/redrive`);
  for (const name of ["queued-traced", "queued-test", "queued-redriven"]) await inState(name, "retrying");
}

/** Replays of one event each, which wait. */
async function replay({ gateway, failing, post, generic, large, ask, inState, letterOf, forwardedLast }) {
  const names = {
    "queued-replay": [[200], generic(), "delivered"],
    "queued-replay-large": [[200], large(90), "delivered"],
    "queued-replay-redriven": [[200, 410], generic(), "delivered"],
    "queued-copied": [[], generic({ note: "x".repeat(100_000) }), "filtered"],
  };
  for (const [name, [statuses, made, state]] of Object.entries(names)) {
    failing(name, ...statuses);
    await post(name, made);
    const [{ id }] = await inState(name, state);
    await ask(`events/${id}/replay`);
    if (name === "queued-replay-redriven") await ask(`dead-letters/${(await letterOf(name)).id}/redrive`);
    await inState(name, "retrying");
    const waits = (await gateway.api(`events/${id}`)).json();
    if (waits.history.at(-1).replay === null) throw new Error(`${name}: the replay made no attempt`);
    forwardedLast(name);
  }
}

/**
 * Two jobs after their first step of three events. Of one job, an event is delivered, and the end of the runtime interrupts
 * the second step. The other job is cancelled: one event is a dead letter again, and the messages of two events wait.
 */
async function work({ gateway, failing, send, generic, ask, inState, listed, forward, messages, many, hanging }) {
  for (const [name, count] of Object.entries({ cancelled: 4, job: 5 })) {
    failing(name, ...Array(count).fill(410), ...(name === "job" ? [200] : []));
    for (let sent = 0; sent < count; sent += 1) await send(name, many(name, generic()));
    await inState(name, "dead", count);
    await eventually(`the letters of ${name}`, async () => (await listed(name)).length === count);
  }
  await forward(SECOND); // a dry run does not select an event of its own second
  const begin = async (name) => {
    const { token } = await ask("replay", { source: name, rate: 1 });
    return (await ask("replay", { source: name, rate: 1, dry_run: false, token })).id;
  };
  const replayed = async (name) => (await messages("EVENTS.send", name)).filter((text) => JSON.parse(text).replay);
  const [cancelled, job] = [await begin("cancelled"), await begin("job")];
  // The second step of a job, and the second attempt of an event, come seconds later. Until then, all of this is done.
  await inState("cancelled", "retrying", 3);
  await inState("job", "delivered");
  await inState("job", "retrying", 2);
  await ask(`replay/${cancelled}/cancel`);
  const [ended, ...waits] = await replayed("cancelled");
  await gateway.batch("hookgate-events", ended);
  const letter = (await messages("DEAD.send", "cancelled")).find((text) => JSON.parse(text).replay);
  await gateway.batch("hookgate-dead", letter);
  const next = (await messages("EVENTS.send", `{"hookgate_replay":"${job}"`)).at(-1);
  const sent = await replayed("job");
  await gateway.fail("EVENTS.send", 1, "hang");
  gateway.batch("hookgate-events", next).catch(() => {});
  await hanging(1);
  await gateway.failDatabase(100_000);
  return { cancelled: { id: cancelled, waits }, job: { id: job, sent, next } };
}

/** The attributes of the queue message of an event, as src/message.rs has them. */
function attributesIn(rust) {
  const [, fields] = /pub struct Event<'e> \{\n(.*?)\n\}/s.exec(rust);
  const renamed = { event_type: "type", body: "data_base64" };
  return [...fields.matchAll(/^ {4}([a-z_]+):/gm)].map(([, name]) => renamed[name] ?? name);
}

/** Throws unless the record has a row in each table, each attribute of a message, and the interrupted jobs. */
export function prove({ d1, r2 }, messages, { job, cancelled }, rust) {
  const need = (condition, what) => {
    if (!condition) throw new Error(`the record lacks ${what}`);
  };
  // No build writes the table `events` any more.
  for (const [table, rows] of Object.entries(d1.rows)) need(rows.length > 0 || table === "events", `a row in ${table}`);
  const decoded = messages.map((text) => JSON.parse(text));
  for (const name of attributesIn(rust)) need(decoded.some((event) => name in event), `a message with ${name}`);
  for (const prefix of ["delivered/", "copies/", "letters/"]) {
    need(r2.some(({ key }) => key.startsWith(prefix)), `an object ${prefix}`);
  }
  const row = (id) => d1.rows.jobs.find((one) => one.id === id);
  const { state, step, enqueued, lease } = row(job.id);
  need(state === "running" && step === 1 && enqueued === 3 && lease !== "", "an interrupted job");
  need(JSON.parse(job.next).step === 1, "the message of its step");
  const letters = d1.rows.dead_letters.filter((one) => one.source === "cancelled" && JSON.parse(one.message).replay);
  const isCancelled = row(cancelled.id).state === "cancelled";
  need(isCancelled && letters.length === 1 && cancelled.waits.length === 2, "a cancelled job");
}
