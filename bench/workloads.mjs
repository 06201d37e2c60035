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
  stripe: { provider: "stripe", secrets: ["GENERIC_SECRET"] },
  github: { provider: "github", secrets: ["GENERIC_SECRET"] },
  relaybox: { provider: "relaybox", secrets: ["GENERIC_SECRET"] },
  // What no queue message can hold is forwarded while the provider waits; the stub is the origin.
  direct: {
    provider: "standard_webhooks",
    secrets: ["STANDARD_SECRET"],
    deliver: "origin",
    origin: "https://origin.example.com/",
  },
};

/** So many sources, the one that is used among them. */
function many(count) {
  const others = Array.from({ length: count - 1 }, (_, n) => [`other-${n}`, SOURCES.generic]);
  return { ...Object.fromEntries(others), standard: SOURCES.standard };
}

/** Three secrets before the right one. */
const OLD = ["OLD_1", "OLD_2", "OLD_3"];
const ROTATING = { standard: { ...SOURCES.standard, secrets: [...OLD, "STANDARD_SECRET"] } };
const OLD_SECRETS = Object.fromEntries(OLD.map((name) => [name, `whsec_${Buffer.from(name.repeat(8)).toString("base64")}`]));

/** Where this many percent are duplicates, which KV knows. */
const calls = (duplicates) => ({ get: 1, send: 1 - duplicates / 100, put: 1 - duplicates / 100 });
const FORGED = { get: 0, send: 0, put: 0 };

const LIBRARIES = ["hono-standardwebhooks", "hono-svix", "tern"];
const BY_HAND = ["js-webcrypto"];
const GATEWAYS = ["hookgate-kv", "hookgate-exact"];
const FLOORS = ["floor-read", "floor-calls"];
const ALL = [...FLOORS, ...BY_HAND, ...LIBRARIES, ...GATEWAYS];
const GATEWAY = ["hookgate-kv"];

/**
 * `contenders`: who takes part. `bytes`: the body's exact size. `requests`: how many a round sends. `known`: how many
 * percent of the keys KV knows. `calls`: the storage calls that a contender makes for each request, if it checks what it
 * gets. `beside`: those of one name are measured in the same rounds, so that they can be compared with each other.
 * `times`: as many times the usual rounds. `held`: how many claims the only object holds already. `starts`: how many new
 * processes get one request each, and nothing else.
 */
const SMALL = { source: "standard", bytes: 900, requests: 4000, status: 200, calls: calls(0) };
const SHAPE = { ...SMALL, contenders: GATEWAY, requests: 3000, beside: "shapes" };
const CONFIGURED = { ...SMALL, contenders: GATEWAY, requests: 3000, beside: "configurations" };

const duplicates = (percent) => [
  `duplicates-${percent}`,
  { ...SMALL, contenders: ["floor-calls", ...BY_HAND, ...GATEWAYS], requests: 2000, known: percent, calls: calls(percent) },
];
const claims = (power) => [
  `claims-1e${power}`,
  {
    ...SMALL,
    contenders: ["hookgate-exact", "claims-object"],
    requests: 600, // the object is not to grow much while it is measured
    times: 2,
    beside: "claims",
    held: 10 ** power,
    texts: { CLAIM_SHARDS: "1" },
  },
];

export const WORKLOADS = {
  "accepted-1k": { ...SMALL, contenders: [...ALL, "floor-calls-log"] },
  "accepted-16k": { ...SMALL, contenders: [...FLOORS, ...BY_HAND, ...LIBRARIES, ...GATEWAY], bytes: 16 * 1024, requests: 2000 },
  "accepted-64k": { ...SMALL, contenders: ALL, bytes: 64 * 1024, requests: 800 },
  "accepted-1m": { ...SMALL, contenders: ["floor-calls", ...BY_HAND, ...GATEWAY], source: "direct", bytes: 1024 * 1024, requests: 150 },
  "duplicate-1k": { ...SMALL, contenders: ALL, requests: 2000, calls: calls(100), known: 100 },
  ...Object.fromEntries([0, 25, 50, 75, 100].map(duplicates)),
  "forged-1k": { ...SMALL, contenders: [...ALL, "reject-noread"], requests: 3000, status: 401, calls: FORGED, forged: true },
  "unsigned-1m": {
    ...SMALL,
    contenders: ["reject-noread", ...BY_HAND, ...GATEWAY],
    bytes: 1024 * 1024,
    status: 401,
    calls: FORGED,
    unsigned: true,
    sends: 64 * 1024, // of it, when it hears the answer and hangs up
  },
  "generic-1k": { ...SHAPE, contenders: ["floor-calls", ...BY_HAND, ...GATEWAY], source: "generic" },
  "stripe-1k": { ...SHAPE, source: "stripe" },
  "github-1k": { ...SHAPE, source: "github" },
  "relaybox-1k": { ...SHAPE, source: "relaybox" },
  "sources-1": { ...CONFIGURED, contenders: ["floor-calls", ...GATEWAY], sources: many(1) },
  "sources-10": { ...CONFIGURED, sources: many(10) },
  "sources-100": { ...CONFIGURED, sources: many(100) },
  "sources-1000": { ...CONFIGURED, sources: many(1000) },
  "secrets-4": { ...CONFIGURED, sources: ROTATING, texts: OLD_SECRETS },
  ...Object.fromEntries([3, 4, 5, 6].map(claims)),
  startup: { ...SMALL, contenders: ["floor-read", ...BY_HAND, ...GATEWAY], requests: 1, starts: 15 },
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

/** RFC 8785 for what is sent here. */
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
};
const mac = (content) => createHmac("sha256", SECRETS.GENERIC_SECRET).update(content).digest("hex");

function signedHeaders(source, payload) {
  const now = Math.floor(Date.now() / 1000);
  switch (source) {
    case "generic":
      return { "x-webhook-signature": mac(payload) };
    case "github":
      return { "x-hub-signature-256": `sha256=${mac(payload)}`, "x-github-event": "push" };
    case "stripe":
      return { "stripe-signature": `t=${now},v1=${mac(`${now}.${payload}`)}` };
    case "relaybox":
      return { "x-relaybox-webhook-signature": mac(JSON.stringify(canonical(JSON.parse(payload)))) };
  }
  const id = `msg_${randomUUID()}`;
  const timestamp = now;
  const key = Buffer.from(SECRETS.STANDARD_SECRET.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(payload).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": `${timestamp}`, "webhook-signature": `v1,${signature}` };
}

/** `count` requests, as the bytes that go over the wire: different ones, but where nothing is read of them. */
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
      ...(unsigned ? {} : signedHeaders(source, forged ? Buffer.concat([payload, Buffer.from("!")]) : payload)),
    };
    const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`);
    return Buffer.concat([Buffer.from(`POST /webhooks/${source} HTTP/1.1\r\n${lines.join("")}\r\n`), payload]);
  };
  return unsigned ? Array(count).fill(made()) : Array.from({ length: count }, made);
}
