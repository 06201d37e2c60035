// What an operator does with secrets, handshakes and alerts, in Chromium against the built Worker; and what a caller who may
// only read cannot do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { ORIGIN_SIGNING_SECRET } from "../../../tests/runtime/providers.mjs";
import { READ_TOKEN, Stage, delivery, eventually } from "./stage.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HOUR = 3600;
const OLD = "ROTATING_SECRET";
const NEW = "ROTATING_SECRET_2";
const KEYS = { [OLD]: "canary-rotating-old-71c5", [NEW]: "canary-rotating-new-02fe" };
const OFFERED = "canary-offered-by-asana-90ab";
const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };

let stage;
before(async () => {
  stage = await Stage.start(
    {
      alone: { provider: "stripe", secrets: ["GENERIC_SECRET"] },
      rotating: { provider: "generic", secrets: [OLD, NEW] },
      failing: generic,
      armed: { provider: "asana", handshake: "armed", deliver: "origin", dedup: "none" },
      waiting: { provider: "asana", handshake: "armed", deliver: "origin", dedup: "none" },
    },
    {
      secrets: { ...KEYS, ORIGIN_SIGNING_SECRET },
      vars: ({ url }) => ({ ALERTS: JSON.stringify({ format: "standard", url: `${url}/alerts` }) }),
    },
  );
  // For the alert: an event that its destination refuses. An alert opens after two runs of the cron, 30 seconds apart.
  stage.origin.answers("failing", (response) => response.writeHead(410).end());
  assert.equal((await stage.post("failing", delivery("generic"))).status, 200);
});
after(() => stage?.close());

const show = (page, hash) => page.evaluate((to) => (location.hash = to), hash);
async function settled(page) {
  await page.evaluate(() => new Promise(requestAnimationFrame));
  await eventually("the view is read", async () => (await page.locator(".loading").count()) === 0);
}

test("a page without a token asks who it is, and that is no refused call and no error", async () => {
  const page = await stage.page();
  await page.goto(`${stage.url}/dashboard`);
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(stage.complaints, []);
  const { counts } = await stage.api("refused?limit=1");
  assert.deepEqual(
    counts.filter(({ source }) => source === "/api"),
    [],
  );
  await page.context().close();
});

test("rotate a secret: the guide says which secret is in use, and when the old one can go", async () => {
  const page = await stage.signedIn({ at: "#/sources/alone" });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Rotate a secret" }).click();
  const guide = page.getByRole("region", { name: "Rotate a secret" });
  const now = guide.locator("[aria-current=step]");
  await now.getByText("Store the new secret").waitFor();
  await guide.getByText("Dashboard, Developers, Webhooks").waitFor(); // where the provider has it
  await guide.getByText("One v1 for each secret that is valid").waitFor(); // whether the provider keeps two
  await guide.getByRole("button", { name: "Copy step 1" }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await copied(), "wrangler secret put GENERIC_SECRET_2");
  await guide.getByRole("button", { name: "Copy step 2" }).click();
  assert.equal(await copied(), 'secrets = ["GENERIC_SECRET", "GENERIC_SECRET_2"]\n# then: make deploy');

  // Both are configured, and the provider still signs with the old one.
  const send = async (name) =>
    assert.equal((await stage.post("rotating", delivery("generic", { key: KEYS[name] }))).status, 200);
  await send(OLD);
  await show(page, "#/sources/rotating");
  await guide.getByText(`${NEW} never matched. Keep ${OLD}`).waitFor();
  await now.getByText("Change the secret at the provider").waitFor();

  // The provider signs with the new one.
  await send(NEW);
  const again = async () => {
    await show(page, "#/sources");
    await page.getByRole("heading", { name: "Sources" }).waitFor();
    await show(page, "#/sources/rotating");
  };
  await again();
  await guide.getByText(`${NEW} is in use. Keep ${OLD} until it is unused.`).waitFor();
  await now.getByText(/must match nothing for at least 72 h: not before \d{4}-/).waitFor();
  const secrets = page.getByRole("region", { name: "Secrets" });
  assert.equal(await secrets.getByText("In use", { exact: true }).count(), 2);

  // Four days later. The Worker's clock decides, so the notes of the log are made older.
  const at = Math.floor(Date.now() / 1000);
  const note = "UPDATE secrets SET matched = ? WHERE source = 'rotating' AND name = ?";
  assert.equal(stage.sql(note, at - 96 * HOUR, OLD).changes, 1);
  assert.equal(stage.sql(note, at - 120 * HOUR, "").changes, 1);
  await again();
  await guide.getByText(`${NEW} is in use. ${OLD} is unused: safe to delete.`).waitFor();
  await now.getByText(`Delete ${OLD}`, { exact: true }).waitFor();
  await now.getByText(`wrangler secret delete ${OLD}`).waitFor();
  await secrets.getByText("Unused: safe to delete").waitFor();
  await show(page, "#/overview");
  await page.getByRole("link", { name: `rotating: delete ${OLD}` }).waitFor();

  const text = await page.evaluate(() => document.documentElement.outerHTML);
  for (const value of Object.values(KEYS)) assert.ok(!text.includes(value));
  await page.context().close();
});

test("a secret that a provider sent is on the overview, is read when asked for; the audit names the reader", async () => {
  const page = await stage.signedIn({ at: "#/sources/armed" });
  await page.getByText("The source waits for the secret of its provider.").waitFor();
  assert.equal((await stage.post("armed", { headers: { "x-hook-secret": OFFERED }, body: "{}" })).status, 200);
  await show(page, "#/overview");
  await page.getByRole("link", { name: "armed: a secret waits" }).click();
  await page.getByRole("button", { name: "Read the secret…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The audit names you.").waitFor();
  const reads = async () =>
    (await stage.api("audit")).audit.filter(({ action }) => action === "read_secret");
  assert.deepEqual(await reads(), [], "nothing is read before the operator asks");
  await dialog.getByRole("button", { name: "Show the secret" }).click();
  await dialog.getByText(OFFERED).waitFor();
  await dialog.getByText("wrangler secret put ARMED_SECRET").waitFor();
  await dialog.getByText('secrets = ["ARMED_SECRET"]').waitFor();
  assert.deepEqual(
    (await reads()).map(({ target, caller }) => [target, caller]),
    [["armed", "admin"]],
  );
  await dialog.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.getByText(OFFERED).count(), 0, "the page forgets it");
  await page.context().close();
});

test("an alert opens, is acknowledged, and says who has seen it; a notice is tried", async () => {
  await eventually("a dead letter", async () => (await stage.api("dead-letters")).dead_letters?.length === 1, 40_000);
  const opened = async () => {
    await stage.cron();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return (await stage.api("alerts")).alerts.some(({ rule }) => rule === "dead_letters");
  };
  await eventually("the alert", opened, 90_000);
  const page = await stage.signedIn({ at: "#/overview" });
  await page.getByRole("link", { name: "Alert: Dead letters" }).click();
  const card = page.locator(".cards > li").filter({ hasText: "Dead letters" }).first();
  await card.getByText("Open", { exact: true }).waitFor();
  await card.getByText("not yet").first().waitFor();
  await card.getByRole("button", { name: "Acknowledge" }).click();
  await card.getByText("by admin").waitFor();
  await card.getByText("Acknowledged", { exact: true }).first().waitFor();
  assert.equal(await card.getByRole("button", { name: "Acknowledge" }).count(), 0);
  const [entry] = (await stage.api("audit?limit=1")).audit;
  assert.deepEqual([entry.action, entry.caller], ["acknowledge", "admin"]);
  await show(page, "#/overview");
  await page.getByText("acknowledged by admin").waitFor();

  await show(page, "#/alerts");
  const notices = () => stage.origin.of("alerts").map(({ body }) => JSON.parse(body).type);
  await page.getByRole("button", { name: "Send a test notice" }).click();
  await page.getByText("A test notice is on its way.").waitFor();
  await eventually("the test notice", () => notices().includes("hookgate.alert.test"), 40_000);
  await page.context().close();
});

test("a resolved alert says when it began, who had seen it, and when it was over", async () => {
  const page = await stage.signedIn({ at: "#/alerts" });
  // An alert resolves after ten minutes, so the answer of the API is written here.
  await page.route("**/api/alerts", async (route) => {
    const answer = await route.fetch();
    const list = await answer.json();
    const ended = new Date(Date.now() - 120_000).toISOString();
    for (const alert of list.alerts) Object.assign(alert, { status: "resolved", ended });
    await route.fulfill({ response: answer, json: list });
  });
  await page.reload();
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  const story = page.getByRole("list", { name: "What became of it" }).first();
  await story.getByText(/Resolved 2 min ago/).waitFor();
  await story.getByText(/Acknowledged by admin/).waitFor();
  await page.context().close();
});

test("chosen dead letters are redriven, and no other", async () => {
  for (let sent = 0; sent < 2; sent += 1) await stage.post("failing", delivery("generic"));
  const letters = async () => (await stage.api("dead-letters")).dead_letters;
  await eventually("three letters", async () => (await letters()).length === 3, 40_000);
  const page = await stage.signedIn({ at: "#/dead-letters" });
  const [kept, ...chosen] = await letters();
  for (const { event_id: id } of chosen) await page.getByRole("checkbox", { name: `Choose ${id}` }).check();
  stage.origin.answers("failing", (response) => response.end());
  await page.getByRole("button", { name: "Redrive 2 chosen…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 events would be sent again").waitFor();
  await dialog.getByText(/410/).waitFor(); // the reasons come first
  await dialog.getByRole("button", { name: "Redrive 2 events" }).click();
  await page.getByText("2 events in the queue again.").waitFor();
  assert.deepEqual((await letters()).map(({ id }) => id), [kept.id]);
  await eventually("both are delivered", async () => {
    const { events } = await stage.api("events?source=failing&state=delivered");
    return events.length === 2;
  });
  await page.context().close();
});

test("who may only read: no view has a button that asks the API for a change", async () => {
  assert.equal((await stage.post("waiting", { headers: { "x-hook-secret": OFFERED }, body: "{}" })).status, 200);
  const [{ id }] = (await stage.api("events?source=failing")).events;
  const lists = ["overview", "events", "dead-letters", "refused", "sources", "destinations", "alerts", "audit"];
  const ones = [`events/${id}`, ...["alone", "rotating", "failing", "armed", "waiting"].map((name) => `sources/${name}`)];
  const page = await stage.signedIn({ token: READ_TOKEN });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const asked = [];
  page.on("request", (request) => {
    const path = new URL(request.url()).pathname;
    if (request.method() !== "GET" || path.startsWith("/api/handshakes")) asked.push(`${request.method()} ${path}`);
  });
  for (const view of [...lists, ...ones]) {
    await show(page, `#/${view}`);
    await settled(page);
    // Each button of the view is pressed, and so is each key.
    const dialogs = await page.evaluate(() => {
      for (const button of document.querySelectorAll("main button")) button.click();
      return document.querySelectorAll("dialog").length;
    });
    for (const key of ["r", "j", "k"]) await page.keyboard.press(key);
    assert.deepEqual([dialogs, await page.getByRole("dialog").count(), asked], [0, 0, []], view);
  }
  await page.context().close();
});

test("the views of secrets and alerts have no violation of WCAG 2.2 AA, light and dark, wide and narrow", async () => {
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 844 } }]) {
    const page = await stage.signedIn(options);
    for (const view of ["overview", "sources/rotating", "sources/armed", "sources/alone?rotate=1", "alerts", "replay"]) {
      await show(page, `#/${view}`);
      await settled(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${view} is ${wide} pixels too wide ${JSON.stringify(options)}`);
      if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
      const found = await page.evaluate(async () => {
        const { violations } = await window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
      });
      assert.deepEqual(found, [], `${view} ${JSON.stringify(options)}`);
    }
    await page.context().close();
  }
});

test("no page complained", () => assert.deepEqual(stage.complaints, []));
