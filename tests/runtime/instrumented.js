// Wraps the built Worker in the runtime. It records the calls of bindings. If a test asks for it, calls fail or the Worker
// panics.
import { exhaust, handing, held } from "./counting.js";
import Worker, { Claims as Inner } from "./index.js";
import { faulty } from "./bindings.mjs";

/** Bindings whose calls are recorded with all arguments. Their calls return promises. */
const PLAIN = ["DEDUP", "EVENTS", "DEAD", "REJECTS"];
/** Bindings whose calls return objects with further calls. The record of an argument is short: it may be a large body. */
const NESTED = ["CLAIMS", "LOG", "PAYLOADS"];
// An isolate outlives its requests, so these belong to the whole run.
const operations = [];
const faults = new Map();

/** The number of draws of random numbers before one fails. Rust panics then. */
let draws = Infinity;
const draw = crypto.getRandomValues.bind(crypto);
crypto.getRandomValues = (numbers) => {
  if (draws === 0) {
    draws = Infinity;
    throw new Error("injected: no random numbers");
  }
  draws -= 1;
  return draw(numbers);
};

async function watch(operation, args, call) {
  const fault = takeFault(operation);
  operations.push({ operation, args, failed: Boolean(fault) });
  if (fault === "before") throw new Error(`injected: ${operation}`);
  if (fault === "hang") return new Promise(() => {});
  const buffers = args.map((arg) => Number(/^([0-9]+) bytes$/.exec(arg)?.[1] ?? 0));
  const result = await handing(buffers.reduce((sum, bytes) => sum + bytes, 0), Promise.resolve(call()));
  if (fault === "after") throw new Error(`injected after the fact: ${operation}`);
  return result;
}

function watched(name, binding) {
  const nested = ({ operation, about }, call) => watch(operation, about, call);
  if (NESTED.includes(name)) return faulty(name, binding, nested);
  const get = (target, method) => {
    if (typeof target[method] !== "function" || method === "constructor") return target[method];
    return (...args) => watch(`${name}.${method}`, args, () => target[method](...args));
  };
  return new Proxy(binding, { get });
}

function takeFault(operation) {
  const fault = faults.get(operation);
  if (!fault || fault.times === 0) return undefined;
  fault.times -= 1;
  return fault.when;
}

/** The errors that a request may throw when WASM reads its URL: a trap, a full stack, or `text`. */
const THROWS = {
  trap: () => {
    throw new WebAssembly.RuntimeError("unreachable");
  },
  stack: () => {
    const deeper = () => deeper() + deeper();
    return deeper();
  },
};

const throwing = ({ method, headers }, text) => Object.defineProperty({ method, headers }, "url", {
  get: THROWS[text] ?? (() => {
    throw new TypeError(text);
  }),
});

/** The runtime reads the URL of a request to the path `/moved` as a private address. */
globalThis.Request = class extends Request {
  get url() {
    return super.url.replace(/^.*\/moved$/, "http://10.0.0.1/moved");
  }
};

/** The pages that providers publish, by URL. No other request leaves the loopback. */
const pages = new Map();
const fetchOutside = globalThis.fetch;
globalThis.fetch = (request, init) => {
  const url = String(request.url ?? request);
  if (!url.startsWith("https://")) return fetchOutside(request, init);
  const answer = async () => (pages.has(url) ? new Response(pages.get(url)) : new Response("", { status: 404 }));
  return watch("fetch", [url], answer);
};

/** The object, whose claims may fail inside it, with access to its tables. */
export class Claims extends Inner {
  claim(...args) {
    const claim = () => super.claim(...args);
    if (faults.get("object.claim")?.when === "panic" && takeFault("object.claim")) return this.#withoutDatabase(claim);
    return watch("object.claim", args, claim);
  }

  /** Makes the instance of the object fail: it has no database while `call` runs. */
  async #withoutDatabase(call) {
    const { ctx } = this;
    const storage = {
      getAlarm: () => ctx.storage.getAlarm(),
      setAlarm: (at) => ctx.storage.setAlarm(at),
      get sql() {
        throw new WebAssembly.RuntimeError("unreachable");
      },
    };
    this.ctx = { storage };
    try {
      return await call();
    } finally {
      this.ctx = ctx;
    }
  }

  /** The number of rows of a table. */
  rows(table = "claims") {
    return this.ctx.storage.sql.exec(`SELECT count(*) AS rows FROM ${table}`).one().rows;
  }

  /** Adds so many expired rows. */
  fillExpired(count) {
    const columns = "name, token, first_seen, leased_until, expires, confirmed";
    const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";
    this.ctx.storage.sql.exec(`INSERT INTO claims (${columns}) ${numbers} SELECT 'old ' || i, '0', 0, 0, 1, 1 FROM n`, count);
  }

  /** Runs the alarm. Returns the milliseconds until the next alarm, or null. */
  async runAlarm() {
    await this.ctx.storage.deleteAlarm();
    await this.alarm();
    const next = await this.ctx.storage.getAlarm();
    return next === null ? null : next - Date.now();
  }
}

// The Worker and its objects share the isolate and this clock.
const now = Date.now;
let ahead = 0;
Date.now = () => now() + ahead;

/** The bindings as the Worker sees them. */
function instrumented(env) {
  const bindings = [...PLAIN, ...NESTED].filter((name) => env[name]).map((name) => [name, watched(name, env[name])]);
  return { ...env, ...Object.fromEntries(bindings) };
}

async function control(order, env) {
  if (order.panic) draws = order.panic.after;
  if (order.ahead !== undefined) ahead = order.ahead;
  for (const [url, text] of Object.entries(order.pages ?? {})) pages.set(url, text);
  if (order.scheduled) await Worker.scheduled({ cron: "", scheduledTime: 0 }, instrumented(env), { waitUntil() {} });
  if (order.object) {
    const { name, method, args } = order.object;
    const value = await env.CLAIMS.get(env.CLAIMS.idFromName(name))[method](...(args ?? []));
    return Response.json({ value });
  }
  if (order.batch) {
    const { queue, texts, attempts } = order.batch;
    const settled = texts.map(() => undefined);
    const delays = texts.map(() => undefined);
    const messages = texts.map((body, at) => {
      const retry = (options) => {
        settled[at] = "retry";
        delays[at] = options?.delaySeconds;
      };
      return { body, attempts, ack: () => (settled[at] = "ack"), retry };
    });
    await Worker.queue({ queue, messages }, instrumented(env));
    return Response.json({ settled, delays });
  }
  if (order.exhaust) exhaust();
  if (order.held) return Response.json(held());
  if (order.fault) faults.set(order.fault.operation, order.fault);
  if (order.enqueue) await env.EVENTS.send(order.enqueue.body, { contentType: order.enqueue.contentType });
  return Response.json(operations.slice(order.from ?? 0));
}

export default {
  async fetch(request, env, context) {
    const thrown = request.headers.get("instrumented-throw");
    if (thrown) return Worker.fetch(throwing(request, thrown), instrumented(env), context);
    if (new URL(request.url).pathname === "/.control") return control(await request.json(), env);
    return Worker.fetch(request, instrumented(env), context);
  },
  queue: (batch, env) => Worker.queue(batch, instrumented(env)),
};
