// Makes the pictures of the README, docs/images/*.png, from what `make demo` sends: `make pictures`. It takes some minutes,
// because the demo runs three times, a minute apart, so that the charts have columns.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { unstable_readConfig as readConfig } from "wrangler";
import { freePort } from "../tests/runtime/http.mjs";
import { ADMIN_TOKEN, Stage } from "./tests/browser/stage.mjs";

/** The most bytes of all pictures. */
const BUDGET = 400_000;
const RUNS = Number(process.env.RUNS ?? 3);

const sharp = createRequire(new URL("../package.json", import.meta.url))("sharp");
const root = fileURLToPath(new URL("../", import.meta.url));
const images = `${root}docs/images`;
mkdirSync(images, { recursive: true });
if (!existsSync(`${root}.dev.vars`)) copyFileSync(`${root}.dev.vars.example`, `${root}.dev.vars`);
const local = [...readFileSync(`${root}.dev.vars`, "utf8").matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)];
const secrets = Object.fromEntries(local.map(([, name, value]) => [name, value]));

const ORIGIN = `http://127.0.0.1:${await freePort()}/{source}`;
const { SOURCES } = readConfig({ config: `${root}wrangler.toml` }).vars;
const stage = await Stage.start(SOURCES, { vars: () => ({ ORIGIN }), secrets });
try {
  const env = { ...process.env, PORT: new URL(stage.url).port, ORIGIN, TOKEN: ADMIN_TOKEN };
  for (let run = 0; run < RUNS; run += 1) {
    if (run > 0) await sleep(62_000);
    // Not in one blocking call: the output of the Worker must be read meanwhile.
    await promisify(execFile)("sh", ["scripts/demo"], { cwd: root, env });
  }
  for (const state of ["delivered", "retrying", "dead", "paused", "filtered"]) {
    if (!((await stage.api(`events?state=${state}`)).events?.length > 0)) throw new Error(`the demo left no ${state} event`);
  }
  await take("overview", "#/overview?range=15m", {}, (page) => page.getByText("Refusals by reason").waitFor());
  await take("event", "#/events", {}, async (page) => {
    await page.locator("table.events tbody tr").filter({ hasText: "Retrying" }).first().click();
    await page.getByRole("complementary", { name: "Event" }).getByText("Attempt 1").waitFor();
  });
  await take("refused", "#/refused?range=1h", {}, async (page) => {
    await page.locator(".sample-head").first().click();
    await page.locator(".why-text").waitFor();
  });
  await take(
    "phone",
    "#/overview?range=15m",
    { colorScheme: "dark", viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5 },
    (page) => page.getByText("Requests", { exact: true }).first().waitFor(),
  );
} finally {
  await stage.close();
}

async function take(name, at, options, ready) {
  const page = await stage.signedIn({ at, viewport: { width: 1280, height: 800 }, ...options });
  await ready(page);
  await page.locator(".loading").waitFor({ state: "detached" });
  await page.mouse.move(0, 0);
  // A palette, because a page has few colours. sharp is one of the tools of the checkout.
  const small = sharp(await page.screenshot()).png({ palette: true, colours: 128, effort: 10, compressionLevel: 9 });
  await small.toFile(`${images}/${name}.png`);
  await page.context().close();
}

const sizes = ["overview", "event", "refused", "phone"].map((name) => statSync(`${images}/${name}.png`).size);
const all = sizes.reduce((sum, size) => sum + size, 0);
console.log(`pictures: ${sizes.map((size) => `${Math.round(size / 1000)} kB`).join(", ")} in docs/images`);
if (all > BUDGET) throw new Error(`the pictures have ${all} bytes; the budget is ${BUDGET}`);
