// What is sent: workloads by name, and requests made for them, signed afresh.
import { createHmac, randomUUID } from "node:crypto";

/** The secrets, as the contenders get them. Nothing but the bench uses them. */
export const SECRETS = {
  STANDARD_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  GENERIC_SECRET: "a-secret-for-the-bench-and-for-nothing-else",
};

/** The gateway's configuration: one source for each shape. */
export const SOURCES = {
  standard: { provider: "standard_webhooks", secrets: ["STANDARD_SECRET"] },
  generic: { provider: "generic", secrets: ["GENERIC_SECRET"] },
};

const ACCEPTED = { get: 1, send: 1, put: 1 };
const DUPLICATE = { get: 1, send: 0, put: 0 };
const FORGED = { get: 0, send: 0, put: 0 };

/**
 * `bytes`: the body's exact size. `requests`: how many a round sends. `known`: whether KV knows every key.
 * `calls`: the storage calls that a contender makes for each request, if it checks what it gets.
 */
export const WORKLOADS = {
  "accepted-1k": { source: "standard", bytes: 900, requests: 8000, status: 200, calls: ACCEPTED },
  "accepted-16k": { source: "standard", bytes: 16 * 1024, requests: 4000, status: 200, calls: ACCEPTED },
  "accepted-64k": { source: "standard", bytes: 64 * 1024, requests: 2000, status: 200, calls: ACCEPTED },
  "duplicate-1k": { source: "standard", bytes: 900, requests: 8000, status: 200, calls: DUPLICATE, known: true },
  "forged-1k": { source: "standard", bytes: 900, requests: 10000, status: 401, calls: FORGED, forged: true },
  "generic-1k": { source: "generic", bytes: 900, requests: 8000, status: 200, calls: ACCEPTED },
};

const ID = "evt_00000000-0000-0000-0000-000000000000";
const bodies = new Map();

/** A JSON body of exactly `bytes` bytes, in the shape of an invoice with as many lines as fit; made once. */
function filled(bytes) {
  const event = {
    id: ID,
    type: "invoice.paid",
    created_at: new Date().toISOString(),
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

/** That body, with an id of its own. */
function body(bytes) {
  if (!bodies.has(bytes)) bodies.set(bytes, filled(bytes));
  return Buffer.from(bodies.get(bytes).replace(ID, `evt_${randomUUID()}`));
}

function signedHeaders(source, payload) {
  if (source === "generic") {
    const mac = createHmac("sha256", SECRETS.GENERIC_SECRET).update(payload);
    return { "x-webhook-signature": mac.digest("hex") };
  }
  const id = `msg_${randomUUID()}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(SECRETS.STANDARD_SECRET.slice("whsec_".length), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(payload);
  return { "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": `v1,${mac.digest("base64")}` };
}

/** `count` different requests, as the bytes that go over the wire. */
export function requestsFor(name, count) {
  const { source, bytes, forged } = WORKLOADS[name];
  return Array.from({ length: count }, () => {
    const payload = body(bytes);
    const headers = {
      host: "hooks.example.com",
      "content-type": "application/json",
      "user-agent": "bench/1.0",
      accept: "*/*",
      "content-length": `${payload.length}`,
      ...signedHeaders(source, forged ? Buffer.concat([payload, Buffer.from("!")]) : payload),
    };
    const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`);
    return Buffer.concat([Buffer.from(`POST /webhooks/${source} HTTP/1.1\r\n${lines.join("")}\r\n`), payload]);
  });
}
