// Runs the built Worker in the real runtime, with bindings as in wrangler.toml, a port and a state of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { Origin, eventually, send } from "./http.mjs";
import { SECRETS } from "./providers.mjs";

const here = (path) => new URL(path, import.meta.url);
const read = (path, encoding) => readFileSync(here(path), encoding);
const COMPATIBILITY_DATE = /^compatibility_date = "(.+)"$/m.exec(read("../../wrangler.toml", "utf8"))[1];
/** As in wrangler.toml; configuration.test.mjs sees to it that they stay so. */
export const PRODUCERS = { EVENTS: "hookgate-events", DEAD: "hookgate-dead" };
const BATCH = { maxBatchSize: 10, maxBatchTimeout: 1 };
export const CONSUMERS = {
  "hookgate-events": { ...BATCH, maxRetries: 50, deadLetterQueue: "hookgate-dead" },
  "hookgate-dead": { ...BATCH, maxRetries: 100 },
};

/** What every run has in common: on the loopback, and nothing leaves the machine. */
export const QUIET = { host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false } };

/** The built Worker behind `wrapper`, a module of its own that may import the files in `helpers`; all are URLs. */
export function workerBehind(wrapper, helpers = []) {
  const module = (url) => ({ type: "ESModule", path: `/${basename(url.pathname)}`, contents: read(url, "utf8") });
  return {
    // The Worker itself, without the development server's entry before it, which would change headers.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    compatibilityDate: COMPATIBILITY_DATE,
    modulesRoot: "/",
    modules: [
      ...[wrapper, ...helpers, new URL("../../build/index.js", import.meta.url)].map(module),
      { type: "CompiledWasm", path: "/index_bg.wasm", contents: read("../../build/index_bg.wasm") },
    ],
  };
}

/** The one child of this process that is the runtime, as Linux tells. */
export function runtimePid() {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ");
  const found = children.filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "workerd");
  if (found.length !== 1) throw new Error(`${found.length} runtimes`);
  return Number(found[0]);
}

export class Gateway {
  /** Every line the Worker logged: `{ level, message }`. */
  lines = [];
  /** Every answer it gave. */
  answers = [];
  #secrets;
  #runtime;
  #url;

  /**
   * `sources` are `[vars.SOURCES.*]`, `secrets` the Worker's secrets, `state` a directory that outlives the runtime,
   * `vars` further variables, `without` names bindings that are missing, and `rejects` is how many refusals a minute are
   * within the limit. `queues` has other producers and consumers. Forwards go to `gateway.origin`.
   */
  static async start({ sources, secrets = SECRETS, state, without = [], rejects = 100_000, vars = {}, queues = {} }) {
    const kept = (bindings) => {
      if (Array.isArray(bindings)) return bindings.filter((name) => !without.includes(name));
      return Object.fromEntries(Object.entries(bindings).filter(([name]) => !without.includes(name)));
    };
    const gateway = new Gateway();
    gateway.origin = await Origin.start();
    gateway.#secrets = secrets;
    const options = {
      name: "hookgate",
      ...QUIET,
      ...workerBehind(here("instrumented.js"), [here("counting.js"), here("../../proof/bindings.mjs")]),
      handleStructuredLogs: (line) => gateway.lines.push(line),
      bindings: { ORIGIN: `${gateway.origin.url}/{source}`, SOURCES: sources, ...vars, ...secrets },
      kvNamespaces: kept(["DEDUP"]),
      queueProducers: kept(queues.producers ?? PRODUCERS),
      durableObjects: kept({ CLAIMS: { className: "Claims", useSQLite: true } }),
      d1Databases: kept(["LOG"]),
      r2Buckets: kept(["PAYLOADS"]),
      ratelimits: kept({ REJECTS: { namespace_id: "1001", simple: { limit: rejects, period: 60 } } }),
      queueConsumers: queues.consumers ?? CONSUMERS,
      ...(state && { resourcePersistencePath: state }),
    };
    try {
      gateway.#runtime = new Miniflare(convertV4MiniflareOptions(options));
      await gateway.#runtime.ready;
      gateway.#url = await gateway.#runtime.unsafeGetDirectURL();
    } catch (error) {
      await gateway.origin.close(); // or the process would wait for it
      throw error;
    }
    return gateway;
  }

  async close() {
    await this.#runtime.dispose();
    await this.origin.close();
  }

  get port() {
    return this.#url.port;
  }

  /** Sends a request for `path`, with `method`, `headers` and `body`. */
  async request(path, request) {
    const answer = await send(new URL(path, this.#url), request);
    this.answers.push(answer);
    return answer;
  }

  /** POSTs `headers` and `body` to a source. */
  post(source, { headers, body }) {
    return this.request(`/webhooks/${source}`, { headers, body });
  }

  /** What the Worker has done to its bindings so far: `{ operation, args, failed }`, after the first `from`. */
  async operations(from = 0) {
    return this.#control({ from });
  }

  /**
   * Those of them that read or write something that stays for an event: all but the counting of refusals, and the message by
   * which the Worker learns which queue is which.
   */
  async stored(from = 0) {
    const learning = ({ args }) => /^(queue\/|\{"hookgate_probe")/.test(args[0]);
    const all = await this.operations(from);
    return all.filter((one) => /^(?!REJECTS)[A-Z]+\./.test(one.operation) && !learning(one));
  }

  /** Fails the next `times` of an operation (`DEDUP.get`): `before` it is done, `after` it is done, or by a `hang`. */
  async fail(operation, times = 1, when = "before") {
    await this.#control({ fault: { operation, times, when } });
  }

  /** Sets the gateway's clock, its objects' too, so many milliseconds ahead. */
  async ahead(milliseconds) {
    await this.#control({ ahead: milliseconds });
  }

  /** What providers answer from now on to a GET: texts by URL. */
  async publish(pages) {
    await this.#control({ pages });
  }

  /** Runs the cron trigger. */
  async sweep() {
    await this.#control({ scheduled: true });
  }

  /** Calls a method of the Durable Object `name`. */
  async object(name, method, ...args) {
    return (await this.#control({ object: { name, method, args } })).value;
  }

  /** The rows of the dead letters' table. */
  async letters() {
    const database = await this.#runtime.getD1Database("LOG");
    return (await database.prepare("SELECT * FROM dead_letters ORDER BY number").all()).results;
  }

  /** Everything that D1 and R2 hold, as text. */
  async #kept() {
    const database = await this.#runtime.getD1Database("LOG");
    const tables = await database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    const own = tables.results.map(({ name }) => name).filter((name) => !name.startsWith("_cf_"));
    const rows = await Promise.all(own.map((name) => database.prepare(`SELECT * FROM ${name}`).all()));
    const bucket = await this.bucket();
    const { objects } = await bucket.list();
    const bodies = await Promise.all(objects.map(async ({ key }) => (await bucket.get(key)).arrayBuffer()));
    return [rows.map(({ results }) => results), bodies.map((body) => Buffer.from(body).toString("latin1"))];
  }

  /** The database of the dead letters. */
  database() {
    return this.#runtime.getD1Database("LOG");
  }

  /** Hands the Worker one message, as if `queue` gave it for the `attempts`-th time: what the Worker makes of it. */
  async batch(queue, text, attempts = 1) {
    return (await this.batchOf(queue, [text], attempts))[0];
  }

  /** The same for several messages at once. */
  async batchOf(queue, texts, attempts = 1) {
    return (await this.#control({ batch: { queue, texts, attempts } })).settled;
  }

  /** How many bytes the Worker holds: `wasm` now, and at `most`, with buffers, since this was asked for last. */
  async held() {
    return this.#control({ held: true });
  }

  /** The namespace of the keys. */
  keys() {
    return this.#runtime.getKVNamespace("DEDUP");
  }

  /** The database of the dead letters. */
  database() {
    return this.#runtime.getD1Database("LOG");
  }

  /** The bucket of the bodies. */
  bucket() {
    return this.#runtime.getR2Bucket("PAYLOADS");
  }

  /** Puts a message into the events' queue, past the Worker. */
  async enqueue(body, contentType = "text") {
    await this.#control({ enqueue: { body, contentType } });
  }

  /** Lets the Worker panic: it draws `after` random numbers, and the next one cannot be had. */
  async panics(after = 0) {
    await this.#control({ panic: { after } });
  }

  async #control(order) {
    return (await send(new URL("/.control", this.#url), { body: JSON.stringify(order) })).json();
  }

  /** The log's records, of one source where it is named. */
  records(source = undefined) {
    const json = this.lines.filter(({ message }) => isJson(message));
    const records = json.map(({ level, message }) => ({ level, ...JSON.parse(message) }));
    return records.filter((record) => source === undefined || record.source === source);
  }

  /** Waits for a log record with these fields. */
  async logged(fields, within = undefined) {
    const fits = (record) => Object.entries(fields).every(([name, value]) => record[name] === value);
    const so = () => `a log line with ${JSON.stringify(fields)}`;
    return eventually(so, () => this.records().find(fits), within);
  }

  /** Waits until whatever was put into the events' queue was delivered or is dead. */
  async drained(within = undefined) {
    const ended = () => this.records().filter(({ verdict, reason }) => {
      return verdict === "delivered" || (verdict === "dead" && reason !== "dead_letter");
    });
    const sent = (await this.operations()).filter(({ operation, failed }) => operation === "EVENTS.send" && !failed);
    const so = () => `${sent.length} messages done; ${ended().length} are`;
    await eventually(so, () => ended().length >= sent.length, within);
  }

  /** The last test of a file: whatever left the gateway in this file's tests held no secret, in no usual notation. */
  provesThatNoSecretLeaves() {
    test("no secret is in any log line, answer, stored value, queue message or forward", async () => {
      const forwards = this.origin.requests.map(({ rawHeaders, body }) => [rawHeaders, body.toString("latin1")]);
      const answers = this.answers.map(({ rawHeaders, body }) => [rawHeaders, body.toString("latin1")]);
      const operations = await this.operations();
      const messages = operations.filter(({ operation }) => operation.endsWith(".send"));
      const payloads = messages.map(({ args }) => atob(/"data_base64":"(.*?)"/.exec(args[0])?.[1] ?? ""));
      const all = JSON.stringify([this.lines, answers, operations, payloads, forwards, await this.#kept()]);
      assert.ok(this.lines.length > 0 && this.answers.length > 0, "something was looked at");
      for (const [name, secret] of Object.entries(this.#secrets).filter(([, secret]) => secret)) {
        for (const text of notations(secret)) assert.ok(!all.includes(text), `${name} leaked, as ${text}`);
      }
    });
  }
}

function notations(secret) {
  const bytes = Buffer.from(secret);
  const coded = secret.replace(/^whsec_/, "");
  const key = Buffer.from(coded, "base64");
  const texts = [secret, coded, bytes.toString("hex"), bytes.toString("base64"), bytes.toString("base64url")];
  return [...texts, ...(coded === secret ? [] : [key.toString("hex"), key.toString("latin1")])];
}

function isJson(text) {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
