// What comes after the check, for those who take a library for it: the same KV and queue steps as the gateway's, and a
// message with the body as the text that the library was given.
const TEXT = { contentType: "text" };
const TTL = { expirationTtl: 604800 };

/** Drops a duplicate, or queues the event and remembers it: what to answer. */
export async function accept(env, ctx, { id, type, body }) {
  const key = `standard:${id}`;
  if ((await env.DEDUP.get(key)) !== null) return { received: true, duplicate: true, id };
  const now = Date.now();
  const event = { specversion: "1.0", id, source: "/webhooks/standard", type, time: new Date(now).toISOString(), data: body };
  await env.EVENTS.send(JSON.stringify(event), TEXT);
  ctx.waitUntil(env.DEDUP.put(key, `${Math.floor(now / 1000)}`, TTL));
  console.log(JSON.stringify({ verdict: "accepted", source: "standard", id, type, key, body_bytes: body.length }));
  return { received: true, id };
}
