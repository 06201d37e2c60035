// HTTP for the tests: a client that sends exact bytes, and an origin that keeps exact bytes.
import http from "node:http";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** Polls until `condition` returns a truthy value, and returns the value. */
export async function eventually(what, condition, within = 20_000) {
  const deadline = Date.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    const text = typeof what === "function" ? what() : what;
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${text}`);
    await delay(20);
  }
}

/** Sends one request. `body` is a buffer, or an iterable of chunks, which are sent without a content length. */
export function send(url, { method = "POST", headers = {}, body, timeout = 60_000 } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, timeout }, async (response) => {
      const chunks = [];
      try {
        for await (const chunk of response) chunks.push(chunk);
      } catch (error) {
        return reject(error);
      }
      const content = Buffer.concat(chunks);
      resolve({
        status: response.statusCode,
        headers: response.headers,
        rawHeaders: response.rawHeaders,
        body: content,
        json: () => JSON.parse(content.toString("utf8")),
      });
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeout} ms`)));
    request.end(body);
  });
}

/** A real HTTP server. It answers 200 unless `answers` has another answer for the path. */
export class Origin {
  requests = [];
  #answers = new Map();
  #server = http.createServer((request, response) => this.#serve(request, response));

  static async start() {
    const origin = new Origin();
    origin.#server.listen(0, "127.0.0.1");
    await once(origin.#server, "listening");
    return origin;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** `answer(response, request, earlier)` answers each request for `source`. `earlier` is the number of requests before it. */
  answers(source, answer) {
    this.#answers.set(`/${source}`, answer);
  }

  /** Every complete request for `source`. */
  of(source) {
    return this.requests.filter((request) => request.path === `/${source}`);
  }

  /** Waits for `count` requests for `source`. */
  async received(source, count = 1, within = undefined) {
    const so = () => `${count} forwards of ${source}; there are ${this.of(source).length}`;
    return eventually(so, () => this.of(source).length >= count && this.of(source), within);
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #serve(request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the request was cut off
    }
    const received = {
      method: request.method,
      path: request.url,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks),
      at: Date.now(),
    };
    const earlier = this.requests.filter((other) => other.path === received.path).length;
    this.requests.push(received);
    const answer = this.#answers.get(received.path);
    if (answer) await answer(response, received, earlier);
    else response.end();
  }
}
