// How long the first view takes: from the start of the navigation until the overview's numbers are painted.
import { ADMIN_TOKEN, Stage, delivery, eventually } from "../browser/stage.mjs";
import { head, print } from "./figures.mjs";

const BAR_MS = 1000;

/** Runs in the page before its scripts: notes when the numbers are there, and painted. */
function note(token) {
  sessionStorage.setItem("hookgate.token", token);
  const watch = new MutationObserver(() => {
    if (!document.querySelector(".figures dd")) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => (window.usable = performance.now())));
  });
  watch.observe(document, { childList: true, subtree: true });
}

async function usable(page) {
  await page.waitForFunction(() => window.usable !== undefined);
  return page.evaluate(() => window.usable);
}

/** Opens the page `times` times with an empty cache, and again with a full one. */
export async function measureFirst(times) {
  const stage = await Stage.start({ fine: { provider: "generic", secrets: ["GENERIC_SECRET"] } });
  try {
    for (let sent = 0; sent < 50; sent += 1) await stage.post("fine", delivery("generic"));
    await eventually("the events are in the log", async () => (await stage.api("events")).events?.length === 50);
    const [cold, warm] = [[], []];
    for (let call = -1; call < times; call += 1) {
      const page = await stage.page();
      await page.addInitScript(note, ADMIN_TOKEN);
      const figures = [];
      for (let visit = 0; visit < 2; visit += 1) {
        await page.goto(`${stage.url}/dashboard`);
        figures.push(await usable(page));
        await page.goto("about:blank");
      }
      // The first call warms up the Worker and its database.
      if (call >= 0) [cold, warm].forEach((numbers, at) => numbers.push(figures[at]));
      await page.context().close();
    }
    head("first view, ms");
    print("empty cache", cold, BAR_MS);
    print("files in the cache", warm, BAR_MS);
  } finally {
    await stage.close();
  }
}
