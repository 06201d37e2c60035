// A token, a session, a clock or an answer that goes wrong while the page is open: the page says so, and shows nothing false.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ADMIN_TOKEN, READ_TOKEN, Stage, delivery, eventually } from "./stage.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };
const HOUR = 3_600_000;

let stage;
before(async () => {
  stage = await Stage.start({ fine: generic });
  await stage.post("fine", delivery("generic"));
  await eventually("an event", async () => (await stage.api("events")).events?.length === 1);
});
after(() => stage?.close());

const kept = (page) => page.evaluate(() => JSON.stringify({ ...sessionStorage }));
const isIn = (page) => page.getByRole("navigation", { name: "Views" }).waitFor();
async function signIn(page, token, { keep = false } = {}) {
  await page.getByLabel("Token").fill(token);
  if (keep) await page.getByText("Keep it until this tab is closed").click();
  await page.getByRole("button", { name: "Sign in" }).click();
}
/** Chromium reports each answer that a test asked for. */
const forgive = (...expected) => {
  stage.complaints = stage.complaints.filter((one) => !expected.some((part) => one.includes(part)));
};

test("a page that asks for a token keeps none, so that loading it again signs nobody in", async () => {
  const page = await stage.page();
  await page.goto(`${stage.url}/dashboard`);
  await signIn(page, ADMIN_TOKEN, { keep: true });
  await isIn(page);
  assert.notEqual(await kept(page), "{}");
  const problem = JSON.stringify({ title: "Temporarily unavailable", detail: "Try again." });
  await page.route("**/api/caller", (route) => route.fulfill({ status: 503, body: problem }));
  await page.reload();
  await page.getByText("Temporarily unavailable").waitFor();
  assert.equal(await kept(page), "{}");
  await page.unroute("**/api/caller");
  await signIn(page, READ_TOKEN);
  await page.getByText("May only read ·").waitFor();
  await page.reload();
  await page.getByLabel("Token").waitFor();
  forgive("status of 503");
  await page.context().close();
});

test("a token that no header can carry is not sent, and is no failure of the network", async () => {
  const page = await stage.page();
  await page.goto(`${stage.url}/dashboard`);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  for (const token of [`“${ADMIN_TOKEN}”`, `${ADMIN_TOKEN}\u200b`, `${ADMIN_TOKEN}🎉`, "é".repeat(20)]) {
    await page.reload();
    await page.getByLabel("Token").waitFor();
    asked.length = 0;
    await signIn(page, token);
    await page.getByText("Copy the token again").waitFor();
    assert.deepEqual(asked, [], JSON.stringify(token));
  }
  await page.context().close();
});

test("a late answer to an earlier session does not end the next one", async () => {
  const page = await stage.signedIn({ at: "#/sources/fine" });
  let late;
  await page.route("**/api/sources/fine/test", (route) => (late = route));
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await eventually("the call", async () => late);
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, READ_TOKEN);
  await page.getByText("May only read ·").waitFor();
  const answered = page.waitForResponse(/\/test$/);
  await late.fulfill({ status: 401, body: "{}" });
  await answered;
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  forgive("status of 401");
  await page.context().close();
});

test("whose session of Cloudflare Access ends is told to load the page again, and not to find a token", async () => {
  const page = await stage.page();
  let hasEnded = false;
  await page.route("**/api/**", (route) =>
    hasEnded
      ? route.fulfill({ status: 302, headers: { location: "https://team.cloudflareaccess.example/" } })
      : route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${ADMIN_TOKEN}` } }),
  );
  await page.goto(`${stage.url}/dashboard#/sources/fine`);
  await page.getByRole("button", { name: "Pause deliveries…" }).click();
  hasEnded = true;
  await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("Your session has ended. Load the page again.").waitFor();
  await page.context().close();
});

test("numbers that cannot be read anew are old, also if the gateway never answers", async () => {
  const page = await stage.page();
  await page.clock.install();
  await page.goto(`${stage.url}/dashboard`);
  await signIn(page, ADMIN_TOKEN);
  await page.getByRole("region", { name: "Requests", exact: true }).waitFor();
  let asked = 0;
  await page.route("**/api/stats?*", () => (asked += 1));
  await page.clock.runFor(11_000);
  await eventually("a call that is not answered", async () => asked === 1);
  await page.clock.runFor(31_000);
  await page.getByText("These numbers are old: The gateway did not answer within 30 seconds.").waitFor();
  await page.clock.runFor(21_000);
  await eventually("another call", async () => asked === 2);
  await page.context().close();
});

for (const wrong of [HOUR, -HOUR]) {
  test(`a clock that is wrong by ${wrong / HOUR} h hides no event, and tells no wrong time`, async () => {
    const page = await stage.page();
    await page.clock.install({ time: Date.now() + wrong });
    await page.clock.resume();
    // Cloudflare dates each answer.
    await page.route("**/api/**", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), date: new Date().toUTCString() } });
    });
    await page.goto(`${stage.url}/dashboard#/events?range=15m`);
    await signIn(page, ADMIN_TOKEN);
    await page.locator("table.events tbody time", { hasText: /^(just now|\d+ (s|min) ago)$/ }).waitFor();
    await page.goto(`${stage.url}/dashboard#/overview?range=15m`);
    await page.getByRole("region", { name: "Requests", exact: true }).waitFor();
    await page.context().close();
  });
}

test("a form that is sent twice at once asks for one change", async () => {
  const page = await stage.signedIn({ at: "#/sources/fine" });
  let changes = 0;
  page.on("request", (request) => (changes += Number(request.method() === "POST")));
  await page.locator("form.composer").evaluate((form) => {
    form.requestSubmit();
    form.requestSubmit();
  });
  await page.getByText("As expected").waitFor();
  assert.equal(changes, 1);
  await page.context().close();
});

test("no page complained", () => assert.deepEqual(stage.complaints, []));
