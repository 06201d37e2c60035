// Measures what a request costs: every contender in a plain workerd of its own, side by side. See README.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildSync } from "esbuild";
import { calls, cpuSeconds, machineSeconds, start } from "./workerd.mjs";
import { SECRETS, SOURCES, WORKLOADS } from "./workloads.mjs";

const here = import.meta.dirname;
const CONNECTIONS = 8;
const WARM_UP = 10000; // requests, so that what is compiled late is compiled
const MOST_AT_ONCE = 128 * 1024 * 1024; // bytes of requests, made before they are sent
const SECONDS = 60; // for one round, at most
const MOST_FLOORS = 1.5; // what an accepted event may cost, in floors

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

const gateway = (directory) => [join(directory, "index.js"), join(directory, "index_bg.wasm")];
const script = (name) => [join(here, "contenders", `${name}.js`)];
/** With its libraries in one file. They look for Node's modules by `require`. */
function bundled(name) {
  const outfile = join(here, "../target/bench", `${name}.js`);
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' };
  const how = { bundle: true, minify: true, format: "esm", platform: "node", logLevel: "error", banner, outfile };
  buildSync({ ...how, entryPoints: script(name) });
  return [outfile];
}
const named = (list) => list.map((text) => text.split("=", 2));

/** `checks`: whether it refuses what is forged, and so makes the workload's calls and no others. */
const CONTENDERS = {
  "floor-read": { files: script("floor-read"), checks: false },
  "floor-calls": { files: script("floor-calls"), checks: false },
  "floor-calls-log": { files: script("floor-calls-log"), checks: false },
  "reject-noread": { files: script("reject-noread"), checks: true },
  "js-webcrypto": { files: script("js-webcrypto"), checks: true },
  "hono-standardwebhooks": { files: bundled("hono-standardwebhooks"), checks: true },
  "hono-svix": { files: bundled("hono-svix"), checks: true },
  tern: { files: bundled("tern"), checks: true },
  "hookgate-kv": { files: gateway(join(here, "../build")), checks: true },
  "hookgate-exact": { files: gateway(join(here, "../build")), checks: true, exact: true },
  ...Object.fromEntries(named(options.build).map(([name, directory]) => [name, { files: gateway(directory), checks: true }])),
  ...Object.fromEntries(named(options.script).map(([name, file]) => [name, { files: [file], checks: true }])),
};

const chosen = (list, known, what) => {
  const unknown = list.find((name) => !(name in known));
  if (unknown !== undefined) throw new Error(`no ${what} ${unknown}; there are ${Object.keys(known).join(", ")}`);
  return list;
};
const workloads = chosen(options.workloads.split(","), WORKLOADS, "workload");
const wanted = chosen(options.contenders?.split(",") ?? Object.keys(CONTENDERS), CONTENDERS, "contender");
const guests = [...named(options.build), ...named(options.script)].map(([name]) => name);

const load = fork(join(here, "load.mjs"));
const ended = once(load, "exit").then(([code]) => ({ error: `the load's process ended: ${code}` }));
async function send(order) {
  load.send({ connections: CONNECTIONS, seconds: SECONDS, ...order });
  const report = await Promise.race([once(load, "message").then(([message]) => message), ended]);
  if (report.error) throw new Error(report.error);
  return report;
}

/** One round of one contender. */
async function measure(server, order) {
  const before = cpuSeconds(server.pid);
  const report = await send({ port: server.port, ...order });
  // What runs after the last answer belongs to its request.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const seconds = cpuSeconds(server.pid) - before;
  return { ...report, cpu_us: (seconds * 1e6) / order.requests };
}

const difference = (after, before) =>
  Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));

/** Every contender under one workload: all of them running, one measured at a time, in another order each round. */
async function compare(workload) {
  const { requests, bytes, status, calls: expected, known, sources = SOURCES, secrets, contenders: usual } = WORKLOADS[workload];
  const contenders = wanted.filter((name) => usual.includes(name) || guests.includes(name));
  const servers = new Map();
  const measured = new Map(contenders.map((name) => [name, []]));
  try {
    for (const name of contenders) {
      const { files, checks, exact } = CONTENDERS[name];
      const dedup = (source) => (exact ? { ...source, dedup: "exact" } : source);
      const configured = Object.fromEntries(Object.entries(sources).map(([one, source]) => [one, dedup(source)]));
      const server = await start(files, { known, sources: configured, secrets: { ...SECRETS, ...secrets }, exact });
      servers.set(name, server);
      const order = { workload, status: checks ? status : 200 };
      const blame = (error) => Object.assign(error, { message: `${name}, ${workload}: ${error.message}\n${server.complaints()}` });
      server.measure = (requests) => measure(server, { ...order, requests }).catch((error) => Promise.reject(blame(error)));
      await server.measure(Math.min(WARM_UP, Math.floor(MOST_AT_ONCE / bytes)));
    }
    for (let round = 0; round < rounds; round += 1) {
      for (let n = 0; n < contenders.length; n += 1) {
        const name = contenders[(n + round) % contenders.length];
        const server = servers.get(name);
        const before = await calls(server.stub);
        measured.get(name).push(await server.measure(requests));
        const made = difference(await calls(server.stub), before);
        const wrong = Object.keys(made).find((call) => made[call] !== expected[call] * requests);
        if (CONTENDERS[name].checks && wrong) {
          throw new Error(`${name}, ${workload}: ${made[wrong]} calls of ${wrong} for ${requests} requests`);
        }
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
  const floor = measured.get("floor-calls");
  return contenders.map((name) => summary(name, workload, measured.get(name), floor));
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `floor`: what `floor-calls` took; each round is compared with the floor's turn beside it. */
function summary(contender, workload, measured, floor) {
  const values = (field) => measured.map((round) => round[field]);
  const rounded = (number, digits) => Number(number.toFixed(digits));
  const cpu = values("cpu_us");
  const ratios = floor && cpu.map((value, round) => value / floor[round].cpu_us);
  const { bytes, requests } = WORKLOADS[workload];
  return {
    contender,
    workload,
    cpu_us: rounded(median(values("cpu_us")), 1),
    cpu_us_min: rounded(Math.min(...cpu), 1),
    cpu_us_max: rounded(Math.max(...cpu), 1),
    rps: Math.round(median(values("rps"))),
    p50_ms: rounded(median(values("p50_ms")), 3),
    p99_ms: rounded(median(values("p99_ms")), 3),
    body_bytes: bytes,
    requests,
    rounds: measured.length,
    ...(ratios && { of_floor_calls: rounded(median(ratios), 3) }),
  };
}

function print(results) {
  const [{ workload, body_bytes, rounds, requests }] = results;
  console.log(`\n${workload}: a body of ${body_bytes} bytes, ${rounds} rounds of ${requests} requests`);
  const columns = ["contender", "CPU µs", "least – most", "× floor-calls", "requests/s", "p50 ms", "p99 ms"];
  const rows = results.map((r) => [
    r.contender,
    r.cpu_us.toFixed(1),
    `${r.cpu_us_min.toFixed(1)} – ${r.cpu_us_max.toFixed(1)}`,
    r.of_floor_calls?.toFixed(2) ?? "",
    `${r.rps}`,
    r.p50_ms.toFixed(2),
    r.p99_ms.toFixed(2),
  ]);
  const widths = columns.map((column, n) => Math.max(...[column, ...rows.map((row) => row[n])].map((text) => text.length)));
  const line = (row) => row.map((text, n) => (n === 0 ? text.padEnd(widths[n]) : text.padStart(widths[n]))).join("  ");
  for (const row of [columns, ...rows]) console.log(`  ${line(row)}`);
}

const cores = availableParallelism();
const began = { at: performance.now(), machine: machineSeconds(), load: process.cpuUsage() };
console.log(`${cores} cores, load ${loadavg().map((n) => n.toFixed(2)).join(" ")} at the start; ${CONNECTIONS} connections`);
const results = [];
try {
  for (const workload of workloads) {
    const rows = await compare(workload);
    print(rows);
    results.push(...rows);
  }
} finally {
  load.disconnect();
}

const elapsed = (performance.now() - began.at) / 1000;
const busy = (machineSeconds() - began.machine) / elapsed / cores;
console.log(`\nThe machine was ${(busy * 100).toFixed(0)} % busy, all of it included, over ${elapsed.toFixed(0)} s; load ${loadavg()[0].toFixed(2)} at the end.`);
const ours = results.find((r) => r.contender === "hookgate-kv" && r.workload === "accepted-1k");
if (ours?.of_floor_calls) {
  const ratio = ours.of_floor_calls;
  console.log(`accepted-1k: hookgate-kv costs ${ratio.toFixed(2)} × floor-calls (at most ${MOST_FLOORS}: ${ratio <= MOST_FLOORS ? "kept" : "MISSED"}).`);
}
writeFileSync(options.out, `${JSON.stringify(results, null, 2)}\n`);
