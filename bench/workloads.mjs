// The workloads by name, and their requests with new signatures.
import { createHmac, randomUUID } from "node:crypto";

/** The secret of all contenders. Only the benchmark uses it. */
export const SECRETS = { STANDARD_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };

/** The gateway's sources. */
const STANDARD = { provider: "standard_webhooks", secrets: ["STANDARD_SECRET"] };
export const SOURCES = {
  standard: STANDARD,
  // A body that is too large for a queue message is forwarded while the provider waits. The stub is the destination.
  direct: { ...STANDARD, deliver: "origin", origin: "https://origin.example.com/" },
};

const FLOOR = "floor-calls";
const BY_HAND = "js-webcrypto";
const LIBRARIES = ["hono-standardwebhooks", "tern"];
const WITHOUT_OBJECTS = [FLOOR, BY_HAND, ...LIBRARIES, "hookgate-kv", "hookgate-log"];
const SMALL = { contenders: [...WITHOUT_OBJECTS, "hookgate-exact"], source: "standard", bytes: 900, requests: 4000, status: 200, calls: { get: 1, send: 1, put: 1 } };
const REFUSED = { status: 401, calls: { get: 0, send: 0, put: 0 } };

/**
 * `bytes`: the exact size of the body. `requests`: the requests in one round. `calls`: the storage calls for each request,
 * of a contender with a check. `known`: KV knows every key. `sends`: the bytes that the sender sends of a request before
 * the answer; it then closes the connection. `starts`: the number of new processes, with one request for each.
 */
export const WORKLOADS = {
  "accepted-1k": SMALL,
  "accepted-16k": { ...SMALL, contenders: WITHOUT_OBJECTS, bytes: 16 * 1024, requests: 2000 },
  "accepted-64k": { ...SMALL, bytes: 64 * 1024, requests: 800 },
  "accepted-1m": { ...SMALL, contenders: [FLOOR, BY_HAND, "hookgate-kv"], source: "direct", bytes: 1024 * 1024, requests: 150 },
  "duplicate-1k": { ...SMALL, requests: 2000, calls: { get: 1, send: 0, put: 0 }, known: true },
  "forged-1k": { ...SMALL, ...REFUSED, requests: 3000, forged: true },
  "unsigned-1m": { ...SMALL, ...REFUSED, contenders: [BY_HAND, "hookgate-kv"], bytes: 1024 * 1024, unsigned: true, sends: 64 * 1024 },
  startup: { ...SMALL, contenders: ["empty", BY_HAND, "hookgate-kv"], requests: 1, starts: 15 },
};

const ID = "evt_00000000-0000-0000-0000-000000000000";
const TIME = "0000-00-00T00:00:00.000Z";
const bodies = new Map();

/** A JSON body of exactly `bytes` bytes: an invoice with as many lines as fit. */
function filled(bytes) {
  const event = {
    id: ID,
    type: "invoice.paid",
    created_at: TIME,
    timestamp: TIME,
    data: { object: "invoice", customer: "cus_9s6XKzkNRiz8i3", currency: "eur", paid: true, note: "", lines: [] },
  };
  const line = (n) => ({ id: `il_${n}`, amount: 1250 + n, quantity: 1 + (n % 7), text: `Größe ${n}, "blau"` });
  const size = (value) => Buffer.byteLength(JSON.stringify(value));
  let left = bytes - size(event);
  for (let n = 0; left > 120; n += 1) {
    event.data.lines.push(line(n));
    left -= size(line(n)) + (n > 0 ? 1 : 0);
  }
  event.data.note = "x".repeat(left);
  const text = JSON.stringify(event);
  if (Buffer.byteLength(text) !== bytes) throw new Error(`made ${Buffer.byteLength(text)} instead of ${bytes} bytes`);
  return text;
}

/** The `filled` body with a new id and the time of now. */
function body(bytes) {
  if (!bodies.has(bytes)) bodies.set(bytes, filled(bytes));
  return Buffer.from(bodies.get(bytes).replace(ID, `evt_${randomUUID()}`).replaceAll(TIME, new Date().toISOString()));
}

function signedHeaders(payload) {
  const id = `msg_${randomUUID()}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(SECRETS.STANDARD_SECRET.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(payload).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": `v1,${signature}` };
}

/** The bytes of `count` requests. All of them are different events, except unsigned requests, which are all the same. */
export function requestsFor(name, count) {
  const { source, bytes, forged, unsigned } = WORKLOADS[name];
  const made = () => {
    const payload = body(bytes);
    const headers = {
      host: "hooks.example.com",
      "content-type": "application/json",
      "user-agent": "bench/1.0",
      accept: "*/*",
      "content-length": `${payload.length}`,
      ...(unsigned ? {} : signedHeaders(forged ? Buffer.concat([payload, Buffer.from("!")]) : payload)),
    };
    const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`);
    return Buffer.concat([Buffer.from(`POST /webhooks/${source} HTTP/1.1\r\n${lines.join("")}\r\n`), payload]);
  };
  return unsigned ? Array(count).fill(made()) : Array.from({ length: count }, made);
}
