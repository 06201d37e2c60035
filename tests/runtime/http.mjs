// HTTP for the tests: a client that sends exact bytes, and an origin that keeps exact bytes.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
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

/** A port that was free a moment ago, for a program that cannot choose one itself. */
export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
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

/** Opens a connection to the gateway and sends the head of a POST. The caller sends the body. */
export function openPost(port, source, headers) {
  const socket = net.connect(port, "127.0.0.1").on("error", () => {});
  const lines = Object.entries(headers).map((pair) => pair.join(": "));
  socket.write(`POST /webhooks/${source} HTTP/1.1\r\nhost: gateway\r\n${lines.join("\r\n")}\r\n\r\n`);
  return socket;
}

/** Checks that an answer is a 503 that asks the provider to retry. */
export function assertUnavailable(answer) {
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.match(answer.headers["retry-after"], /^[1-9][0-9]*$/);
}

/** An HTTP server on the loopback. `handle(request, body, response)` gets each complete request. */
export class Server {
  #server = http.createServer((request, response) => this.#serve(request, response));

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
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
    await this.handle(request, Buffer.concat(chunks), response);
  }
}

/** An origin. It answers 200 unless `answers` has another answer for the path. */
export class Origin extends Server {
  requests = [];
  #answers = new Map();

  static start() {
    return new Origin().listen();
  }

  /** `answer(response, request, earlier)` answers each request for `source`. `earlier` is the number of requests before it. */
  answers(source, answer) {
    this.#answers.set(`/${source}`, answer);
  }

  /** Answers the first requests for `source` with these status codes, and later requests with 200. */
  statuses(source, ...codes) {
    this.answers(source, (response, request, earlier) => response.writeHead(codes[earlier] ?? 200).end());
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

  async handle({ method, url: path, headers, rawHeaders }, body, response) {
    const received = { method, path, headers, rawHeaders, body, at: Date.now() };
    const earlier = this.requests.filter((other) => other.path === path).length;
    this.requests.push(received);
    const answer = this.#answers.get(path);
    if (answer) await answer(response, received, earlier);
    else response.end();
  }
}
