// The memory of pages that poll while events arrive: the heap after a collection of garbage, DOM nodes and listeners.
import { setTimeout as delay } from "node:timers/promises";
import { Stage, delivery } from "../browser/stage.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };
const EVENT_EVERY_MS = 2000;
/** The peak of the last third may be this much of the first one: a list grows to its bound, and begins anew. */
const FLAT = 1.1;

/** What each page does once a minute. */
const PAGES = {
  overview: async () => {},
  // New rows wait, until the operator asks for them.
  events: async (page) => {
    const button = page.locator(".fresh button");
    if ((await button.count()) > 0) await button.click();
  },
  // Each view is opened and left again.
  round: async (page) => {
    for (const view of ["events", "dead-letters", "refused", "sources", "sources/fine", "destinations", "alerts", "audit"]) {
      await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await delay(1000);
    }
    await page.evaluate(() => (location.hash = "#/events"));
    const row = page.locator("table.events tbody tr a").first();
    await row.waitFor();
    await row.click();
    await page.getByRole("complementary", { name: "Event" }).getByText("Attempt 1").first().waitFor();
    await page.evaluate(() => (location.hash = "#/overview"));
    await page.locator(".figures").waitFor();
  },
};

async function counted({ session }) {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
  return { heap: usedSize, nodes, listeners: jsEventListeners };
}

const kilobytes = (bytes) => Math.round(bytes / 1000);
const peak = (samples, measure) => Math.max(...samples.map(measure));

function verdict(name, samples) {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return;
  const [early, late] = [samples.slice(0, third), samples.slice(-third)];
  for (const measure of ["heap", "nodes", "listeners"]) {
    const [before, after] = [early, late].map((some) => peak(some, (sample) => sample[measure]));
    const text = measure === "heap" ? `${kilobytes(before)} kB, then ${kilobytes(after)} kB` : `${before}, then ${after}`;
    const kept = after <= before * FLAT ? "kept" : "MISSED";
    console.log(`${name}: ${measure}, peak of the first and of the last third: ${text}; bar × ${FLAT} ${kept}`);
  }
}

/** Polls for so many minutes, while an event arrives every two seconds. Prints a line a minute. */
export async function measureMemory(minutes) {
  const stage = await Stage.start({ fine: generic, refusing: generic });
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    void stage.post("fine", delivery("generic")).catch((error) => console.log(`not sent: ${error.message}`));
    if (sent % 30 === 0) void stage.post("fine", delivery("generic", { key: "forged" })).catch(() => {});
  }, EVENT_EVERY_MS);
  try {
    const pages = [];
    for (const [name, work] of Object.entries(PAGES)) {
      const page = await stage.signedIn({ at: name === "events" ? "#/events" : "#/overview" });
      const session = await page.context().newCDPSession(page);
      await session.send("HeapProfiler.enable");
      pages.push({ name, work, page, session, samples: [] });
    }
    const began = Date.now();
    const heads = pages.map(({ name }) => `${name}: heap kB, nodes, listeners`.padEnd(36));
    console.log(`minute  events  ${heads.join("")}`);
    for (let minute = 1; minute <= minutes; minute += 1) {
      await delay(Math.max(0, began + minute * 60_000 - Date.now()));
      for (const one of pages) {
        await one.work(one.page);
        one.samples.push(await counted(one));
      }
      const cells = pages.map(({ samples }) => {
        const { heap, nodes, listeners } = samples.at(-1);
        const numbers = [kilobytes(heap), nodes, listeners].map((number) => String(number).padStart(8));
        return numbers.join("").padEnd(36);
      });
      console.log(`${String(minute).padStart(6)}${String(sent).padStart(8)}  ${cells.join("")}`);
    }
    for (const { name, samples } of pages) verdict(name, samples);
    console.log(`complaints of the pages: ${stage.complaints.length} ${stage.complaints.slice(0, 5).join(" | ")}`);
  } finally {
    clearInterval(timer);
    await stage.close();
  }
}
