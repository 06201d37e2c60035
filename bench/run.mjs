// Measures what a request costs: every contender in a plain workerd of its own, side by side. See README.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compare, compareStarts } from "./beside.mjs";
import { CONTENDERS, gateway } from "./contenders.mjs";
import { asJson, printRows, rowsOf } from "./report.mjs";
import { printTargets } from "./targets.mjs";
import { machineSeconds } from "./workerd.mjs";
import { WORKLOADS } from "./workloads.mjs";

const here = import.meta.dirname;
const CONNECTIONS = 8;
const SECONDS = 60; // for one round, at most

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    workloads: { type: "string", default: Object.keys(WORKLOADS).join() },
    contenders: { type: "string" },
    build: { type: "string", multiple: true, default: [] }, // NAME=DIRECTORY: another build of the gateway
    script: { type: "string", multiple: true, default: [] }, // NAME=FILE: another Worker
    out: { type: "string", default: join(here, "results.json") },
  },
});
const rounds = Number(options.rounds);
if (!(rounds >= 1)) throw new Error(`--rounds ${options.rounds}: not a number of rounds`);

const named = (list) => list.map((text) => text.split("=", 2));
for (const [name, directory] of named(options.build)) CONTENDERS[name] = { files: gateway(directory), checks: true };
for (const [name, file] of named(options.script)) CONTENDERS[name] = { files: [file], checks: true };
const guests = [...named(options.build), ...named(options.script)].map(([name]) => name);

const chosen = (list, known, what) => {
  const unknown = list.find((name) => !(name in known));
  if (unknown !== undefined) throw new Error(`no ${what} ${unknown}; there are ${Object.keys(known).join(", ")}`);
  return list;
};
const workloads = chosen(options.workloads.split(","), WORKLOADS, "workload");
const wanted = chosen(options.contenders?.split(",") ?? Object.keys(CONTENDERS), CONTENDERS, "contender");

/** Who takes part in a workload: guests wherever there is no object to be filled. */
function members(workload) {
  const { contenders, held } = WORKLOADS[workload];
  const takesPart = (name) => contenders.includes(name) || (guests.includes(name) && held === undefined);
  return wanted.filter(takesPart).map((contender) => ({ contender, workload }));
}

const load = fork(join(here, "load.mjs"));
const ended = once(load, "exit").then(([code]) => ({ error: `the load's process ended: ${code}` }));
async function send(order) {
  load.send({ connections: CONNECTIONS, seconds: SECONDS, ...order });
  const report = await Promise.race([once(load, "message").then(([message]) => message), ended]);
  if (report.error) throw new Error(report.error);
  return report;
}
send.connections = CONNECTIONS;

const cores = availableParallelism();
const began = { at: performance.now(), machine: machineSeconds() };
console.log(`${cores} cores, load ${loadavg().map((n) => n.toFixed(2)).join(" ")} at the start; ${CONNECTIONS} connections`);
const results = [];
try {
  const groups = Map.groupBy(workloads, (workload) => WORKLOADS[workload].beside ?? workload);
  for (const group of groups.values()) {
    const together = group.flatMap(members);
    if (together.length === 0) continue;
    const { starts, times = 1 } = WORKLOADS[group[0]];
    const rows = rowsOf(starts ? await compareStarts(together, starts, send) : await compare(together, times * rounds, send));
    printRows(rows);
    results.push(...rows);
  }
} finally {
  load.disconnect();
}

const elapsed = (performance.now() - began.at) / 1000;
const busy = (machineSeconds() - began.machine) / elapsed / cores;
console.log(`\nThe machine was ${(busy * 100).toFixed(0)} % busy, all of it included, over ${elapsed.toFixed(0)} s; load ${loadavg()[0].toFixed(2)} at the end.`);
printTargets(results);
writeFileSync(options.out, asJson(results));
