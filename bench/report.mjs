// What the rounds come to: rows, as results.json has them, and tables.
import { WORKLOADS } from "./workloads.mjs";

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const rounded = (number, digits) => Number(number.toFixed(digits));

/** `measured`: its rounds. `floor`: those of the floor in the same rounds; each is compared with the one beside it. */
function summary({ contender, workload, measured }, floor) {
  const values = (field) => measured.map((round) => round[field]);
  const cpu = values("cpu_us");
  const { bytes, requests, starts } = WORKLOADS[workload];
  const above = (of) => rounded(median(measured.map((one, round) => of(one) - of(floor[round]))), 2);
  const beside = starts
    ? () => ({
        above_floor_ms: above((one) => one.p50_ms),
        above_floor_cpu_ms: above((one) => one.cpu_us / 1000),
        module_above_floor_ms: above((one) => one.module.ms),
        module_above_floor_cpu_ms: above((one) => one.module.cpu_us / 1000),
      })
    : () => ({ of_floor_calls: rounded(median(cpu.map((value, round) => value / floor[round].cpu_us)), 3) });
  return {
    contender,
    workload,
    cpu_us: rounded(median(cpu), 1),
    cpu_us_min: rounded(Math.min(...cpu), 1),
    cpu_us_max: rounded(Math.max(...cpu), 1),
    rps: rounded(median(values("rps")), starts ? 1 : 0),
    p50_ms: rounded(median(values("p50_ms")), 3),
    // Of a few starts, the slowest.
    p99_ms: rounded(starts ? Math.max(...values("p99_ms")) : median(values("p99_ms")), 3),
    body_bytes: bytes,
    requests,
    rounds: measured.length,
    ...(floor && beside()),
    cpu_us_rounds: cpu.map((value) => rounded(value, 1)),
  };
}

/** Rows of what was measured side by side. The floor is the workload's own, or else that of another workload beside it. */
export function rowsOf(members) {
  const floorOf = ({ workload }) => {
    const name = WORKLOADS[workload].starts ? "floor-read" : "floor-calls";
    const floors = members.filter((member) => member.contender === name);
    return (floors.find((member) => member.workload === workload) ?? floors[0])?.measured;
  };
  return members.map((member) => summary(member, floorOf(member)));
}

/** One row a line: those of another run differ in whole lines. */
export const asJson = (rows) => `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;

export function printTable(columns, rows, left = 1) {
  const widths = columns.map((column, n) => Math.max(...[column, ...rows.map((row) => row[n])].map((text) => text.length)));
  const line = (row) => row.map((text, n) => (n < left ? text.padEnd(widths[n]) : text.padStart(widths[n]))).join("  ");
  for (const row of [columns, ...rows]) console.log(`  ${line(row).trimEnd()}`);
}

export function printRows(results) {
  const [{ body_bytes, rounds, requests, above_floor_ms: starts }] = results;
  const workloads = [...new Set(results.map(({ workload }) => workload))];
  const sent = requests === 1 ? "1 request" : `${requests} requests`;
  console.log(`\n${workloads.join(", ")}: a body of ${body_bytes} bytes, ${rounds} rounds of ${sent}`);
  const beside = starts === undefined ? "× floor-calls" : "ms of CPU above floor: module, first answer";
  const columns = ["workload", "contender", "CPU µs", "least – most", beside, "requests/s", "p50 ms", "p99 ms"];
  const above = (r) => `${r.module_above_floor_cpu_ms.toFixed(1)}, ${r.above_floor_cpu_ms.toFixed(1)}`;
  const cells = (r) => [
    r.workload,
    r.contender,
    r.cpu_us.toFixed(1),
    `${r.cpu_us_min.toFixed(1)} – ${r.cpu_us_max.toFixed(1)}`,
    starts === undefined ? (r.of_floor_calls?.toFixed(2) ?? "") : above(r),
    `${r.rps}`,
    r.p50_ms.toFixed(2),
    r.p99_ms.toFixed(2),
  ];
  printTable(columns, results.map(cells), 2);
}
