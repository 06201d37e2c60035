// A replay storm in the real runtime: many shuffled copies of each event go to several isolates at once. ISOLATES, STALE and
// VIEW may be lists. Prints one line of JSON for each combination. See README.md.
import { send } from "../tests/runtime/http.mjs";
import { delivery } from "../tests/runtime/providers.mjs";
import { shuffled } from "./dice.mjs";
import { World } from "./world.mjs";

const { EVENTS = "1000", COPIES = "10", CONCURRENT = "64", SEED = "1", DEDUP = "exact" } = process.env;
const { ISOLATES = "4", STALE = "5", VIEW = "elsewhere" } = process.env;
const [events, copies, concurrent] = [EVENTS, COPIES, CONCURRENT].map(Number);
const TRIES = 100;

/** Sends one copy until it gets a 2xx. */
async function sendCopy(world, { headers, body }, tally) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const { urls } = world.runtime;
    const url = new URL("/webhooks/generic", urls[Math.floor(world.dice.next("place") * urls.length)]);
    const answer = await send(url, { headers, body });
    tally.sent += 1;
    tally.answers[answer.status] = (tally.answers[answer.status] ?? 0) + 1;
    if (answer.status === 200) return void (tally[answer.json().duplicate ? "duplicates" : "accepted"] += 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no 2xx in ${TRIES} tries`);
}

/** Runs a storm. Returns the counts of requests, answers and deliveries. */
async function storm(world) {
  await world.calm(); // no faults: only time and location matter
  const began = Date.now();
  const sent = Array.from({ length: events }, (_, at) => delivery("generic", { id: `evt_${at}` }));
  for (const { id, body } of sent) world.ledger.signed(world.ledger.open(id, "generic"), body);
  const order = shuffled(sent.flatMap((one) => Array(copies).fill(one)), SEED);
  const tally = { sent: 0, accepted: 0, duplicates: 0, answers: { 503: 0 } };
  const sending = async () => {
    for (let next = order.pop(); next; next = order.pop()) await sendCopy(world, next, tally);
  };
  await Promise.all(Array.from({ length: concurrent }, sending));
  const pending = await world.drained(60_000);
  const delivered = world.origin.requests.length;
  const distinct = new Set(world.origin.requests.map(({ headers }) => headers["idempotency-key"])).size;
  const repeated = delivered - distinct;
  return {
    ...tally,
    delivered,
    repeated,
    pending: pending.size,
    lost: events - distinct - pending.size,
    leak_percent: Number(((100 * repeated) / (events * (copies - 1))).toFixed(3)),
    seconds: Math.round((Date.now() - began) / 1000),
  };
}

for (const view of VIEW.split(",")) {
  for (const isolates of ISOLATES.split(",").map(Number)) {
    for (const stale_ms of STALE.split(",").map(Number)) {
      const plan = { rates: {}, stale: stale_ms, view, sabotage: "" };
      const counts = await World.with({ seed: SEED, dedup: DEDUP, isolates, plan }, storm);
      const given = { seed: Number(SEED), dedup: DEDUP, isolates, stale_ms, view, events, copies, concurrent };
      console.log(JSON.stringify({ ...given, ...counts }));
      const twice = DEDUP === "exact" ? counts.repeated : 0;
      if (counts.lost + counts.pending + twice > 0) process.exitCode = 1;
    }
  }
}
