// The workloads by name, and their requests, signed afresh.
import { createHmac, randomUUID } from "node:crypto";

/** The secret, as the contenders get it. Nothing but the bench uses it. */
export const SECRETS = { STANDARD_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };

/** The gateway's configuration. */
const STANDARD = { provider: "standard_webhooks", secrets: ["STANDARD_SECRET"] };
export const SOURCES = {
  standard: STANDARD,
  // A body that no queue message holds is forwarded while the provider waits. The stub is the origin.
  direct: { ...STANDARD, deliver: "origin", origin: "https://origin.example.com/" },
};

const FLOOR = "floor-calls";
const BY_HAND = "js-webcrypto";
const LIBRARIES = ["hono-standardwebhooks", "tern"];
const WITHOUT_OBJECTS = [FLOOR, BY_HAND, ...LIBRARIES, "hookgate-kv"];
const SMALL = { contenders: [...WITHOUT_OBJECTS, "hookgate-exact"], source: "standard", bytes: 900, requests: 4000, status: 200, calls: { get: 1, send: 1, put: 1 } };
const REFUSED = { status: 401, calls: { get: 0, send: 0, put: 0 } };

/**
 * `bytes`: the body's exact size. `requests`: in one round. `calls`: the storage calls for each request of a contender that
 * checks it. `known`: KV knows every key. `sends`: the sender sends so many bytes, and closes the connection at the answer.
 * `starts`: so many new processes get one request each, and nothing else.
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

/** A JSON body of exactly `bytes` bytes, in the shape of an invoice with as many lines as fit; made once. */
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

/** That body, with an id of its own, made now. */
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

/** `count` requests, as bytes for the wire. All are different, but for the unsigned one, of which nothing is read. */
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
