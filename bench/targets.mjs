// What the gateway's cost is held to, by the rows of one run.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { BUILD, gateway } from "./contenders.mjs";
import { median, printTable } from "./report.mjs";

const OURS = "hookgate-kv";

/** CPU of `ours` by that of `theirs`, each a [contender, workload] that ran side by side; of both above `floor`, if given. */
const ratio = (ours, theirs, floor) => (cpu) => {
  const rounds = [ours, theirs, ...(floor ? [floor] : [])].map((one) => cpu(...one));
  if (rounds.includes(undefined)) return undefined;
  const [mine, others, least = []] = rounds;
  return median(mine.map((value, n) => (value - (least[n] ?? 0)) / (others[n] - (least[n] ?? 0))));
};
const against = (workload, contender) => ratio([OURS, workload], [contender, workload]);
const own = (workload, contender) => ratio([OURS, workload], [contender, workload], ["floor-calls", workload]);
const grows = (contender, to, from) => ratio([contender, to], [contender, from]);

const startUp = (field) => (cpu, rows) => rows.find((row) => row.contender === OURS && row.workload === "startup")?.[field];
function size() {
  const files = gateway(BUILD);
  if (!files.every((file) => existsSync(file))) return undefined;
  // As `scripts/build` reports it: Node's own zlib is a faster one, and compresses less.
  return files.reduce((sum, file) => sum + execFileSync("gzip", ["-9", "-c", file]).length, 0) / 1000;
}

/** What is measured, how, and the most it may be. */
const TARGETS = [
  ["accepted-1k, by js-webcrypto", against("accepted-1k", "js-webcrypto"), 1.0],
  ["accepted-1k above floor-calls, by js-webcrypto's", own("accepted-1k", "js-webcrypto"), 0.9],
  ["accepted-1k above floor-calls, by hono-standardwebhooks'", own("accepted-1k", "hono-standardwebhooks"), 0.5],
  ["accepted-1k above floor-calls, by tern's", own("accepted-1k", "tern"), 0.35],
  ["accepted-64k, by js-webcrypto", against("accepted-64k", "js-webcrypto"), 1.0],
  ["accepted-1m, by js-webcrypto", against("accepted-1m", "js-webcrypto"), 1.0],
  ["forged-1k, by js-webcrypto", against("forged-1k", "js-webcrypto"), 0.95],
  ["unsigned-1m, by reject-noread", against("unsigned-1m", "reject-noread"), 1.1],
  ["relaybox-1k, by generic-1k", grows(OURS, "relaybox-1k", "generic-1k"), 1.6],
  ["sources-1000, by sources-1", grows(OURS, "sources-1000", "sources-1"), 1.02],
  ["secrets-4, by sources-1", grows(OURS, "secrets-4", "sources-1"), 1.15],
  ["claims-1e6, by claims-1e3 (the object alone)", grows("claims-object", "claims-1e6", "claims-1e3"), 1.2],
  ["start-up of the module above floor-read, in ms", startUp("module_above_floor_ms"), 10],
  ["start-up of the module above floor-read, in ms of CPU", startUp("module_above_floor_cpu_ms"), 10],
  ["start-up and first answer above floor-read, in ms of CPU", startUp("above_floor_cpu_ms"), 10],
  ["index.js and index_bg.wasm, in kB gzipped", size, 200],
];

/** A table of those that this run measured. */
export function printTargets(rows) {
  const cpu = (contender, workload) =>
    rows.find((row) => row.contender === contender && row.workload === workload)?.cpu_us_rounds;
  const measured = TARGETS.map(([what, measure, most]) => ({ what, value: measure(cpu, rows), most }));
  const known = measured.filter(({ value }) => value !== undefined);
  const cells = ({ what, value, most }) => [what, value.toFixed(2), `${most}`, value <= most ? "kept" : "MISSED"];
  console.log("\nWhat hookgate-kv may cost:");
  printTable(["target", "measured", "at most", ""], known.map(cells));
}
