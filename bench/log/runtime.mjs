// The built Worker with a meter at its database, in the real runtime, with its state on disk. Loopback only.
import http from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { CONSUMERS, PRODUCERS, QUIET, workerBehind } from "../../tests/runtime/gateway.mjs";
import { Server, eventually } from "../../tests/runtime/http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery } from "../../tests/runtime/providers.mjs";

/** A destination. It answers with `status`. */
class Destination extends Server {
  status = 200;
  received = 0;

  handle(request, body, response) {
    this.received += 1;
    response.writeHead(this.status).end();
  }
}

/** A signed event whose body has 900 bytes. */
export function event(id, type = "invoice.paid", { seal = {} } = {}) {
  const at = Date.now();
  const text = (note) => JSON.stringify({ id, type, created_at: new Date(at).toISOString(), data: { note } });
  return delivery("generic", { id, at, body: text("x".repeat(900 - text("").length)), ...seal });
}

export class LoggedGateway {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  #miniflare;
  #state;
  #url;

  /** Runs `work(gateway)` with these sources, and then deletes everything. */
  static async with(sources, work) {
    const gateway = new LoggedGateway();
    gateway.destination = await new Destination().listen();
    gateway.#state = await mkdtemp(join(tmpdir(), "hookgate-log-"));
    try {
      gateway.#miniflare = new Miniflare(convertV4MiniflareOptions(gateway.#options(sources)));
      await gateway.#miniflare.ready;
      gateway.#url = await gateway.#miniflare.unsafeGetDirectURL();
      gateway.database = await gateway.#miniflare.getD1Database("LOG");
      return await work(gateway);
    } finally {
      gateway.#agent.destroy();
      await gateway.#miniflare?.dispose();
      await gateway.destination.close();
      await rm(gateway.#state, { recursive: true, force: true });
    }
  }

  #options(sources) {
    return {
      name: "hookgate",
      ...QUIET,
      ...workerBehind(new URL("metered.js", import.meta.url)),
      handleStructuredLogs: ({ message }) => process.env.VERBOSE && console.error(message),
      bindings: { ORIGIN: `${this.destination.url}/{source}`, SOURCES: sources, ...SECRETS, ADMIN_TOKEN },
      kvNamespaces: ["DEDUP"],
      queueProducers: PRODUCERS,
      durableObjects: { CLAIMS: { className: "Claims", useSQLite: true } },
      d1Databases: ["LOG"],
      r2Buckets: ["PAYLOADS"],
      ratelimits: { REJECTS: { namespace_id: "1001", simple: { limit: 1_000_000, period: 60 } } },
      queueConsumers: CONSUMERS,
      resourcePersistencePath: this.#state,
    };
  }

  /** Sends a request over a kept connection. Returns the status, the text and the milliseconds until its end. */
  request(path, { method = "POST", headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const request = http.request(new URL(path, this.#url), { method, headers, agent: this.#agent }, async (response) => {
        let text = "";
        for await (const chunk of response.setEncoding("utf8")) text += chunk;
        resolve({ status: response.statusCode, text, ms: performance.now() - began });
      });
      request.on("error", reject).end(body);
    });
  }

  /** POSTs an event, which must get this status. */
  async post(source, sent, status = 200) {
    const answer = await this.request(`/webhooks/${source}`, sent);
    if (answer.status !== status) throw new Error(`${source} answered ${answer.status}: ${answer.text}`);
  }

  /** Calls the operator's API, which must answer 200. */
  async api(path, method = "GET") {
    const answer = await this.request(`/api/${path}`, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    return { ms: answer.ms, json: JSON.parse(answer.text) };
  }

  /** What the database did since the last call, by table. A call of the API makes the Worker write what waits. */
  async meter() {
    await this.api("events?limit=1&since=1&until=2");
    return JSON.parse((await this.request("/.meter")).text);
  }

  /** Runs the cron trigger. */
  async cron() {
    await this.request("/.cron");
  }

  /** The rows of a query. */
  async rows(sql, ...values) {
    return (await this.database.prepare(sql).bind(...values).all()).results;
  }

  /** Waits until so many events of a source are in this state. */
  async settled(source, state, count) {
    const sql = "SELECT count(*) AS count FROM log_events WHERE source = ?1 AND state = ?2";
    const so = async () => (await this.rows(sql, source, state).catch(() => []))[0]?.count >= count;
    await eventually(`${count} ${state} events of ${source}`, so, 120_000);
  }
}
