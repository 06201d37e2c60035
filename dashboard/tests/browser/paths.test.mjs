// The five jobs of dashboard/README.md, by clicks from the overview: at most three each.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Stage, delivery, eventually } from "./stage.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };
const MOST = 3;

let stage;
before(async () => {
  stage = await Stage.start({
    ledger: generic,
    picky: { ...generic, events: ["invoice.*"] },
    small: { ...generic, max_body: "1kB" },
    quiet: generic,
  });
  stage.origin.answers("ledger", (response) => response.writeHead(410).end());
  await stage.api("sources/quiet/pause", { method: "POST", body: JSON.stringify({ reason: "the database moves" }) });
  const large = delivery("generic", { body: JSON.stringify({ id: "evt_large", text: "x".repeat(4000) }) });
  for (const [source, sent, status] of [
    ["ledger", delivery("generic"), 200],
    ["ledger", delivery("generic"), 200],
    ["picky", delivery("generic"), 200],
    ["quiet", delivery("generic"), 200],
    ["small", large, 413],
  ])
    assert.equal((await stage.post(source, sent)).status, status, source);
  await eventually("two letters", async () => (await stage.api("dead-letters")).dead_letters?.length === 2, 40_000);
  await eventually("a paused event", async () => (await stage.api("events?state=paused")).events?.length === 1, 40_000);
});
after(() => stage?.close());

/** Walks from the overview by clicks alone. */
async function walk(work) {
  const page = await stage.signedIn();
  let clicks = 0;
  const click = async (what) => {
    clicks += 1;
    await what.click();
  };
  const row = () => page.locator("table.events tbody tr").first();
  const place = (name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: true });
  await work({ page, click, row, place, attention: page.getByRole("region", { name: "What needs attention" }) });
  assert.ok(clicks <= MOST, `${clicks} clicks`);
  await page.context().close();
}

test("deliveries fail: why?", () =>
  walk(async ({ page, click, row, attention }) => {
    await click(attention.getByRole("link", { name: "2 dead letters" }));
    await click(page.locator("table.letters").getByRole("link").first());
    await click(row());
    const panel = page.getByRole("complementary", { name: "Event" });
    await panel.getByText("Attempt 1").waitFor();
    await panel.locator(".why").getByText(/410/).first().waitFor();
  }));

test("some events never arrive", () =>
  walk(async ({ page, click, row, place }) => {
    await click(place("Events"));
    await click(page.getByRole("button", { name: "Filtered", exact: true }));
    await click(row());
    await page.getByRole("complementary", { name: "Event" }).locator(".why").getByText(/events/).waitFor();
  }));

test("nothing arrives at all", () =>
  walk(async ({ page, click, attention }) => {
    await click(attention.getByRole("link", { name: "quiet is paused" }));
    await page.getByText("the database moves").waitFor();
    await click(page.getByRole("button", { name: "Resume" }));
    await page.getByText("Resumed. The events that wait go out within some minutes.").waitFor();
  }));

test("send again only what an outage lost", () =>
  walk(async ({ page, click, place }) => {
    await click(place("Events"));
    await click(page.getByRole("button", { name: "Dead", exact: true }));
    await click(page.getByRole("button", { name: "Replay these…" }));
    const dialog = page.getByRole("dialog");
    await dialog.getByText("2 events would be sent").waitFor();
    await dialog.getByText(/\/ledger/).waitFor(); // the numbers of each destination come first
  }));

test("a large payload vanishes", () =>
  walk(async ({ page, click }) => {
    await click(page.getByRole("region", { name: "Refusals by reason" }).getByRole("link", { name: "Body too large" }));
    await click(page.locator(".sample-head").first());
    await page.locator(".why-text").getByText(/max_body/).first().waitFor();
  }));

test("no page complained", () => assert.deepEqual(stage.complaints, []));
