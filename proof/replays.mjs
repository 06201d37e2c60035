// Replays in bulk what a destination had refused, kills the runtime in the middle of three steps of the job, and counts what
// the destination gets. Prints one line of JSON. EVENTS, DELIVERED, KILLS, SEED. See README.md.
import { setTimeout as delay } from "node:timers/promises";
import { eventually, send } from "../tests/runtime/http.mjs";
import { ADMIN_TOKEN } from "../tests/runtime/providers.mjs";
import { Provider, SYSTEMS } from "./provider.mjs";
import { FORWARD_TIMEOUT, HASTE } from "./rates.mjs";
import { verdict } from "./verdict.mjs";
import { World } from "./world.mjs";

const { EVENTS = "5000", DELIVERED = "2000", KILLS = "3", CONCURRENT = "32", SEED = "1" } = process.env;
const [events, delivered, kills, concurrent] = [EVENTS, DELIVERED, KILLS, CONCURRENT].map(Number);
const missing = events - delivered;
/** Events a second. A job has about ten steps, and 200 events in a step at most. */
const rate = Math.min(100, Math.ceil(missing / 30));
const DRAIN = 120_000;

/** The number of the event. The destination refuses the first ones, until they are replayed. */
const wasRefused = ({ name }) => Number(name.split("_").at(-1)) < missing;

/** The destination. It accepts everything that is replayed. */
const application = ({ ledger, clock }) => (response, { headers, body }) => {
  const event = ledger.ofBody(body);
  if (!event) {
    ledger.altered += 1;
    return response.end();
  }
  const isReplay = headers["hookgate-replay"] === "1";
  const processed = isReplay || !wasRefused(event);
  const key = headers["idempotency-key"];
  const exchange = { at: Date.now(), limit: clock.takes(FORWARD_TIMEOUT), key, processed, reset: false, isReplay };
  event.exchanges.push(exchange);
  response.on("finish", () => (exchange.answered = Date.now()));
  response.writeHead(processed ? 200 : 410).end();
};

async function sendAll(world) {
  const provider = new Provider(world);
  let next = 0;
  const sending = async () => {
    while (next < events) {
      const at = next++;
      await provider.deliver(`evt_${SEED}_${at}`, SYSTEMS[at % SYSTEMS.length]);
    }
  };
  await Promise.all(Array.from({ length: concurrent }, sending));
  await world.drained(DRAIN);
}

/** Calls the API, again after a kill. */
function api({ runtime }, path, { method = "POST", body } = {}) {
  return eventually(`an answer to ${path}`, async () => {
    await runtime.up;
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const url = new URL(`/api/${path}`, runtime.urls[0]);
    const answer = await send(url, { method, headers, body: body && JSON.stringify(body) }).catch(() => undefined);
    if (answer?.status === 422) throw new Error(answer.body.toString());
    return answer?.status === 200 && answer.json();
  }, DRAIN);
}

/** Kills the runtime in the middle of some steps. Returns a function that waits for the kills, and counts them. */
function killing(world) {
  const seen = new Set();
  const at = Array.from({ length: kills }, (_, number) => Math.ceil((missing * (number + 0.45)) / kills));
  const { EVENTS: queue } = world.queues;
  const push = queue.push.bind(queue);
  let [done, begun] = [Promise.resolve(), 0];
  queue.push = (text, ...later) => {
    push(text, ...later);
    const { replay, dedupkey } = JSON.parse(text);
    if (!replay || seen.has(dedupkey)) return;
    seen.add(dedupkey);
    if (begun === at.length || seen.size < at[begun]) return;
    begun += 1;
    done = done.then(() => world.kill());
  };
  return async () => (await done, begun);
}

/** Runs one job to its end. Returns its dry run and its progress. */
async function job(world) {
  const run = await api(world, "replay");
  if (!run.token) return { run };
  const begun = await api(world, "replay", { body: { dry_run: false, rate, token: run.token } });
  const path = `replay/${begun.id}`;
  await eventually("the end of the job", async () => {
    await delay(500); // a call of the API looks at every event of the job
    const { state } = await api(world, path, { method: "GET" });
    return state !== "running";
  }, world.clock.stretched(600_000));
  await world.drained(DRAIN, { restarting: true });
  return { run, progress: await api(world, path, { method: "GET" }) };
}

const replays = ({ ledger }) => [...ledger.events.values()].map((event) => {
  return { event, times: event.exchanges.filter(({ isReplay }) => isReplay).length };
});

async function run(world) {
  const began = Date.now();
  await world.calm(); // nothing fails but the runtime
  await sendAll(world);
  // Each isolate writes the log some seconds after the event.
  await eventually("the log of all events", async () => {
    await delay(200);
    const { selected, skipped } = await api(world, "replay");
    return selected === missing && skipped.delivered === delivered;
  }, DRAIN);
  const replaying = Date.now();
  const killed = killing(world);
  const first = await job(world);
  const seconds = Math.round((Date.now() - replaying) / 1000);
  const killings = await killed();
  const pending = await world.drained(DRAIN, { restarting: true });
  const after = replays(world);
  const { counts } = verdict(world.ledger, { dedup: "exact", pending, clock: world.clock, stalls: world.pulse.stalls });
  const second = await job(world);
  const sum = (list) => list.reduce((total, { times }) => total + times, 0);
  return {
    seed: Number(SEED), events, missing, selected: first.run.selected, rate, kills: killings,
    replayed: after.filter(({ event, times }) => wasRefused(event) && times > 0).length,
    unwanted: sum(after.filter(({ event }) => !wasRefused(event))),
    repeated: counts.duplicated, repeated_unexplained: counts.duplicated_unexplained, explained: counts.explained,
    again: { selected: second.run.selected, delivered: sum(replays(world)) - sum(after) },
    job: first.progress, pending: pending.size, lost: counts.lost, rekeyed: counts.rekeyed, altered: world.ledger.altered,
    stalls: world.pulse.stalls.length, job_seconds: seconds, seconds: Math.round((Date.now() - began) / 1000),
  };
}

const settings = { seed: SEED, dedup: "exact", haste: HASTE, plan: { rates: {}, sabotage: "" }, answer: application };
const line = await World.with(settings, run);
console.log(JSON.stringify(line));
const whole = line.selected === missing && line.replayed === missing && line.kills === kills && line.job?.state === "done";
const wrongs = ["unwanted", "repeated_unexplained", "pending", "lost", "rekeyed", "altered"];
process.exitCode = whole && wrongs.every((name) => line[name] === 0) && line.again.delivered === 0 ? 0 : 1;
