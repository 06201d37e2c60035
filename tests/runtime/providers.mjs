// The providers: make and sign requests as their documentation says. No code is shared with the Worker.
import { createHmac, randomUUID } from "node:crypto";

/** Secrets that a test can recognise in any output. */
export const SECRETS = {
  RELOCK_SECRET: "canary-relock-52c1f2",
  GENERIC_SECRET: "canary-generic-8be07d",
  RELAYBOX_SECRET: "canary-relaybox-b1740e",
  LRDEFENDER_SECRET: "canary-lrdefender-93f6aa",
  CHEKT_SECRET: "canary-chekt-0d61c7",
  SHOPIFY_SECRET: "canary-shopify-4ea95b",
  GITHUB_SECRET: "canary-github-c7f380",
};

/** The secret that signs forwards, in the tests that set it. */
export const ORIGIN_SIGNING_SECRET = `whsec_${Buffer.from("canary-origin-signing-key-a85e21").toString("base64")}`;

/** The token of the operator, in the tests that set it. */
export const ADMIN_TOKEN = "canary-admin-token-6b1f0c";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const hmac = (key, text, encoding = "hex") => createHmac("sha256", key).update(text).digest(encoding);
const iso = (at) => new Date(at).toISOString();
const over = (prefix, text) => (key, at, body) => `${prefix}${hmac(key, text ? text(body) : body)}`;

/** RFC 8785. `JSON.stringify` writes numbers and texts as the RFC requires, and `sort` sorts by code units. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

/**
 * The requests of each provider. `event(id, at)` is the payload, and `header` has `signature(key, at, body)`. A request that
 * is `stale` milliseconds old is too old.
 */
export const PROVIDERS = {
  relock: {
    secret: "RELOCK_SECRET",
    event: (id, at) => ({ event: "session.created", data: { sessionId: id, timestamp: iso(at) } }),
    header: "x-relock-signature",
    signature: over(""),
    stale: 25 * HOUR,
  },
  generic: {
    secret: "GENERIC_SECRET",
    event: (id, at) => ({ id, type: "user.created", created_at: iso(at), data: { name: "Zoë" } }),
    header: "x-webhook-signature",
    signature: over(""),
    stale: 3 * HOUR,
  },
  relaybox: {
    secret: "RELAYBOX_SECRET",
    event: (id, at) => ({ id, event: "room:publish", data: { b: 1.5e3, a: "x" }, timestamp: iso(at) }),
    header: "x-relaybox-webhook-signature",
    signature: over("", (body) => JSON.stringify(canonical(JSON.parse(body)))),
    stale: 10 * MINUTE,
  },
  "lrdefender, plain": {
    provider: "lrdefender",
    secret: "LRDEFENDER_SECRET",
    event: (id, at) => ({ type: "bot.detected", webhookId: "wh_1", timestamp: iso(at), data: { deviceId: id } }),
    header: "x-webhook-signature",
    signature: over(""),
    stale: 20 * MINUTE,
  },
  "lrdefender, timestamped": {
    provider: "lrdefender",
    secret: "LRDEFENDER_SECRET",
    event: (id, at) => ({ type: "bot.detected", webhookId: "wh_1", timestamp: iso(at), data: { deviceId: id } }),
    header: "x-webhook-signature",
    signature: (key, at, body) => {
      const t = Math.floor(at / 1000);
      return `t=${t},v1=${hmac(key, Buffer.concat([Buffer.from(`${t}.`), body]))}`;
    },
    stale: 400 * SECOND,
  },
  chekt: {
    secret: "CHEKT_SECRET",
    event: (id, at) => ({ event: "alarm.triggered", webhook_id: "w_1", timestamp: iso(at), data: { alarm_id: id } }),
    header: "x-webhook-signature",
    signature: over("sha256="),
    stale: 20 * MINUTE,
  },
  shopify: {
    secret: "SHOPIFY_SECRET",
    header: "x-shopify-hmac-sha256",
    signature: (key, at, body) => hmac(key, body, "base64"),
  },
  github: { secret: "GITHUB_SECRET", header: "x-hub-signature-256", signature: over("sha256=") },
};

/** The table of a source in the configuration. */
export function source(name, more = {}) {
  return { provider: PROVIDERS[name].provider ?? name, secrets: [PROVIDERS[name].secret], ...more };
}

/** A source for each of these names. */
export const sourcesOf = (names, ...table) => Object.fromEntries(names.map((name) => [name, source(...table)]));

/** One signed request. Without `body`, it has a new event. */
export function delivery(name, { id = randomUUID(), at = Date.now(), body, key, headers = {} } = {}) {
  const { event, header, signature, secret } = PROVIDERS[name];
  const bytes = Buffer.from(body ?? JSON.stringify(event(id, at)));
  const signed = { [header]: signature(key ?? SECRETS[secret], at, bytes) };
  return { id, at, body: bytes, headers: { "content-type": "application/json", ...signed, ...headers } };
}

/** Whether a forward has a Standard Webhooks signature made with `secret`. */
export function isSignedForward({ headers, body }, secret = ORIGIN_SIGNING_SECRET) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const prefix = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`);
  return headers["webhook-signature"] === `v1,${hmac(key, Buffer.concat([prefix, body]), "base64")}`;
}
