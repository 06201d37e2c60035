// Drives the built Worker in the real runtime under injected faults, kills the runtime every few seconds, and counts lost
// and repeated events. See README.md.
import { setTimeout as delay } from "node:timers/promises";
import { send } from "../tests/runtime/http.mjs";
import { ADMIN_TOKEN } from "../tests/runtime/providers.mjs";
import { history } from "./history.mjs";
import { application } from "./origin.mjs";
import { Provider, SYSTEMS } from "./provider.mjs";
import { BINDINGS, HASTE } from "./rates.mjs";
import { verdict } from "./verdict.mjs";
import { World } from "./world.mjs";

const { EVENTS = "2000", SEED = "1", DEDUP = "exact", RATE = "40", KILL = "4", SABOTAGE = "", AWAY } = process.env;
const [events, rate, kill] = [EVENTS, RATE, KILL].map(Number);
/** The longest time without progress after the faults have stopped. */
const DRAIN = 120_000;
/** The most sweeps at the end. */
const SWEEPS = 5;

/** Kills the runtime every few seconds, and starts a sweep between two kills. Returns a function that stops the kills. */
function killing(world) {
  const { dice, clock } = world;
  const stop = new AbortController();
  const passes = (pause) => delay(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  const killed = async () => {
    for (;;) {
      const pause = clock.stretched(kill * 1000) * (0.5 + dice.next("kill"));
      await passes(pause / 2);
      if (stop.signal.aborted) return;
      world.sweep().catch(() => undefined); // the kill may end the sweep
      await passes(pause / 2);
      if (stop.signal.aborted) return;
      await world.kill();
    }
  };
  const done = killed();
  return () => (stop.abort(), done);
}

/** Sends all the events under faults, then stops the faults. */
async function deliverAll(world) {
  const { runtime, dice, ledger, clock } = world;
  const stopKilling = killing(world);
  const provider = new Provider({ runtime, dice, ledger, clock });
  let due = Date.now();
  const delivering = [];
  for (let at = 0; at < events; at += 1) {
    delivering.push(provider.deliver(`evt_${SEED}_${at}`, SYSTEMS[at % SYSTEMS.length]));
    due += clock.stretched(1000 / rate);
    await delay(Math.max(0, due - Date.now()));
  }
  await Promise.all(delivering);
  await stopKilling();
  await world.calm();
}

/** Sweeps until no dead letter waits in R2. Returns how many waited. On a slow machine, a sweep may reach a time limit. */
async function sweepAll(world) {
  await world.recover();
  const { length } = await world.runtime.parked();
  for (let [left, tries] = [length, 0]; left > 0 && tries < SWEEPS; tries += 1) {
    await world.sweep();
    left = (await world.runtime.parked()).length;
  }
  return length;
}

/** Counts the dead letters of each event, the missing bodies, and the bodies without a dead letter. */
async function inventory({ runtime, ledger }) {
  const letters = await runtime.letters();
  for (const { message } of letters) ledger.ofMessage(message).letters += 1;
  const stored = new Set(await runtime.payloads());
  const needed = letters.map(({ payload }) => payload).filter(Boolean);
  const missing = needed.filter((name) => !stored.has(name)).length;
  return { bodies_missing: missing, bodies_orphaned: stored.size - (needed.length - missing) };
}

/** Redrives every dead letter. The destination now accepts everything, so each dead letter must arrive exactly once. */
async function redriveAll(world) {
  const { runtime, ledger, pulse } = world;
  const stalls = pulse.stalls.length;
  world.agrees = true;
  const dead = [...ledger.events.values()].filter(({ letters }) => letters > 0);
  const before = dead.map(({ exchanges }) => exchanges.length);
  const url = new URL("/api/dead-letters/redrive", runtime.urls[0]);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  let redriven = 0;
  for (let done = 1; done > 0; redriven += done) done = (await send(url, { headers })).json().redriven;
  await world.drained(DRAIN);
  const wrong = dead.filter(({ exchanges, letters }, at) => exchanges.length - before[at] !== letters);
  // If the machine stalled, a timeout may have passed between the redrive and its note.
  const stalled = pulse.stalls.length > stalls;
  return { redriven, redriven_wrong: stalled ? 0 : wrong.length, ...(stalled && { redriven_stalled: wrong.length }) };
}

async function run(world) {
  const { ledger, clock } = world;
  const began = Date.now();
  await deliverAll(world);
  const pending = await world.drained(DRAIN, { restarting: true });
  const parked = await sweepAll(world);
  const bodies = await inventory(world);
  const { counts, unclear } = verdict(ledger, { dedup: DEDUP, pending, clock, stalls: world.pulse.stalls });
  for (const event of unclear) console.error(await history(event, world));
  const redriven = await redriveAll(world);
  const { faults, answers, altered } = ledger;
  const seconds = Math.round((Date.now() - began) / 1000);
  const haste = Number((HASTE / clock.slowest).toFixed(1));
  const given = { seed: Number(SEED), events, dedup: DEDUP };
  const pace = { haste, stalls: world.pulse.stalls.length, seconds };
  return { ...given, ...counts, parked, ...bodies, ...redriven, altered, faults, answers, ...pace };
}

const plan = { rates: BINDINGS, sabotage: SABOTAGE };
const answer = (world) => application(SEED, world);
const line = await World.with({ seed: SEED, dedup: DEDUP, haste: HASTE, away: AWAY, plan, answer }, run);
console.log(JSON.stringify(line));
const wrongs = ["lost", "pending", "abandoned", "altered", "rekeyed", "bodies_missing", "redriven_wrong"];
if (DEDUP === "exact") wrongs.push("duplicated_unexplained");
process.exitCode = wrongs.every((name) => line[name] === 0) ? 0 : 1;
