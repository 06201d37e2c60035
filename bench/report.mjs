// Writes the figures of a run: rows for results.json, and tables for the console.
import { execFileSync } from "node:child_process";
import { BEFORE, BUILD, gateway } from "./contenders.mjs";
import { WORKLOADS } from "./workloads.mjs";

const OURS = "hookgate-kv";

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const rounded = (number, digits) => Number(number.toFixed(digits));

export function rowOf({ contender, workload, measured }) {
  const values = (field) => measured.map((round) => round[field]);
  const cpu = values("cpu_us");
  const { bytes, requests, starts } = WORKLOADS[workload];
  return {
    contender,
    workload,
    cpu_us: rounded(median(cpu), 1),
    cpu_us_min: rounded(Math.min(...cpu), 1),
    cpu_us_max: rounded(Math.max(...cpu), 1),
    rps: rounded(median(values("rps")), starts ? 1 : 0),
    p50_ms: rounded(median(values("p50_ms")), 3),
    p99_ms: rounded(median(values("p99_ms")), 3),
    body_bytes: bytes,
    requests,
    rounds: measured.length,
    cpu_us_rounds: cpu.map((value) => rounded(value, 1)),
    ...(starts && { module_us_rounds: values("module_us").map((value) => rounded(value, 1)) }),
  };
}

/** JSON with one row a line, so that a comparison of two runs shows whole rows. */
export const asJson = (rows) => `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;

function printTable(columns, rows) {
  const widths = columns.map((column, n) => Math.max(...[column, ...rows.map((row) => row[n])].map((text) => text.length)));
  const line = (row) => row.map((text, n) => (n < 1 ? text.padEnd(widths[n]) : text.padStart(widths[n]))).join("  ");
  for (const row of [columns, ...rows]) console.log(`  ${line(row).trimEnd()}`);
}

export function printRows(rows) {
  const [{ workload, body_bytes, rounds, requests }] = rows;
  console.log(`\n${workload}: a body of ${body_bytes} bytes, ${rounds} rounds of ${requests} requests`);
  const columns = ["contender", "CPU µs", "least – most", "requests/s", "p50 ms", "p99 ms"];
  const cells = (r) => [
    r.contender,
    r.cpu_us.toFixed(1),
    `${r.cpu_us_min.toFixed(1)} – ${r.cpu_us_max.toFixed(1)}`,
    `${r.rps}`,
    r.p50_ms.toFixed(2),
    r.p99_ms.toFixed(2),
  ];
  printTable(columns, rows.map(cells));
}

/** The bars: workload, other contender, and the highest ratio of the CPU of `hookgate-kv` to the CPU of the other contender. */
const BARS = [
  ["accepted-1k", "hono-standardwebhooks", 1.1],
  ["accepted-1k", "tern", 1.1],
  ["accepted-16k", "js-webcrypto", 1.0],
  ["accepted-64k", "js-webcrypto", 0.9],
  ["accepted-1m", "js-webcrypto", 0.7],
  ["forged-1k", "js-webcrypto", 1.2],
  ["unsigned-1m", "js-webcrypto", 1.3],
];
const MOST_START_MS = 20; // CPU, above an empty Worker
const MOST_KB = 400;

/** The median of `how(ours, other)` over all rounds. `undefined` if one of the two contenders did not run. */
function beside(rows, workload, other, how, field = "cpu_us_rounds") {
  const rounds = (contender) => rows.find((row) => row.contender === contender && row.workload === workload)?.[field];
  const [mine, others] = [rounds(OURS), rounds(other)];
  return mine && others && median(mine.map((value, n) => how(value, others[n])));
}
const ratio = (mine, other) => mine / other;
const difference = (mine, other) => (mine - other) / 1000;

/** The size of the Worker, compressed by `gzip` as in `scripts/build`. Node's zlib compresses less. */
function kilobytes() {
  return gateway(BUILD).reduce((sum, file) => sum + execFileSync("gzip", ["-9", "-c", file]).length, 0) / 1000;
}

/** Prints the bars that this run measured, and the comparison with the build in AGAINST. */
export function printBars(rows) {
  const start = (field) => beside(rows, "startup", "empty", difference, field);
  const measured = [
    ...BARS.map(([workload, other, most]) => [`${workload} ÷ ${other}`, beside(rows, workload, other, ratio), most]),
    ["start-up until the module is loaded, CPU ms above an empty Worker", start("module_us_rounds"), MOST_START_MS],
    ["start-up until the first answer, CPU ms above an empty Worker", start("cpu_us_rounds"), MOST_START_MS],
    ["index.js and index_bg.wasm, kB gzipped", rows.some(({ contender }) => contender === OURS) ? kilobytes() : undefined, MOST_KB],
    ...Object.keys(WORKLOADS).map((workload) => [`${workload} ÷ ${BEFORE}`, beside(rows, workload, BEFORE, ratio)]),
  ].filter(([, value]) => value !== undefined);
  const kept = (value, most) => (most === undefined ? "" : value <= most ? "kept" : "MISSED");
  console.log(`\nThe cost of ${OURS}, medians of the rounds:`);
  const cells = measured.map(([what, value, most]) => [what, value.toFixed(2), `${most ?? ""}`, kept(value, most)]);
  printTable(["bar", "measured", "at most", ""], cells);
}
