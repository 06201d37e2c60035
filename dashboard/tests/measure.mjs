// Measures the dashboard in Chromium, against the built Worker under `wrangler dev`. See README.md, Figures.
// PARTS=size,first,filters,memory; EVENTS=100000; CALLS=10; MINUTES=60.
import { loadavg } from "node:os";
import { bundle, sizeOf } from "../build.mjs";
import { measureFilters } from "./measure/filters.mjs";
import { measureFirst } from "./measure/first.mjs";
import { measureMemory } from "./measure/memory.mjs";

const { PARTS = "size,first,filters,memory", EVENTS = "100000", CALLS = "10", MINUTES = "60" } = process.env;
const WORK = {
  size: async () => console.log(`scripts and styles, gzipped: ${sizeOf(await bundle())} bytes; bar 80000`),
  first: () => measureFirst(Number(CALLS)),
  filters: () => measureFilters(Number(EVENTS), Number(CALLS)),
  memory: () => measureMemory(Number(MINUTES)),
};

console.log(`load ${loadavg().map((number) => number.toFixed(2)).join(" ")}`);
for (const part of PARTS.split(",")) {
  if (!Object.hasOwn(WORK, part)) throw new Error(`PARTS: ${part} is none of ${Object.keys(WORK).join(", ")}`);
  await WORK[part]();
}
