// Pages whose calls are answered without the Worker: by answers.ts.
import { answersAt } from "./answers.ts";

/** Answers every call of a page under /api. `text` makes the texts from outside, `nowOf` the time. */
export function answer(page, origin, text = (plain) => plain, nowOf = Date.now) {
  return page.route(`${origin}/api/**`, (route) => {
    const path = new URL(route.request().url()).pathname.replace("/api/", "");
    const answers = answersAt(nowOf(), text);
    const named = [path, path.replace(/\/[^/]+/, "/{id}")];
    const json = [`${route.request().method()} ${path}`, ...named].map((name) => answers[name]).find(Boolean);
    return json ? route.fulfill({ json }) : route.fulfill({ status: 409, json: { title: text("No"), detail: text("no") } });
  });
}

/** Opens what a view has beside itself: the panel of an event, dialogs, a report. Each one has a name. */
export const OPENED = {
  "event panel": async (page) => {
    await page.evaluate(() => (location.hash = "#/events"));
    await page.locator("table.events tbody tr a").nth(1).click();
    await page.getByRole("complementary", { name: "Event" }).getByText("Attempt 3").waitFor();
  },
  "replay dialog": async (page) => {
    await OPENED["event panel"](page);
    await page.getByRole("button", { name: "Replay", exact: true }).click();
  },
  "replay dialog with a problem": async (page) => {
    await OPENED["replay dialog"](page);
    await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
  },
  "forget dialog": async (page) => {
    await OPENED["event panel"](page);
    await page.getByRole("button", { name: "Forget…" }).click();
  },
  "dry run": async (page) => {
    await page.evaluate(() => (location.hash = "#/events"));
    await page.getByRole("button", { name: "Replay these…" }).click();
    await page.getByRole("dialog").locator(".big").waitFor();
  },
  "dialog of letters": async (page) => {
    await page.evaluate(() => (location.hash = "#/dead-letters"));
    await page.getByRole("button", { name: "Redrive…" }).click();
    await page.getByRole("dialog").locator(".big").waitFor();
  },
  "dialog of a letter": async (page) => {
    await page.evaluate(() => (location.hash = "#/dead-letters"));
    await page.locator("table.letters").getByRole("button").first().click();
  },
  "pause dialog": async (page) => {
    await page.evaluate(() => (location.hash = "#/sources/shop"));
    await page.getByRole("button", { name: "Pause deliveries…" }).click();
  },
  "report of a test": async (page) => {
    await page.evaluate(() => (location.hash = "#/sources/billing"));
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.locator(".report").waitFor();
  },
  "open sample": async (page) => {
    await page.evaluate(() => (location.hash = "#/refused"));
    await page.locator(".sample-head").first().click();
    await page.locator(".sample-body").waitFor();
  },
};
