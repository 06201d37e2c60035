// Runs the built Worker in the real runtime, with the bindings of wrangler.toml. Each gateway has its own port and state.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { Origin, eventually, send } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS } from "./providers.mjs";

const here = (path) => new URL(path, import.meta.url);
const read = (path, encoding) => readFileSync(here(path), encoding);
const COMPATIBILITY_DATE = /^compatibility_date = "(.+)"$/m.exec(read("../../wrangler.toml", "utf8"))[1];
/** The queues of wrangler.toml. configuration.test.mjs compares them. */
export const PRODUCERS = { EVENTS: "hookgate-events", DEAD: "hookgate-dead" };
const BATCH = { maxBatchSize: 10, maxBatchTimeout: 1 };
export const CONSUMERS = {
  "hookgate-events": { ...BATCH, maxRetries: 50, deadLetterQueue: "hookgate-dead" },
  "hookgate-dead": { ...BATCH, maxRetries: 100 },
};

/** The options of every run: on the loopback, and nothing leaves the machine. */
export const QUIET = { host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false } };

/** The built Worker behind a module that may import the modules after it. All are URLs. Without them, the Worker alone. */
export function workerBehind(...wrapper) {
  const module = (url) => ({ type: "ESModule", path: `/${basename(url.pathname)}`, contents: read(url, "utf8") });
  return {
    // Requests do not pass through the development server, because it changes headers.
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    compatibilityDate: COMPATIBILITY_DATE,
    modulesRoot: "/",
    modules: [
      ...[...wrapper, here("../../build/index.js")].map(module),
      { type: "CompiledWasm", path: "/index_bg.wasm", contents: read("../../build/index_bg.wasm") },
    ],
  };
}

/** The process id of the runtime, which is a child of this process. Linux lists the children. */
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
   * `sources` is the table `[vars.SOURCES]`. `state` is a directory that outlives the runtime. `without` names the missing
   * bindings. `rejects` is the limit of refusals in a minute. `queues` has other producers and consumers. A `plain` gateway
   * has the runtime's own bindings, so it records no calls and takes no orders. The destination of every source is
   * `gateway.origin`.
   */
  static async start({
    sources, secrets = SECRETS, state, without = [], rejects = 100_000, vars = {}, queues = {}, plain = false,
  }) {
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
      ...workerBehind(...(plain ? [] : ["instrumented.js", "counting.js", "../../proof/bindings.mjs"].map(here))),
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

  /** Calls the operator's API. */
  api(path, { method = "GET", token = ADMIN_TOKEN, body } = {}) {
    return this.request(`/api/${path}`, { method, headers: { authorization: `Bearer ${token}` }, body });
  }

  /** Asks the operator's API for a change, with `body` as JSON. Returns the status and the members of the answer. */
  async ask(path, body) {
    const answer = await this.api(path, { method: "POST", body: body && JSON.stringify(body) });
    return { status: answer.status, ...answer.json() };
  }

  /** The calls of bindings so far, after the first `from`: `{ operation, args, failed }`. */
  async operations(from = 0) {
    return this.#control({ from });
  }

  /**
   * The calls that read or write the state of an event. The counts of refusals, the probes of queues and the writes of the
   * log are none.
   */
  async stored(from = 0) {
    const learning = ({ args }) => /^(queue\/|\{"hookgate_probe")/.test(args[0]);
    const all = await this.operations(from);
    return all.filter((one) => /^(?!REJECTS|LOG\.batch)[A-Z]+\./.test(one.operation) && !learning(one));
  }

  /**
   * Fails the next `times` calls of an operation (`DEDUP.get`): `before` it is done, `after` it is done, by a
   * `hang`, or by a `panic` (only `object.claim`).
   */
  fail(operation, times = 1, when = "before") {
    return this.#control({ fault: { operation, times, when } });
  }

  /** Fails the next `times` calls of the database. The Worker calls nothing but its batches. */
  failDatabase(times) {
    return this.fail("LOG.batch", times);
  }

  /** Sets the clock of the Worker and of its objects so many milliseconds ahead. */
  ahead(milliseconds) {
    return this.#control({ ahead: milliseconds });
  }

  /** Sets the providers' answers to a GET: texts by URL. */
  publish(pages) {
    return this.#control({ pages });
  }

  /** Runs the cron trigger. */
  sweep() {
    return this.#control({ scheduled: true });
  }

  /** Calls a method of the Durable Object `name`. */
  async object(name, method, ...args) {
    return (await this.#control({ object: { name, method, args } })).value;
  }

  /** The rows of the dead letters' table. */
  async letters() {
    return lettersIn(await this.database());
  }

  /** Everything that D1 and R2 hold, as text. */
  async #kept() {
    const database = await this.database();
    const tables = await database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    const own = tables.results.map(({ name }) => name).filter((name) => !name.startsWith("_cf_"));
    const rows = await Promise.all(own.map((name) => database.prepare(`SELECT * FROM ${name}`).all()));
    const bucket = await this.bucket();
    const { objects } = await bucket.list();
    const bodies = await Promise.all(objects.map(async ({ key }) => (await bucket.get(key)).arrayBuffer()));
    return [rows.map(({ results }) => results), bodies.map((body) => Buffer.from(body).toString("latin1"))];
  }

  /** Hands the Worker one message of `queue`, in its `attempts`-th attempt. Returns `ack` or `retry`. */
  async batch(queue, text, attempts = 1) {
    return (await this.batchOf(queue, [text], attempts))[0];
  }

  /** The same for several messages at once. */
  async batchOf(queue, texts, attempts = 1) {
    return (await this.#control({ batch: { queue, texts, attempts } })).settled;
  }

  /** Hands the Worker messages of `queue`. Returns the seconds after which it wants each message again. */
  async delays(queue, texts, attempts) {
    return (await this.#control({ batch: { queue, texts, attempts } })).delays;
  }

  /** The bytes that the Worker holds: `wasm` now, and at `most`, with buffers, since the last call. */
  held() {
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

  /** Puts a message into the events' queue without the Worker. */
  enqueue(body, contentType = "text") {
    return this.#control({ enqueue: { body, contentType } });
  }

  /** Makes the Worker panic: after `after` random numbers, the next draw fails. */
  panics(after = 0) {
    return this.#control({ panic: { after } });
  }

  /** Fills the memory of the Worker's instance, so that it can allocate no more. */
  exhausts() {
    return this.#control({ exhaust: true });
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

  /** Waits until each message of the events' queue is delivered or dead. */
  async drained(within = undefined) {
    const ended = () => this.records().filter(({ verdict, reason }) => {
      return verdict === "delivered" || (verdict === "dead" && reason !== "dead_letter");
    });
    const sent = (await this.operations()).filter(({ operation, failed }) => operation === "EVENTS.send" && !failed);
    const so = () => `${sent.length} messages done; ${ended().length} are`;
    await eventually(so, () => ended().length >= sent.length, within);
  }

  /** The last test of a file: no secret left the gateway in this file's tests, in any usual notation. */
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

/** The rows of the dead letters' table. The first letter creates the table. */
export async function lettersIn(database) {
  const tables = await database.prepare("SELECT name FROM sqlite_master WHERE name = 'dead_letters'").all();
  if (tables.results.length === 0) return [];
  return (await database.prepare("SELECT * FROM dead_letters ORDER BY number").all()).results;
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
