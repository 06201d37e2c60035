// Most functions do in one call what the `worker` crate does in a dozen calls from WASM to the runtime. Such calls are
// most of the cost of a small webhook: bench/README.md says how to measure it.

/** All headers of a request in one text, one header a line. */
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}

/** Makes an answer. `lines` has a line for each header. No header name comes twice. */
export function answer(status, lines, body) {
  const headers = {};
  for (const line of lines.split("\n")) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return new Response(body, { status, headers });
}

/** Completes a queue message with its body. The runtime encodes base64 several times faster than WASM. */
export const messageText = (text, body) => (body === undefined ? text : `${text}${body.toBase64()}"}`);

/**
 * The number of messages in a queue, and the milliseconds since 1970 of the oldest message, or 0, as a JSON list. `undefined`
 * without a queue, and if the runtime does not know.
 */
export async function queueBacklog(queue) {
  if (typeof queue?.metrics !== "function") return undefined;
  const { backlogCount, oldestMessageTimestamp } = await queue.metrics();
  return JSON.stringify([backlogCount, Number(oldestMessageTimestamp ?? 0)]);
}

/**
 * Calls a method of a Durable Object. This is a call in JavaScript, because a stub takes every member of a method for another
 * method: `stub.claim.apply(…)` calls a method `apply` of the object, and the object has none.
 */
export const callObject = (stub, method, args) => stub[method](...args);

/**
 * Runs statements as one transaction, and returns the rows of each as JSON. `statements` is a JSON list of `[sql, values]`. A
 * value in a list is base64.
 */
export async function runStatements(database, statements) {
  const value = (given) => (Array.isArray(given) ? Uint8Array.fromBase64(given[0]) : given);
  const prepared = JSON.parse(statements).map(([sql, values]) => database.prepare(sql).bind(...values.map(value)));
  return JSON.stringify((await database.batch(prepared)).map(({ results }) => results));
}

/**
 * The identity that the runtime states for a request that Cloudflare Access has let in, as JSON. `undefined` without one. A
 * name that is no text is left out.
 */
export async function accessIdentity(context) {
  const identity = await context.access?.getIdentity();
  if (identity === undefined || identity === null) return undefined;
  const text = (value) => (typeof value === "string" ? value : undefined);
  return JSON.stringify({ email: text(identity.email), common_name: text(identity.common_name) });
}
