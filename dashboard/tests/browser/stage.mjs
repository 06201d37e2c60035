// A stage for the tests in the browser: the built Worker with its assets under `wrangler dev`, as wrangler.toml configures
// it, an origin that fails as a test wants, and Debian's Chromium.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { once } from "node:events";
import { chromium } from "playwright-core";
import { Origin, eventually, freePort, send } from "../../../tests/runtime/http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery } from "../../../tests/runtime/providers.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const READ_TOKEN = "canary-read-token-3f7e21aa90";
export { ADMIN_TOKEN, delivery, eventually };

/** Where Chromium may be. CHROMIUM names another one. */
const BROWSERS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** wrangler.toml with the paths of this checkout, without its build, and with other variables. */
function configuration(vars) {
  const text = readFileSync(join(root, "wrangler.toml"), "utf8");
  const kept = text
    .split(/^(?=\[)/m)
    .filter((table) => !/^\[(build|vars)\b/.test(table))
    .join("");
  const placed = kept.replace('main = "', `main = "${root}`).replace('directory = "', `directory = "${root}`);
  const tables = Object.entries(vars.SOURCES).map(([name, source]) =>
    [
      `[vars.SOURCES.${name}]`,
      ...Object.entries(source).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ].join("\n"),
  );
  const plain = Object.entries(vars).filter(([name]) => name !== "SOURCES");
  return [placed, "[vars]", ...plain.map(([name, value]) => `${name} = ${JSON.stringify(value)}`), ...tables].join(
    "\n",
  );
}

export class Stage {
  /** Everything that a page complained about: the console's errors, uncaught errors, and reports of the policy. */
  complaints = [];
  #work = mkdtempSync(join(tmpdir(), "hookgate-dashboard-"));
  #worker;
  #browser;

  /** `vars` are more variables, for the origin; `secrets` are more secrets. */
  static async start(sources, { vars = () => ({}), secrets = {} } = {}) {
    const stage = new Stage();
    try {
      await stage.#begin(sources, vars, secrets);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async #begin(sources, vars, more) {
    this.origin = await Origin.start();
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const ADMIN_TOKENS = `reader:read:${READ_TOKEN}`;
    mkdirSync(this.state);
    writeFileSync(
      join(this.#work, "wrangler.toml"),
      configuration({ ORIGIN: `${this.origin.url}/{source}`, ...vars(this.origin), SOURCES: sources }),
    );
    const secrets = { ...SECRETS, ...more, ADMIN_TOKEN, ADMIN_TOKENS };
    writeFileSync(
      join(this.#work, ".dev.vars"),
      Object.entries(secrets)
        .map(([name, value]) => `${name}='${value}'`)
        .join("\n"),
    );
    const program = join(root, "node_modules/wrangler/wrangler-dist/cli.js");
    const args = [
      "--no-warnings",
      program,
      "dev",
      "--ip",
      "127.0.0.1",
      "--port",
      port,
      "--inspector-port",
      "0",
      "--persist-to",
      this.state,
      "--show-interactive-dev-session=false",
    ];
    const env = {
      ...process.env,
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_REGISTRY_PATH: join(this.#work, "registry"),
      WRANGLER_LOG_PATH: join(this.#work, "logs"),
    };
    this.#worker = spawn(process.execPath, args.map(String), {
      cwd: this.#work,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [this.#worker.stdout, this.#worker.stderr])
      stream.on("data", (text) => (said = (said + text).slice(-4000)));
    await eventually(
      () => `the Worker serves: ${said}`,
      async () => {
        if (this.#worker.exitCode !== null) throw new Error(`wrangler ended: ${said}`);
        return (await send(new URL("/healthz", this.url), { method: "GET" }).catch(() => null))?.status === 200;
      },
      60_000,
    );
    const executablePath = BROWSERS.find((path) => path && existsSync(path));
    if (!executablePath) throw new Error("Chromium is missing: sudo apt-get install chromium; or CHROMIUM=PATH");
    this.#browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  }

  /** The directory in which `wrangler dev` keeps what the Worker stores. */
  get state() {
    return join(this.#work, "state");
  }

  async close() {
    await this.#browser?.close();
    if (this.#worker && this.#worker.exitCode === null) {
      this.#worker.kill("SIGTERM");
      await once(this.#worker, "exit");
    }
    await this.origin?.close();
    rmSync(this.#work, { recursive: true, force: true });
  }

  post(source, { headers, body }) {
    return send(new URL(`/webhooks/${source}`, this.url), { headers, body });
  }

  async api(path, { method = "GET", body } = {}) {
    const answer = await send(new URL(`/api/${path}`, this.url), {
      method,
      body,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    return answer.json();
  }

  /** Runs the cron of each minute. */
  async cron() {
    const { status } = await this.get("/cdn-cgi/handler/scheduled?cron=*+*+*+*+*");
    if (status !== 200) throw new Error(`the cron answered ${status}`);
  }

  /** Runs a statement in the local database, through the file of the runtime. */
  sql(statement, ...values) {
    const directory = join(this.#work, "state/v3/d1/miniflare-D1DatabaseObject");
    const file = readdirSync(directory).find((name) => name.endsWith(".sqlite") && !name.startsWith("metadata"));
    const database = new DatabaseSync(join(directory, file));
    try {
      return database.prepare(statement).run(...values);
    } finally {
      database.close();
    }
  }

  get(path) {
    return send(new URL(path, this.url), { method: "GET" });
  }

  /** A page of a new browser profile, whose complaints are kept. */
  async page(options = {}) {
    const context = await this.#browser.newContext({
      viewport: { width: 1440, height: 900 },
      bypassCSP: false,
      ...options,
    });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return page;
  }

  /** The same, signed in. */
  async signedIn({ token = ADMIN_TOKEN, at = "", ...options } = {}) {
    const page = await this.page(options);
    await page.goto(`${this.url}/dashboard${at}`);
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Views", includeHidden: true }).waitFor({ state: "attached" });
    return page;
  }
}
