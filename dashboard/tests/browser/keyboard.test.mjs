// The page without a mouse: each step is a key, the focus is always seen, and a dialog keeps it and gives it back. Also axe
// on what a view opens beside itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OPENED, answer } from "./answered.mjs";
import { accessible } from "./axe.mjs";
import { Stage, delivery, eventually } from "./stage.mjs";

const generic = { provider: "generic", secrets: ["GENERIC_SECRET"] };

let stage;
before(async () => {
  stage = await Stage.start({ fine: generic, refusing: generic });
});
after(() => stage?.close());

/** Runs in the page: what has the focus, and whether a person sees that. */
function focused() {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const isPainted = style.outlineStyle !== "none" && style.outlineColor !== "rgba(0, 0, 0, 0)";
  const isOutlined = isPainted && parseFloat(style.outlineWidth) >= 1;
  const isInView = box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  return {
    id: element.id,
    isBody: element === document.body,
    isSeen: isOutlined && isInView,
    isInDialog: element.closest("dialog[open]") !== null,
    name: (element.getAttribute("aria-label") ?? element.innerText ?? "").trim(),
    html: element.outerHTML.slice(0, 120),
  };
}

/** A person with a keyboard alone. */
class Hands {
  constructor(page) {
    this.page = page;
  }

  /** Presses a key. What then has the focus must be seen. Nothing has it after a part of the page went away. */
  async press(key) {
    await this.page.keyboard.press(key);
    await this.page.evaluate(() => new Promise(requestAnimationFrame));
    const now = await this.page.evaluate(focused);
    assert.ok(now.isBody || now.isSeen, `after ${key}, the focus is not seen: ${now.html}`);
    return now;
  }

  /** Presses Tab until something of this name has the focus. */
  async tabTo(name) {
    const passed = [];
    for (let times = 0; times < 120; times += 1) {
      const now = await this.press("Tab");
      if (now.name === name || (name instanceof RegExp && name.test(now.name))) return now;
      passed.push(now.name);
    }
    throw new Error(`Tab never came to ${name}: ${passed.join(" · ")}`);
  }

  /** Waits until the page itself has put the focus there. */
  atFocus(what, fits) {
    return eventually(what, async () => {
      const now = await this.page.evaluate(focused);
      return fits(now) && now;
    });
  }

  /** Opens a dialog by a key, which then has the focus. */
  async opens(key) {
    await this.page.keyboard.press(key);
    return this.atFocus("the dialog has the focus", ({ isInDialog, isSeen }) => isInDialog && isSeen);
  }

  /** Tab goes around in the dialog, in both directions. */
  async goesAround() {
    for (const key of [...Array(8).fill("Tab"), ...Array(8).fill("Shift+Tab")]) {
      const now = await this.press(key);
      assert.ok(now.isInDialog || now.isBody, `${key} left the dialog: ${now.html}`);
    }
  }
}

test("an operator works by the keyboard alone", async () => {
  stage.origin.statuses("refusing", 410, 410);
  await stage.post("refusing", delivery("generic", { id: "evt_dead_1" }));
  await stage.post("refusing", delivery("generic", { id: "evt_dead_2" }));
  await eventually("two letters", async () => (await stage.api("dead-letters")).dead_letters?.length === 2, 40_000);
  // The newest event is the first row. Its replay must not take a letter off the list.
  await stage.post("fine", delivery("generic", { id: "evt_fine" }));
  await eventually("three events", async () => (await stage.api("events")).events?.length === 3);
  const page = await stage.page();
  const hands = new Hands(page);
  await page.goto(`${stage.url}/dashboard`);
  await hands.atFocus("the token is asked for", ({ isSeen, html }) => isSeen && /name="token"/.test(html));
  await page.keyboard.type("canary-admin-token-6b1f0c");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  assert.equal((await hands.press("Tab")).name, "Skip to the content", "the first stop is the skip link");
  assert.equal((await hands.press("Enter")).id, "main");

  await hands.tabTo("Events");
  await hands.press("Enter");
  const rows = page.locator("table.events tbody tr");
  await rows.nth(2).waitFor();
  const first = await hands.press("j");
  const second = await hands.press("j");
  assert.notEqual(first.id, second.id);
  assert.equal((await hands.press("k")).id, first.id);
  await page.keyboard.press("Enter");
  await hands.atFocus("the event has the focus", ({ id, isSeen }) => id === "event-title" && isSeen);
  const panel = page.getByRole("complementary", { name: "Event" });
  await panel.getByText("Attempt 1").first().waitFor();

  await hands.opens("r");
  await hands.goesAround();
  await hands.press("Escape");
  await hands.atFocus("the focus is back at the event", ({ id }) => id === "event-title");
  await hands.opens("r");
  await hands.tabTo("Replay");
  await page.keyboard.press("Enter");
  await panel.getByText("Sent again").waitFor();
  await hands.atFocus("the focus is back", ({ id }) => id === "event-title");
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  await hands.atFocus("the focus is back at the row", ({ id, isSeen }) => id === first.id && isSeen);

  await page.keyboard.press("/");
  await hands.atFocus("the filter has the focus", ({ html, isSeen }) => /type="search"/.test(html) && isSeen);
  await page.keyboard.type("source:refusing");
  await eventually("two rows", async () => (await rows.count()) === 2);
  await hands.press("Escape");

  await hands.tabTo("Dead letters");
  await hands.press("Enter");
  await hands.tabTo("Redrive…");
  await hands.opens("Enter");
  await hands.goesAround();
  await hands.press("Escape");
  await hands.atFocus("the focus is back at the button", ({ name, isSeen }) => name === "Redrive…" && isSeen);
  await hands.opens("Enter");
  await hands.tabTo("Redrive 2 events");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "No dead letter" }).waitFor();

  await hands.tabTo("Sources");
  await hands.press("Enter");
  await hands.tabTo("fine");
  await hands.press("Enter");
  await hands.tabTo("Pause deliveries…");
  await hands.opens("Enter");
  await hands.tabTo(/^Reason|^$/);
  await page.keyboard.type("the database moves");
  await page.keyboard.press("Enter");
  await page.getByText("Deliveries are paused", { exact: true }).waitFor();
  await hands.tabTo("Resume");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Pause deliveries…" }).waitFor();
  assert.deepEqual(stage.complaints, []);
  await page.context().close();
});

test("what a view opens has no violation of WCAG 2.2 AA, light and dark, wide and narrow", async () => {
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 844 } }]) {
    const page = await stage.page(options);
    await answer(page, stage.url);
    await page.goto(`${stage.url}/dashboard`);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    for (const [name, open] of Object.entries(OPENED)) {
      await open(page);
      const width = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      const where = `${name} ${JSON.stringify(options)}`;
      assert.ok(width <= 0, `${where} is ${width} pixels too wide`);
      await accessible(page, where);
      await page.keyboard.press("Escape");
    }
    await page.context().close();
  }
});
