// The dashboard in Chromium, against the built Worker: an operator's work, its safety, and its accessibility.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible } from "./axe.mjs";
import { READ_TOKEN, Stage, delivery, eventually } from "./stage.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };
const VIEWS = [
  "overview",
  "events",
  "dead-letters",
  "refused",
  "sources",
  "sources/fine",
  "destinations",
  "alerts",
  "audit",
];

let stage;
before(async () => {
  stage = await Stage.start({ fine: generic, refusing: generic, empty: generic });
});
after(() => stage?.close());

const text = (id, more = {}) =>
  delivery("generic", {
    body: JSON.stringify({ id, type: "user.created", created_at: new Date().toISOString(), ...more }),
  });
const events = async (query) => (await stage.api(`events?${query}`)).events ?? [];
const arrived = (source, count) =>
  eventually(`${count} events of ${source}`, async () => {
    const found = await events(`source=${source}`);
    return found.length >= count && found;
  });
/** Waits until a view has what it reads. */
async function settled(page) {
  await page.evaluate(() => new Promise(requestAnimationFrame));
  await eventually("the view is read", async () => (await page.locator(".loading").count()) === 0);
}
const at = (page) => page.evaluate(() => location.hash);

test("the page and its files have the headers that keep it safe, and cost the Worker nothing", async () => {
  const page = await stage.get("/dashboard");
  assert.equal(page.status, 200);
  const policy = page.headers["content-security-policy"];
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.split("; ").includes(rule), rule);
  }
  assert.doesNotMatch(policy, /unsafe|\*|data:|https?:/);
  assert.equal(page.headers["x-content-type-options"], "nosniff");
  assert.equal(page.headers["referrer-policy"], "no-referrer");
  assert.equal(page.headers["cache-control"], "no-store");
  assert.equal(page.headers["cross-origin-opener-policy"], "same-origin");
  assert.match(page.headers["strict-transport-security"], /^max-age=\d{8}$/);
  const files = [...page.body.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  assert.equal(files.length, 3);
  for (const path of files) {
    const file = await stage.get(path);
    assert.equal(file.status, 200, path);
    assert.match(file.headers["cache-control"], /immutable/, path);
    assert.equal(file.headers["x-content-type-options"], "nosniff", path);
  }
});

test("the Worker still answers its own paths, and those that no file has", async () => {
  assert.equal((await stage.get("/healthz")).headers["content-type"], "application/json");
  assert.equal((await stage.get("/api/events")).status, 401);
  assert.equal((await stage.get("/webhooks/fine")).status, 405);
  for (const path of ["/nothing", "/dashboard/nothing", "/_headers", "/dashboard/../_headers"]) {
    const answer = await stage.get(path);
    assert.deepEqual([answer.status, answer.headers["content-type"]], [404, "application/problem+json"], path);
  }
});

test("an operator signs in, sees an event arrive, filters, opens it, and sends it again", async () => {
  await stage.post("fine", text("evt_first"));
  await arrived("fine", 1);
  const page = await stage.page();
  await page.goto(`${stage.url}/dashboard#/events`);
  await page.getByLabel("Token").fill("a wrong token of enough letters");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This token is not valid here.").waitFor();
  stage.complaints.length = 0; // Chromium reports the 401 that was asked for
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  const rows = page.locator("table.events tbody tr");
  await rows.getByText("evt_first").waitFor();
  assert.equal(await rows.count(), 1);

  // A new event waits until the operator asks for it, so no row moves.
  await stage.post("fine", text("evt_second"));
  await page.getByRole("button", { name: "1 new event" }).waitFor();
  assert.equal(await rows.count(), 1);
  await page.getByRole("button", { name: "1 new event" }).click();
  await rows.getByText("evt_second").waitFor();
  assert.match(await rows.first().innerText(), /evt_second/);

  await page.keyboard.press("/");
  await page.keyboard.type("id:evt_first");
  await eventually(
    "one row",
    async () => (await rows.count()) === 1 && (await rows.first().innerText()).includes("evt_first"),
  );
  assert.equal(await at(page), "#/events?id=evt_first", "the address keeps the filter");
  await page.reload();
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  await rows.getByText("evt_first").waitFor();
  assert.equal(await rows.count(), 1, "and the page reads it");

  await page.getByLabel("Filter").press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("complementary", { name: "Event" });
  await panel.getByText("Attempt 1").waitFor();
  await panel.getByText('"evt_first"').waitFor();
  await page.keyboard.press("r");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It was delivered").waitFor();
  await dialog.getByRole("button", { name: "Replay" }).click();
  await panel.getByText("Sent again").waitFor();
  await eventually("a second attempt", async () => (await panel.getByText("Attempt 1", { exact: true }).count()) === 2);
  assert.equal(stage.origin.of("fine").filter(({ body }) => body.includes("evt_first")).length, 2);
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  await page.context().close();
});

test("a dead letter is redriven, with the numbers first", async () => {
  stage.origin.statuses("refusing", 410, 410);
  await stage.post("refusing", text("evt_dead_1"));
  await stage.post("refusing", text("evt_dead_2"));
  await eventually("two letters", async () => (await stage.api("dead-letters")).dead_letters?.length === 2, 40_000);
  const page = await stage.signedIn({ at: "#/dead-letters" });
  await page.getByText("evt_dead_1").waitFor();
  // What happens to the caller's clock decides nothing about which letters are sent.
  await page.clock.setFixedTime(Date.now() - 3 * 3_600_000);
  await page.getByRole("button", { name: "Redrive…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 events would be sent again").waitFor();
  await dialog.getByRole("button", { name: "Redrive 2 events" }).click();
  await page.getByText("2 events in the queue again.").waitFor();
  await page.getByRole("heading", { name: "No dead letter" }).waitFor();
  await page.context().close();
});

test("the dead letters of one reason are redriven, and no other", async () => {
  const status = { evt_gone: 410, evt_lost_1: 404, evt_lost_2: 404 };
  stage.origin.answers("refusing", (response, { body }) => response.writeHead(status[JSON.parse(body).id] ?? 200).end());
  for (const id of Object.keys(status)) await stage.post("refusing", text(id));
  await eventually("three letters", async () => (await stage.api("dead-letters")).dead_letters?.length === 3, 40_000);
  const page = await stage.signedIn({ at: "#/dead-letters" });
  await page.locator("table.letter-groups").getByRole("link", { name: /404/ }).click();
  await page.getByText("evt_lost_1").waitFor();
  await eventually("two rows", async () => (await page.locator("table.letters tbody tr").count()) === 2);
  stage.origin.answers("refusing", (response) => response.end());
  await page.getByRole("button", { name: "Redrive these…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("2 events would be sent again").waitFor();
  await dialog.getByRole("button", { name: "Redrive 2 events" }).click();
  await page.getByText("2 events in the queue again.").waitFor();
  await page.getByRole("heading", { name: "No dead letter here" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main", "the focus is not lost with the button");
  assert.deepEqual((await stage.api("dead-letters")).dead_letters.map(({ event_id: id }) => id), ["evt_gone"]);
  await page.context().close();
});

test("more dead letters than one call sends: call after call, until they are sent or the dialog is closed", async () => {
  const page = await stage.signedIn({ at: "#/overview" });
  const group = { source: "refusing", reason: "the origin answered 410", count: 342 };
  const times = { oldest: "2026-01-15T12:00:00Z", newest: "2026-01-15T13:00:00Z" };
  await page.route("**/api/dead-letters/groups", (route) =>
    route.fulfill({ json: { groups: [{ ...group, ...times }], letters: 342, complete: true } }),
  );
  const asked = [];
  let answered = () => {};
  await page.route("**/api/dead-letters/redrive", async (route) => {
    asked.push(route.request().postDataJSON());
    if (asked.length > 4) await new Promise((answer) => (answered = answer));
    await route.fulfill({ json: { redriven: asked.at(-1).limit, failed: 0 } });
  });
  await page.evaluate(() => (location.hash = "#/dead-letters"));
  const dialog = page.getByRole("dialog");
  const ask = async () => {
    await page.getByRole("button", { name: "Redrive…" }).click();
    await dialog.getByLabel("How many").selectOption("342");
    await dialog.getByRole("button", { name: "Redrive 342 events" }).click();
  };
  await ask();
  await page.getByText("342 events in the queue again.").waitFor();
  const until = "2026-01-15T13:00:01.000Z";
  assert.deepEqual(asked, [100, 100, 100, 42].map((limit) => ({ until, limit })));

  await ask();
  await eventually("the fifth call waits", async () => asked.length === 5);
  await dialog.getByText("0 of 342 events in the queue again").waitFor();
  await dialog.getByRole("button", { name: "Stop" }).click();
  answered();
  await page.getByText("100 events in the queue again.").waitFor();
  assert.equal(asked.length, 5, "no call follows");
  await page.context().close();
});

test("an open event is read again without its body, and keeps it", async () => {
  const [one] = await arrived("fine", 1);
  const page = await stage.signedIn();
  const asked = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith("/api/events/")) asked.push(search);
  });
  await page.evaluate((hash) => (location.hash = hash), `#/events/${one.id}`);
  await eventually("it is read again", async () => asked.length >= 2, 15_000);
  assert.deepEqual(asked.slice(0, 2), ["", "?body=false"]);
  await page.getByRole("complementary", { name: "Event" }).getByText(JSON.stringify(one.event_id)).waitFor();
  await page.context().close();
});

test("times are the gateway's, also if the clock of the browser is wrong", async () => {
  await arrived("fine", 1);
  const page = await stage.page();
  await page.route("**/api/**", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), date: new Date().toUTCString() } });
  });
  await page.clock.setFixedTime(Date.now() + 5 * 3_600_000);
  await page.goto(`${stage.url}/dashboard#/events?range=1h`);
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  await page.locator("table.events tbody tr").first().waitFor();
  const times = await page.locator("table.events td.when").allInnerTexts();
  assert.ok(times.every((time) => /^(just now|\d+ (s|min) ago)$/.test(time)), times.join());
  await page.context().close();
});

test("many events are replayed: the dry run, then the job to its end", async () => {
  await arrived("fine", 2);
  const page = await stage.signedIn({ at: "#/events?source=fine" });
  await page.getByRole("button", { name: "Replay these…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("there is nothing to send").waitFor();
  await dialog.getByLabel("Also events that were delivered before").check();
  await dialog.getByRole("button", { name: "Replay 2 events" }).click();
  await page.getByRole("heading", { name: "Replay", exact: true }).waitFor();
  // The job waits in the queue as its events do, so a busy machine needs some time.
  let seen = "";
  const isDone = async () => /\bDone\b/.test((seen = await page.getByRole("main").innerText()));
  await eventually(() => `the job is done: ${seen}`, isDone, 60_000);
  await page.context().close();
});

test("a source is tested: what came is what was expected", async () => {
  const page = await stage.signedIn({ at: "#/sources/fine" });
  for (const [kind, verdict] of [
    ["Good", "Accepted"],
    ["Repeated", "Duplicate"],
    ["Forged", "Rejected"],
  ]) {
    await page.getByRole("button", { name: kind, exact: true }).click();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.locator(".report").getByText("As expected").waitFor();
    await page.locator(".report").getByText(verdict).waitFor();
  }
  await page.context().close();
});

test("a source is paused with a reason, the overview says so, and it is resumed", async () => {
  const page = await stage.signedIn({ at: "#/sources/empty" });
  await page.getByRole("button", { name: "Pause deliveries…" }).click();
  await page.getByLabel("Reason").fill("the database moves");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("Deliveries are paused", { exact: true }).waitFor();
  await page.evaluate(() => (location.hash = "#/overview"));
  await page.getByRole("link", { name: "empty is paused" }).click();
  await page.getByText("the database moves").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause deliveries…" }).waitFor();
  await page.context().close();
});

test("the two empty states differ", async () => {
  const page = await stage.signedIn({ at: "#/events?text=no-event-has-this" });
  await page.getByRole("heading", { name: "No event matches" }).waitFor();
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await page.locator("table.events").waitFor();
  assert.equal(await at(page), "#/events");
  await page.context().close();
});

test("who may only read sees no button that changes something", async () => {
  const page = await stage.signedIn({ token: READ_TOKEN, at: "#/events" });
  const [one] = await arrived("fine", 1);
  await page.locator("table.events tbody tr").first().waitFor();
  const forbidden = /\b(Replay|Redrive|Acknowledge|Send|Forget|Pause|Resume)\b/;
  for (const view of [...VIEWS, `events/${one.id}`]) {
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await settled(page);
    const buttons = await page.getByRole("button").allInnerTexts();
    assert.deepEqual(
      buttons.filter((label) => forbidden.test(label)),
      [],
      view,
    );
  }
  await page.keyboard.press("r");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.context().close();
});

test("the token is kept only if the operator asks for it", async () => {
  const page = await stage.signedIn();
  const kept = () => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.equal(await kept(), '[{},{},""]');
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.getByLabel("Keep it until this tab is closed").check();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await kept(), '[{},{},""]', "signing out forgets it");
  await page.context().close();
});

test("every view has no violation of WCAG 2.2 AA, light and dark, wide and narrow", async () => {
  const [one] = await arrived("fine", 1);
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 844 } }]) {
    const page = await stage.page(options);
    await page.goto(`${stage.url}/dashboard`);
    const check = (view) => accessible(page, `${view} ${JSON.stringify(options)}`);
    await page.getByLabel("Token").waitFor();
    await check("sign in");
    await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
    await page.keyboard.press("Enter");
    for (const view of [...VIEWS, `events/${one.id}`, "events?text=none", "replay/none"]) {
      await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
      await settled(page);
      const width = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(width <= 0, `${view} is ${width} pixels too wide ${JSON.stringify(options)}`);
      await check(view);
    }
    stage.complaints = stage.complaints.filter((one) => !/status of 404/.test(one));
    await page.context().close();
  }
});

test("no page complained: no error, no warning, no report of the policy", () => {
  assert.deepEqual(stage.complaints, []);
});
