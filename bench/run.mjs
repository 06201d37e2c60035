// Measures the cost of a request. Each contender runs in its own plain workerd process. See README.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { compare, compareStarts } from "./beside.mjs";
import { BEFORE, CONTENDERS } from "./contenders.mjs";
import { asJson, printBars, printRows, rowOf } from "./report.mjs";
import { machineSeconds } from "./workerd.mjs";
import { WORKLOADS } from "./workloads.mjs";

const here = import.meta.dirname;
const CONNECTIONS = 8;
const SECONDS = 240; // the longest time of a turn; the warm-up of `hookgate-exact` takes longest

const rounds = Number(process.env.ROUNDS || 7);
if (!(rounds >= 1)) throw new Error(`ROUNDS=${process.env.ROUNDS} is not a number of rounds`);
const workloads = chosen("WORKLOADS", WORKLOADS);
const contenders = chosen("CONTENDERS", CONTENDERS);

/** The names in an environment variable, or all known names. */
function chosen(variable, known) {
  const names = process.env[variable]?.split(",") ?? Object.keys(known);
  const unknown = names.find((name) => !(name in known));
  if (unknown !== undefined) throw new Error(`${variable}: ${unknown} does not exist; choose from ${Object.keys(known).join(",")}`);
  return names;
}

const load = fork(join(here, "load.mjs"));
const ended = once(load, "exit").then(([code]) => ({ error: `the load process ended with status ${code}` }));
async function send(order) {
  load.send({ connections: CONNECTIONS, seconds: SECONDS, ...order });
  const report = await Promise.race([once(load, "message").then(([message]) => message), ended]);
  if (report.error) throw new Error(report.error);
  return report;
}

const cores = availableParallelism();
const began = { at: performance.now(), machine: machineSeconds() };
console.log(`${cores} cores, load ${loadavg().map((n) => n.toFixed(2)).join(" ")} at the start; ${CONNECTIONS} connections`);
const results = [];
try {
  for (const workload of workloads) {
    const { contenders: ours, starts } = WORKLOADS[workload];
    const together = contenders.filter((name) => ours.includes(name === BEFORE ? "hookgate-kv" : name));
    if (together.length === 0) continue;
    const measured = starts ? compareStarts(workload, together, starts, send) : compare(workload, together, rounds, send);
    const rows = (await measured).map(rowOf);
    printRows(rows);
    results.push(...rows);
  }
} finally {
  load.disconnect();
}

const elapsed = (performance.now() - began.at) / 1000;
const busy = (machineSeconds() - began.machine) / elapsed / cores;
console.log(`\nThe machine was ${(busy * 100).toFixed(0)} % busy (all processes) for ${elapsed.toFixed(0)} s; load ${loadavg()[0].toFixed(2)} at the end.`);
printBars(results);
writeFileSync(join(here, "results.json"), asJson(results));
