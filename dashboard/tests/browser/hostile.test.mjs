// Hostile texts in every place that a sender, a destination or a caller fills: nothing runs, nothing leaves the page, hidden
// characters are seen, and the layout stands.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { shown } from "../../src/format.ts";
import { send } from "../../../tests/runtime/http.mjs";
import { OPENED, answer } from "./answered.mjs";
import { ADDRESSES, ALL, BODIES, PLACES, SOME } from "./payloads.mjs";
import { Stage, delivery, eventually } from "./stage.mjs";
import { Watch } from "./watch.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"], headers: ["x-hostile-*"] };
/** The log keeps five samples a minute of each source and reason. */
const SAMPLES = 5;
const named = (name, count) => Array.from({ length: count }, (_, at) => `${name}-${at}`);
const forged = named("forged", Math.ceil(SOME.length / SAMPLES));
const paused = named("paused", 12);
const sources = Object.fromEntries(["hostile", "bodies", "failing", ...forged, ...paused].map((name) => [name, generic]));

let stage;
before(async () => {
  stage = await Stage.start(sources);
});
after(() => stage?.close());

/** The bytes of a text as a header. HTTP has no control characters there. */
const header = (text) => Buffer.from(text.replace(/[\u0000-\u001f\u007f]/g, ""), "utf8").toString("latin1").trim();
const heads = (text) => ({
  "user-agent": header(text),
  "x-hostile-note": header(text),
  "content-type": header(text) || "application/json",
});

/** Does `work` for each of `list`, ten at a time. */
async function each(list, work) {
  for (let from = 0; from < list.length; from += 10)
    await Promise.all(list.slice(from, from + 10).map((one, at) => work(one, from + at)));
}

async function eventsOf(source) {
  const all = [];
  for (let cursor = ""; cursor !== undefined; ) {
    const page = await stage.api(`events?source=${source}&limit=200${cursor && `&cursor=${cursor}`}`);
    all.push(...(page.events ?? []));
    cursor = page.next ?? undefined;
  }
  return all;
}

/** A page that is signed in, and watched from the beginning. */
async function watched(options = {}, changes) {
  const page = await stage.page(options);
  const watch = await Watch.on(page, stage.url, changes);
  await page.goto(`${stage.url}/dashboard`);
  await page.getByLabel("Token").fill("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Views", includeHidden: true }).waitFor({ state: "attached" });
  return { page, watch };
}

async function ended({ page, watch }, t, what) {
  t.diagnostic(`${what}; ${watch.requests} requests of the page; it did nothing else for ${await watch.end()} ms at most`);
  assert.deepEqual(stage.complaints, []);
  await page.context().close();
}

test("texts in ids, types, bodies and headers of events", async (t) => {
  const groups = Array.from({ length: Math.ceil(ALL.length / 3) }, (_, at) => ALL.slice(at * 3, at * 3 + 3));
  await each(groups, async (group, at) => {
    const [id, type, note] = [0, 1, 2].map((place) => group[place % group.length].text);
    const data = Object.fromEntries(group.map(({ text }) => [text, [text]]));
    const body = JSON.stringify({ ...data, id: `${id}${at}`, type, created_at: new Date().toISOString() });
    const { status } = await stage.post("hostile", delivery("generic", { body, headers: heads(note) }));
    assert.equal(status, 200, id);
  });
  const events = await eventually("every event is delivered", async () => {
    const all = await eventsOf("hostile");
    return all.length === groups.length && all.every(({ state }) => state === "delivered") && all;
  });
  const { page, watch } = await watched();
  await watch.open("#/events?source=hostile");
  const end = page.locator(".end");
  for (let at = 0; at < groups.length; at += 50) {
    await end.getByText(/^(Older events|No older events within 24h)$/).waitFor();
    const older = end.getByRole("button");
    if ((await older.count()) > 0) await older.click();
    await watch.check("older events");
  }
  assert.equal(await page.locator("table.events tbody tr").count(), groups.length);
  await watch.open("#/overview"); // so that the list is short again
  for (const { id, type } of events) {
    await watch.open(`#/events/${id}?source=hostile`, { where: `the event of ${type}`, inEachWay: true });
    const title = await page.locator("#event-title").textContent();
    assert.equal(title, type === "" ? "No type" : shown(type));
  }
  await ended({ page, watch }, t, `${ALL.length} texts`);
});

test("odd bodies", async (t) => {
  const answers = {};
  for (const { name, body } of BODIES) {
    answers[name] = (await stage.post("bodies", delivery("generic", { body }))).status;
  }
  const accepted = Object.values(answers).filter((status) => status === 200).length;
  const events = await eventually("every event is in the log", async () => {
    const all = await eventsOf("bodies");
    return all.length === accepted && all;
  });
  const { page, watch } = await watched();
  for (const { id, event_id } of events) {
    await watch.open(`#/events/${id}?source=bodies`, { where: event_id, inEachWay: true });
  }
  await samplesOf(page, watch, "bodies");
  await ended({ page, watch }, t, `${BODIES.length} bodies, ${accepted} accepted`);
});

/** Opens every sample of a source, and shows its body in each way. */
async function samplesOf(page, watch, source) {
  await watch.open(`#/refused?source=${encodeURIComponent(source)}`);
  const count = await page.locator(".sample-head").count();
  await page.evaluate(() => document.querySelectorAll(".sample-head").forEach((head) => head.click()));
  await watch.check(`samples of ${source}`, { inEachWay: true });
  return count;
}

test("refused requests: headers, bodies, paths and queries", async (t) => {
  await each(SOME, async ({ text }, at) => {
    const source = forged[Math.floor(at / SAMPLES)];
    const body = Buffer.from(`{"id":${JSON.stringify(text)}, ${text}`);
    const { headers } = delivery("generic", { body, key: "forged", headers: heads(text) });
    const url = new URL(`/webhooks/${source}?${encodeURIComponent(text)}=${encodeURIComponent(text)}`, stage.url);
    assert.equal((await send(url, { headers, body })).status, 401, text);
  });
  for (const text of ["<script>x", "\u202egnp", "..%2f", "\u200b", "%00"]) {
    const path = `${encodeURIComponent(text)}/${encodeURIComponent(text)}`;
    for (const place of ["webhooks", "api"]) await send(new URL(`/${place}/${path}`, stage.url), { headers: heads(text) });
  }
  const { page, watch } = await watched();
  let samples = 0;
  for (const source of [...forged, "/api", ""]) samples += await samplesOf(page, watch, source);
  assert.ok(samples >= SOME.length, `${samples} samples`);
  await watch.open("#/overview");
  await ended({ page, watch }, t, `${samples} samples`);
});

test("answers of a destination, and the dead letters", async (t) => {
  const count = 20;
  stage.origin.answers("failing", (response, _request, earlier) => {
    const { text } = SOME[(earlier * 7) % SOME.length];
    response.writeHead(410, header(text), { "retry-after": header(text), location: header(text), "x-note": header(text) });
    response.end(text);
  });
  await each(SOME.slice(0, count), ({ text }, at) =>
    stage.post(
      "failing",
      delivery("generic", {
        body: JSON.stringify({ id: `${text}${at}`, type: text, created_at: new Date().toISOString() }),
      }),
    ),
  );
  await eventually("every letter", async () => (await stage.api("dead-letters")).dead_letters?.length === count, 40_000);
  const { page, watch } = await watched();
  for (const { id } of await eventsOf("failing")) await watch.open(`#/events/${id}?source=failing`);
  await watch.open("#/dead-letters");
  const buttons = page.getByRole("button", { name: /^Redrive ./ });
  assert.equal(await buttons.count(), count);
  for (let at = 0; at < count; at += 1) {
    await buttons.nth(at).click();
    await watch.check("the dialog of a letter");
    await page.keyboard.press("Escape");
  }
  await page.getByRole("button", { name: "Redrive…" }).click();
  await page.getByRole("dialog").locator(".big").waitFor();
  await watch.check("the dialog of letters");
  await page.keyboard.press("Escape");
  await watch.open("#/overview");
  await watch.open("#/destinations");
  await ended({ page, watch }, t, `${count} letters`);
});

test("reasons of pauses, types of tests, and ids in the audit", async (t) => {
  await each(paused, async (source, at) => {
    const reason = [...SOME[(at * 5) % SOME.length].text].slice(0, 200).join("");
    const asked = { method: "POST", body: JSON.stringify({ reason }) };
    assert.equal((await stage.api(`sources/${source}/pause`, asked)).paused, true, reason);
  });
  await each(SOME, async ({ text }, at) => {
    await stage.api(`keys?${new URLSearchParams({ source: "hostile", id: text })}`, { method: "DELETE" });
    if (at % 4 > 0) return;
    const body = JSON.stringify({ kind: "good", type: text.slice(0, 60) });
    await stage.api("sources/hostile/test", { method: "POST", body });
  });
  const { page, watch } = await watched();
  for (const source of paused) await watch.open(`#/sources/${source}`);
  await watch.open("#/sources");
  await watch.open("#/overview");
  await watch.open("#/audit");
  await page.getByRole("link", { name: "Older entries" }).click();
  await watch.check("older entries");
  await ended({ page, watch }, t, `${paused.length} reasons`);
});

test("addresses that nobody can have meant", async (t) => {
  const { page, watch } = await watched();
  for (const address of ADDRESSES) await watch.open(address);
  let count = ADDRESSES.length;
  // Each text comes to two of the places.
  for (const [at, { text }] of SOME.entries()) {
    const places = PLACES.filter((_, other) => (at + other) % 5 === 0);
    for (const place of places) await watch.open(place(encodeURIComponent(text)));
    count += places.length;
    if (at % 3 > 0) continue;
    count += 1;
    await page.evaluate((to) => history.replaceState(null, "", `#/events/${to}?text=${to}`), text);
    await page.evaluate(() => dispatchEvent(new HashChangeEvent("hashchange")));
    await watch.check(`as it is: ${text}`);
  }
  // What does not exist, and a filter that the API refuses.
  stage.complaints = stage.complaints.filter((one) => !/status of (400|404|414|422|431)/.test(one));
  await ended({ page, watch }, t, `${count} addresses`);
});

test("a hostile text in every place of every answer of the API", async (t) => {
  for (const options of [{}, { colorScheme: "dark", viewport: { width: 390, height: 844 } }]) {
    const page = await stage.page(options);
    const watch = await Watch.on(page, stage.url, /^\/api\/(replay|(events|sources)\/[^/]+\/(replay|test))$/);
    let used = 0;
    await answer(page, stage.url, (plain) => {
      used += 1;
      return `${ALL[used % ALL.length].text} ${plain}`;
    });
    await page.goto(`${stage.url}/dashboard`);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    for (let round = 0; round < 2; round += 1) {
      for (const view of ["overview", "events", "dead-letters", "destinations", "alerts", "audit", "sources", "replay", "replay/1"])
        await watch.open(`#/${view}`);
      for (const [name, open] of Object.entries(OPENED)) {
        await open(page);
        await watch.check(name, { inEachWay: true });
        await page.keyboard.press("Escape");
      }
    }
    assert.ok(used > ALL.length, "each text was used");
    stage.complaints = stage.complaints.filter((one) => !/status of 409/.test(one));
    await ended({ page, watch }, t, `${used} texts`);
  }
});
