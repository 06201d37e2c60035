// A Worker written by hand in JavaScript, with the runtime's own crypto. It has the gateway's steps in the same order, the
// same message, the same answer and the same log line, for one preset. It does not hash its keys.
const MAX_BODY = 1024 * 1024;
const TOLERANCE = 300; // seconds, of a delivery's time
const TTL = { expirationTtl: 604800 };
const TEXT = { contentType: "text" };
// What answers are made from: the runtime copies a response faster than it reads an object.
const bodiless = (status, type) => new Response(null, { status, headers: { "content-type": type, "cache-control": "no-store" } });
const ACCEPTED = bodiless(200, "application/json");
const problem = (status, title, detail) => ({
  status,
  body: JSON.stringify({ title, status, detail }),
  init: bodiless(status, "application/problem+json"),
});
const UNAUTHENTIC = problem(401, "Not authentic", "The request carries no valid and fresh signature.");
const UNUSABLE = problem(422, "Authentic, but not usable", "The body is not JSON, or the id is too long.");
const NOT_FOUND = problem(404, "No such source", "Nothing is served at this path.");
const WRONG_METHOD = problem(405, "Method not allowed", "This path does not take the request's method.");
const TOO_LARGE = problem(413, "Body too large", `This source takes bodies of up to ${MAX_BODY} bytes.`);
const UNAVAILABLE = problem(503, "Temporarily unavailable", "The event was not accepted. Please send it again.");

const NOT_FORWARDED = new Set([
  "accept-encoding", "cdn-loop", "connection", "content-length", "expect", "forwarded", "host", "idempotency-key",
  "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
  "true-client-ip", "upgrade", "via", "webhook-id", "webhook-signature", "webhook-timestamp", "x-real-ip",
]);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const keys = {};

/** The key is imported once per isolate. */
function importKey(secret) {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

const standard = {
  provider: "standard_webhooks",
  key: (env) => importKey(Uint8Array.fromBase64(env.STANDARD_SECRET.slice("whsec_".length))),
  /** What the headers claim; undefined where they cannot be right. */
  receive(headers, now) {
    const signature = headers.get("webhook-signature");
    const id = headers.get("webhook-id");
    const timestamp = headers.get("webhook-timestamp");
    if (!signature || !id || id.includes(".") || !timestamp || !/^[1-9][0-9]{0,11}$/.test(timestamp)) return undefined;
    if (Math.abs(now - Number(timestamp)) > TOLERANCE) return undefined;
    const candidates = signature.split(" ").filter((text) => text.startsWith("v1,"));
    if (candidates.length === 0 || candidates.length > 8) return undefined;
    return { id, before: `${id}.${timestamp}.`, signatures: candidates.map((text) => Uint8Array.fromBase64(text.slice(3))) };
  },
};

const sources = {
  "/webhooks/standard": ["standard", standard],
  "/webhooks/direct": ["direct", standard],
};

/** Straight to the origin, where the body is more than a queue's message holds. */
async function forward(source, body, headers, event) {
  const list = [...JSON.parse(kept(headers)), ["webhook-id", event.id], ["idempotency-key", event.id], ["hookgate-source", source]];
  const init = { method: "POST", headers: list, body, redirect: "manual", signal: AbortSignal.timeout(10_000) };
  const answer = await fetch("https://origin.example.com/", init);
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the origin answered ${answer.status}`);
}

/** The body, of at most MAX_BODY bytes. */
async function read(request) {
  const told = request.headers.get("content-length");
  if (told !== null) return Number(told) > MAX_BODY ? undefined : new Uint8Array(await request.arrayBuffer());
  const chunks = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

async function proven(key, { before, signatures }, body) {
  let content = new Uint8Array(before.length * 3 + body.length);
  const { written } = encoder.encodeInto(before, content);
  content.set(body, written);
  content = content.subarray(0, written + body.length);
  let any = false;
  for (const signature of signatures) any = (await crypto.subtle.verify("HMAC", key, signature, content)) || any;
  return any;
}

function kept(headers) {
  const list = [];
  for (const pair of headers) {
    const name = pair[0];
    if (NOT_FORWARDED.has(name) || name.startsWith("cf-") || name.startsWith("x-forwarded-")) continue;
    list.push(pair);
  }
  return JSON.stringify(list);
}

async function ingest(request, env, ctx, record) {
  const url = request.url;
  const found = sources[url.slice(url.indexOf("/", 8))];
  if (!found) return NOT_FOUND;
  const [source, scheme] = found;
  record.source = source;
  if (request.method !== "POST") return WRONG_METHOD;
  const now = Math.floor(Date.now() / 1000);
  const headers = request.headers;
  let received;
  try {
    received = scheme.receive(headers, now);
  } catch {
    return UNAUTHENTIC; // a signature that cannot be decoded
  }
  if (!received) return UNAUTHENTIC;
  const body = await read(request);
  if (!body) return TOO_LARGE;
  record.body_bytes = body.length;
  const key = (keys[source] ??= await scheme.key(env));
  if (!(await proven(key, received, body))) return UNAUTHENTIC;
  let event;
  try {
    event = { id: received.id, type: JSON.parse(decoder.decode(body)).type };
  } catch {
    return UNUSABLE;
  }
  if (event.id.length > 256) return UNUSABLE;
  const name = `${source}:${event.id}`;
  record.id = event.id;
  record.type = event.type;
  record.key = name;
  record.provenance = "signed id";
  if ((await env.DEDUP.get(name)) !== null) {
    record.verdict = "duplicate";
    return { body: JSON.stringify({ received: true, duplicate: true, id: event.id }), init: ACCEPTED };
  }
  if (source === "direct") {
    await forward(source, body, headers, event);
    ctx.waitUntil(env.DEDUP.put(name, `${now}`, TTL));
    record.verdict = "accepted";
    return { body: JSON.stringify({ received: true, id: event.id }), init: ACCEPTED };
  }
  const message = JSON.stringify({
    specversion: "1.0",
    id: event.id,
    source: `/webhooks/${source}`,
    type: event.type ?? "unknown",
    time: new Date().toISOString(),
    datacontenttype: headers.get("content-type") ?? undefined,
    provider: scheme.provider,
    idprovenance: "signed id",
    dedupkey: name,
    headers: kept(headers),
    data_base64: body.toBase64(),
  });
  await env.EVENTS.send(message, TEXT);
  ctx.waitUntil(env.DEDUP.put(name, `${now}`, TTL));
  record.verdict = "accepted";
  return { body: JSON.stringify({ received: true, id: event.id }), init: ACCEPTED };
}

export default {
  async fetch(request, env, ctx) {
    const began = Date.now();
    const record = { verdict: "rejected" };
    let answer;
    try {
      answer = await ingest(request, env, ctx, record);
    } catch (error) {
      record.detail = `${error}`;
      answer = UNAVAILABLE;
    }
    record.status = answer.status ?? 200;
    record.ms = Date.now() - began;
    console.log(JSON.stringify(record));
    return new Response(answer.body, answer.init);
  },
};
