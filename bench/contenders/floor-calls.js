// The floor with storage: reads the body, looks a key up in KV, queues a text, puts the key, and checks nothing.
// The runtime copies a response faster than it reads an object.
const INIT = new Response(null, { headers: { "content-type": "application/json", "cache-control": "no-store" } });
const TEXT = { contentType: "text" };
const TTL = { expirationTtl: 604800 };
const KEY = "0123456789abcdef".repeat(4);
const messages = new Map();

/** A text about as long as the event's would be, made once for each length of body. */
function message(bytes) {
  if (!messages.has(bytes)) messages.set(bytes, JSON.stringify("A".repeat(560 + 4 * Math.ceil(bytes / 3))));
  return messages.get(bytes);
}

export default {
  async fetch(request, env, ctx) {
    const body = await request.arrayBuffer();
    if ((await env.DEDUP.get(KEY)) === null) {
      // More than a queue's message holds goes to the origin.
      if (body.byteLength > 90_000) await fetch("https://origin.example.com/", { method: "POST", body });
      else await env.EVENTS.send(message(body.byteLength), TEXT);
      ctx.waitUntil(env.DEDUP.put(KEY, "1795000000", TTL));
    }
    return new Response('{"received":true}', INIT);
  },
};
