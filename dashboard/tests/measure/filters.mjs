// How long a filter takes in a log of many events: from the last key until the first row that matches is painted.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fill, fillCounts, fillSources, sourceNames } from "../../../bench/log/fill.mjs";
import { Stage, eventually } from "../browser/stage.mjs";
import { head, print } from "./figures.mjs";

const BAR_MS = 500;
const WEEK = 7 * 24 * 3600;

/** What bench/log/fill.mjs needs of a gateway, over the file of the database of `wrangler dev`. */
class Filled {
  #stage;

  constructor(stage) {
    this.#stage = stage;
  }

  async post(source, sent) {
    const { status } = await this.#stage.post(source, sent);
    if (status !== 200) throw new Error(`${source} answered ${status}`);
  }

  settled(source, state, count) {
    const path = `events?source=${source}&state=${state}`;
    return eventually(path, async () => (await this.#stage.api(path)).events?.length >= count);
  }

  async rows(sql, ...values) {
    return this.#open((database) => database.prepare(sql).all(...values));
  }

  database = {
    prepare: (sql) => ({
      bind: (...values) => ({
        run: async () =>
          this.#open((database) => {
            database.prepare(sql).run(...values);
            const { page_count: pages } = database.prepare("PRAGMA page_count").get();
            const { page_size: size } = database.prepare("PRAGMA page_size").get();
            return { meta: { size_after: pages * size } };
          }),
      }),
    }),
  };

  #open(work) {
    const directory = join(this.#stage.state, "v3/d1/miniflare-D1DatabaseObject");
    const name = readdirSync(directory).find((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
    const database = new DatabaseSync(join(directory, name), { timeout: 10_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }
}

/**
 * Runs in the page: types `filter`, and waits until rows that were not there before are painted. Returns the milliseconds
 * since the last key, and since the address had the filter.
 */
function typed(filter) {
  return new Promise((resolve) => {
    const before = document.querySelector("table.events tbody tr");
    const input = document.querySelector(".search input");
    const began = performance.now();
    let applied;
    const hash = location.hash;
    input.value = filter;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    const look = () => {
      if (applied === undefined && location.hash !== hash) applied = performance.now();
      const row = document.querySelector("table.events tbody tr");
      if (applied !== undefined && row && row !== before && !before?.isConnected)
        setTimeout(() => resolve([performance.now() - began, performance.now() - applied, row.innerText]));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

/** Filters a log of `count` events of a week, each filter `times` times. */
export async function measureFilters(count, times) {
  const stage = await Stage.start(fillSources);
  try {
    const filled = new Filled(stage);
    await fill(filled, count, WEEK);
    await fillCounts(filled);
    // One call of the API looks at 20,000 events, or at fewer bodies. Then the page looks further back by itself.
    const back = async (events) => {
      const nth = "SELECT event_id FROM log_events ORDER BY id DESC LIMIT 1 OFFSET ?1";
      return (await filled.rows(nth, events))[0].event_id;
    };
    const last = count - 100;
    const page = await stage.signedIn({ at: "#/events?range=7d" });
    await page.locator("table.events tbody tr").nth(49).waitFor();
    const names = {
      "a source": `source:${sourceNames[3]}`,
      "a state": "state:dead",
      "the beginning of a type": "type:invoice.*",
      "a class of status": "status:5xx",
      "an id, 8,000 events back": `id:${await back(8_000)}`,
      [`an id, ${last} events back`]: `id:${await back(last)}`,
      "free text that every event has": "created_at",
      "free text of one event, 9,000 events back": await back(9_000),
      [`free text of one event, ${last} events back`]: await back(last),
    };
    head(`filter among ${count} events, ms`);
    for (const [name, filter] of Object.entries(names)) {
      const [all, applied] = [[], []];
      for (let call = -1; call < times; call += 1) {
        const [sinceKey, sinceApplied] = await page.evaluate(typed, filter);
        if (call >= 0) {
          all.push(sinceKey);
          applied.push(sinceApplied);
        }
        await page.evaluate(typed, "");
      }
      print(`${name}, from the last key`, all, BAR_MS);
      print("  from the filter in the address", applied);
    }
    console.log("The page waits 150 ms after a key, in case that another key follows.");
  } finally {
    await stage.close();
  }
}
