// Runs the built Worker in the real runtime, with bindings as in wrangler.toml, a port and a state of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { Origin, eventually, send } from "./http.mjs";
import { SECRETS } from "./providers.mjs";

const read = (path, encoding) => readFileSync(new URL(path, import.meta.url), encoding);
const COMPATIBILITY_DATE = /^compatibility_date = "(.+)"$/m.exec(read("../../wrangler.toml", "utf8"))[1];
const MODULES = [
  { type: "ESModule", path: "/instrumented.js", contents: read("instrumented.js", "utf8") },
  { type: "ESModule", path: "/index.js", contents: read("../../build/index.js", "utf8") },
  { type: "CompiledWasm", path: "/index_bg.wasm", contents: read("../../build/index_bg.wasm") },
];
/** As in wrangler.toml; configuration.test.mjs sees to it that they stay so. */
export const PRODUCERS = { EVENTS: "hookgate-events", DEAD: "hookgate-dead" };
const BATCH = { maxBatchSize: 10, maxBatchTimeout: 1 };
export const CONSUMERS = {
  "hookgate-events": { ...BATCH, maxRetries: 50, deadLetterQueue: "hookgate-dead" },
  "hookgate-dead": BATCH,
};

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
   * and `without` names bindings that are missing. Forwards go to `gateway.origin`.
   */
  static async start({ sources, secrets = SECRETS, state = undefined, without = [] }) {
    const gateway = new Gateway();
    gateway.origin = await Origin.start();
    gateway.#secrets = secrets;
    const options = {
      name: "hookgate",
      host: "127.0.0.1",
      port: 0,
      // The Worker itself, without the development server's entry before it, which would change headers.
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs: (line) => gateway.lines.push(line),
      compatibilityDate: COMPATIBILITY_DATE,
      modulesRoot: "/",
      modules: MODULES,
      bindings: { ORIGIN: `${gateway.origin.url}/{source}`, SOURCES: sources, ...secrets },
      kvNamespaces: ["DEDUP"].filter((name) => !without.includes(name)),
      queueProducers: Object.fromEntries(Object.entries(PRODUCERS).filter(([name]) => !without.includes(name))),
      queueConsumers: CONSUMERS,
      ...(state && { resourcePersistencePath: state }),
    };
    gateway.#runtime = new Miniflare(convertV4MiniflareOptions(options));
    await gateway.#runtime.ready;
    gateway.#url = await gateway.#runtime.unsafeGetDirectURL();
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

  /** What the Worker has done to KV and queues so far: `{ operation, args, failed }`, after the first `from`. */
  async operations(from = 0) {
    return this.#control({ from });
  }

  /** Fails the next `times` of an operation (`DEDUP.get`): `before` it is done, or `after`, when it is done anyway. */
  async fail(operation, times = 1, when = "before") {
    await this.#control({ fault: { operation, times, when } });
  }

  /** Puts a message into the events' queue, past the Worker. */
  async enqueue(body, contentType = "text") {
    await this.#control({ enqueue: { body, contentType } });
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
      const all = JSON.stringify([this.lines, answers, operations, payloads, forwards]);
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
