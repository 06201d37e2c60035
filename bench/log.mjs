// Measures the API's lists over a full log, and the rows that the log writes. See README.md. SHAPES, EVENTS, CALLS, PARTS.
import { loadavg } from "node:os";
import { countRows } from "./log/rows.mjs";
import { fill, fillCounts, fillSources, sourceNames } from "./log/fill.mjs";
import { LoggedGateway } from "./log/runtime.mjs";

const { EVENTS = "100000", CALLS = "40", SHAPES = "week,hour", PARTS = "lists,rows" } = process.env;
const SPANS = { week: 7 * 24 * 3600, hour: 3600 };
const LIST_MS = 300;
const TEXT_MS = 1000;
/** A page deep in the list may cost this much of the first. The rest is the noise of a shared machine. */
const DEEP = 1.25;

/** The calls: a path, or a function of the call's number that makes it. A `bar` is in milliseconds at p95. */
async function callsOver(gateway, span) {
  const row = async (offset) => {
    const order = "ORDER BY id DESC LIMIT 1 OFFSET ?1";
    return (await gateway.rows(`SELECT name, received, event_id FROM log_events ${order}`, offset))[0];
  };
  const depth = Math.floor(Number(EVENTS) * 0.8);
  const [deep, some, tenth] = [await row(depth), await row(depth / 2), await row(9_000)];
  const now = Math.floor(Date.now() / 1000);
  const cursor = `cursor=${deep.received}-${deep.name}`;
  const filtered = (names) => Object.entries(names).map(([name, query]) => [name, `events?${query}`, LIST_MS]);
  return [
    ["plain", "events", LIST_MS],
    ["plain, 200 a page", "events?limit=200", LIST_MS],
    [`plain, after ${depth} events`, `events?${cursor}`, LIST_MS],
    ...filtered({
      source: `source=${sourceNames[3]}`, state: "state=dead", reason: "reason=origin_status",
      type: "type=order.shipped", "type, a beginning": "type=invoice.*", id: `id=${some.event_id}`,
      key: `key=${some.name.slice(0, 24)}${"0".repeat(40)}`, destination: "destination=http://127.0.0.1",
      status: "status=503", since: `since=${now - span / 2}`, until: `until=${now - span / 2}`,
      "since and until, 5 minutes": `since=${now - span / 2 - 300}&until=${now - span / 2}`,
      "source and state": `source=${sourceNames[3]}&state=dead,retrying`,
      "nothing: source": "source=none", "nothing: state": "state=filtered", "nothing: reason": "reason=none",
      "nothing: type": "type=none", "nothing: id": "id=none", "nothing: key": `key=${"0".repeat(64)}`,
      "nothing: destination": "destination=http://none", "nothing: status": "status=404",
      "nothing, deep": `type=none&${cursor}`,
    }),
    ["text: every event has it", "events?text=created_at", TEXT_MS],
    ["text: one event has it", `events?text=${tenth.event_id}`, TEXT_MS],
    ["text: no event has it", "events?text=nowhere-at-all", TEXT_MS],
    ["text, deep: no event has it", `events?text=nowhere-at-all&${cursor}`, TEXT_MS],
    ["numbers of a day", "stats", LIST_MS],
    ["numbers of 31 days", `stats?since=${now - 31 * 24 * 3600 + 60}&step=1d`, LIST_MS],
    ["refused requests", "refused", LIST_MS],
    ["sources", "sources", LIST_MS],
    ["details of an event", `events/${some.received}-${some.name}`, LIST_MS],
  ];
}

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const at = (numbers, part) => numbers[Math.min(numbers.length - 1, Math.ceil(numbers.length * part) - 1)];

async function measure(gateway, [name, path, bar]) {
  await gateway.api(path); // the first call reads the pages from the disk
  await gateway.meter();
  const times = [];
  let found;
  for (let call = 0; call < Number(CALLS); call += 1) {
    const { ms, json } = await gateway.api(path);
    times.push(ms);
    found = json.events?.length ?? 1;
  }
  const tables = Object.values(await gateway.meter());
  const [p50, p95, max] = [0.5, 0.95, 1].map((part) => at(sorted(times), part));
  const each = (name) => tables.reduce((sum, table) => sum + table[name], 0) / Number(CALLS);
  return { name, found, p50, p95, max, bar, d1: each("ms"), read: Math.round(each("rows_read")) };
}

function print({ name, found, p50, p95, max, bar, d1, read }, plain) {
  const numbers = [p50, p95, max, d1].map((number) => number.toFixed(1).padStart(8)).join("");
  const ratio = (p50 / plain.p50).toFixed(1).padStart(7);
  const kept = p95 <= bar ? "kept" : "MISSED";
  console.log(`${name.padEnd(32)}${String(found).padStart(5)}${numbers}${ratio}${String(read).padStart(9)}${String(bar).padStart(6)} ${kept}`);
}

async function lists(shape) {
  await LoggedGateway.with(fillSources, async (gateway) => {
    const began = performance.now();
    const bytes = await fill(gateway, Number(EVENTS), SPANS[shape]);
    await fillCounts(gateway);
    const [{ tries }] = await gateway.rows("SELECT sum(json_array_length(attempts)) AS tries FROM log_events");
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.log(`\n${EVENTS} events and ${tries} attempts within a ${shape}; ${Math.round(bytes)} bytes an event; filled in ${seconds} s`);
    console.log("call                            found     p50     p95     max   in D1 ÷plain rows read   bar");
    let plain;
    for (const call of await callsOver(gateway, SPANS[shape])) {
      const figures = await measure(gateway, call);
      plain ??= figures;
      print(figures, plain);
      if (!call[0].startsWith("plain, after")) continue;
      const ratio = figures.p50 / plain.p50;
      console.log(`  deep ÷ first at p50: ${ratio.toFixed(2)}, bar ${DEEP} ${ratio <= DEEP ? "kept" : "MISSED"}`);
    }
  });
}

console.log(`load ${loadavg().map((number) => number.toFixed(2)).join(" ")}; milliseconds of ${CALLS} calls each, one at a time`);
if (PARTS.includes("lists")) for (const shape of SHAPES.split(",")) await lists(shape);
if (PARTS.includes("rows")) await countRows();
