// Each view as a picture and as a text, compared with those in snapshots/. The answers and the clock are fixed.
//
// The text has the roles, the names and the words of the page, so it is the same on every machine. The picture is small: one
// pixel is the mean of a cell, so it does not depend on how a machine smooths letters. Without the font of the pictures,
// only the texts are compared. `make snapshots` writes both again: look at the difference before you commit it.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { OPENED, answer } from "./answered.mjs";
import { Stage } from "./stage.mjs";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const directory = fileURLToPath(new URL("snapshots/", import.meta.url));
const isWriting = process.env.SNAPSHOTS === "write";
/** The family that the pictures are made with. scripts/browser installs it with Chromium. */
const FONT = "DejaVu Sans";
/** A cell of a picture is so many pixels wide and high. */
const CELL = 8;
/** Two cells differ from so many of 255 levels of a colour on. */
const LEVELS = 20;
/** This part of the cells may differ: the edges of letters. */
const MOST_SHARE = 0.002;

const SIZES = {
  light: { viewport: { width: 1280, height: 800 } },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 } },
};
const at = (hash) => (page) => page.evaluate((to) => (location.hash = to), hash);
const VIEWS = {
  overview: at("#/overview"),
  events: at("#/events"),
  "dead letters": at("#/dead-letters"),
  refused: at("#/refused"),
  sources: at("#/sources"),
  "a source": async (page) => {
    await at("#/sources/billing")(page);
    // The facts about the provider are in a file of their own.
    await page.getByText("Two at a time").waitFor();
  },
  destinations: at("#/destinations"),
  alerts: at("#/alerts"),
  audit: at("#/audit"),
  replays: at("#/replay"),
  "a replay": at("#/replay/9b1f0a4c7d2e8365"),
  ...OPENED,
  // The last one: the page does not come back from here.
  "sign in": async (page) => {
    await page.route("**/api/caller", (route) => route.fulfill({ status: 204 }));
    await page.reload();
    await page.getByLabel("Token").waitFor();
  },
};

let stage;
before(async () => {
  stage = await Stage.start({ fine: { provider: "generic", secrets: ["GENERIC_SECRET"] } });
  mkdirSync(directory, { recursive: true });
});
after(() => stage?.close());

/** A page with fixed answers, a fixed clock and, where the machine has it, a fixed font. */
async function still(options) {
  const fixed = { timezoneId: "UTC", locale: "en-GB", reducedMotion: "reduce", deviceScaleFactor: 1 };
  const page = await stage.page({ ...fixed, ...options });
  await answer(page, stage.url, undefined, () => NOW);
  await page.clock.setFixedTime(NOW);
  await page.addInitScript((font) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:root { --sans: "${font}"; --mono: "${font} Mono"; } * { caret-color: transparent !important; }`);
    document.adoptedStyleSheets = [sheet];
  }, FONT);
  await page.goto(`${stage.url}/dashboard`);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return page;
}

/** Runs in the page: whether the machine has the font, so that its letters have another width than those of the default. */
function hasFont(font) {
  const context = document.createElement("canvas").getContext("2d");
  const widthIn = (family) => {
    context.font = `40px ${family}`;
    return context.measureText("Dead letters, 1,234 attempts").width;
  };
  return ["monospace", "serif"].every((other) => widthIn(`"${font}", ${other}`) === widthIn(`"${font}", cursive`));
}

/**
 * Runs in a page: makes a PNG small, where each pixel is the mean of a cell, and compares it with another small PNG. Returns
 * the small PNG, and which of its pixels differ.
 */
async function shrunk({ png, known, cell, levels }) {
  const pixelsOf = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  };
  const large = await pixelsOf(png);
  const small = new ImageData(Math.floor(large.width / cell), Math.floor(large.height / cell));
  for (let at = 0; at < small.data.length; at += 1) {
    const [pixel, channel] = [Math.floor(at / 4), at % 4];
    const [left, top] = [(pixel % small.width) * cell, Math.floor(pixel / small.width) * cell];
    let sum = 0;
    for (let y = top; y < top + cell; y += 1)
      for (let x = left; x < left + cell; x += 1) sum += large.data[(y * large.width + x) * 4 + channel];
    small.data[at] = Math.round(sum / cell ** 2);
  }
  const canvas = new OffscreenCanvas(small.width, small.height);
  canvas.getContext("2d").putImageData(small, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  const made = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  if (known === null) return { made, differing: null };
  const before = await pixelsOf(known);
  if (before.width !== small.width || before.height !== small.height) return { made, differing: ["another size"] };
  const differing = new Set();
  small.data.forEach((level, at) => {
    if (Math.abs(level - before.data[at]) < levels) return;
    const pixel = Math.floor(at / 4);
    differing.add(`${(pixel % small.width) * cell},${Math.floor(pixel / small.width) * cell}`);
  });
  return { made, differing: [...differing], all: small.width * small.height };
}

/** Compares a picture with the one that is kept. Returns what differs. */
async function pictured(tool, name, png) {
  const path = `${directory}${name}.png`;
  const known = !isWriting && existsSync(path) ? readFileSync(path, "base64") : null;
  const given = { png: png.toString("base64"), known, cell: CELL, levels: LEVELS };
  const { made, differing, all } = await tool.evaluate(shrunk, given);
  if (isWriting) writeFileSync(path, Buffer.from(made, "base64"));
  else if (known === null) return [`${name}: no picture is kept`];
  else if (differing.length > (all ?? 0) * MOST_SHARE)
    return [`${name}: ${differing.length} cells differ, such as ${differing.slice(0, 6).join(" ")}`];
  return [];
}

/** Compares the text of a view with the one that is kept. Returns what differs. */
function told(name, text) {
  const path = `${directory}${name}.yml`;
  if (isWriting) writeFileSync(path, `${text}\n`);
  const known = existsSync(path) ? readFileSync(path, "utf8").trimEnd() : "";
  return known === text.trimEnd() ? [] : [`${name}: another text\n${changed(known.split("\n"), text.split("\n"))}`];
}

/** The lines that only one of two texts has. */
function changed(before, after) {
  const only = (some, others, sign) => some.filter((line) => !others.includes(line)).map((line) => `  ${sign} ${line}`);
  return [...only(before, after, "-"), ...only(after, before, "+")].slice(0, 12).join("\n");
}

for (const [size, options] of Object.entries(SIZES)) {
  test(`each view is as it was: ${size}`, async (t) => {
    const page = await still(options);
    const tool = await stage.page();
    const isDrawn = isWriting || (await page.evaluate(hasFont, FONT));
    if (!isDrawn) t.diagnostic(`the font ${FONT} is missing, so only the texts are compared`);
    const failures = [];
    for (const [name, open] of Object.entries(VIEWS)) {
      await open(page);
      await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => setTimeout(painted))));
      await page.locator(".loading").first().waitFor({ state: "detached" });
      const path = `${name.replaceAll(" ", "-")}-${size}`;
      // Dark differs from light in colours alone.
      const text = (await page.locator("body").ariaSnapshot()).replaceAll(stage.url, "http://127.0.0.1");
      if (size !== "dark") failures.push(...told(path, text));
      if (isDrawn) failures.push(...(await pictured(tool, path, await page.screenshot({ animations: "disabled", fullPage: true }))));
      await page.keyboard.press("Escape");
    }
    for (const one of [page, tool]) await one.context().close();
    assert.equal(failures.join("\n"), "", "If these changes are meant: make snapshots, and look at the difference.");
  });
}
