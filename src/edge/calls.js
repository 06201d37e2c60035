// What WASM asks of the runtime, where one call can do what would else be several.

// What a request is, in one text, so that the crossing into WASM is paid once.
export function requestLine(request) {
  return `${request.method} ${request.url}`;
}

// Every header in one text, for the same reason.
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}

// Nothing has a name that is none.
export function header(headers, name) {
  try {
    return headers.get(name);
  } catch {
    return null;
  }
}

export function bytes(buffer) {
  return new Uint8Array(buffer);
}

// An answer without its body, which others are made from: the runtime copies one faster than it reads an object. `lines` has
// a line for each header.
export function bodiless(status, lines) {
  return new Response(null, { status, headers: Object.fromEntries(lines.split("\n").map((line) => line.split(/:(.*)/s, 2))) });
}

export function answer(bodiless, body) {
  return new Response(body, bodiless);
}

export function lookUp(work, milliseconds, store, key) {
  work.limit(milliseconds);
  return store.get(key);
}

const TEXT = { contentType: "text" };

// As text: what JSON would make of an object, the queue would not keep. The body, where there is one, goes in before the
// closing brace, in base64 that the runtime makes.
export function enqueue(work, milliseconds, queue, message, body) {
  work.limit(milliseconds);
  return queue.send(body === undefined ? message : `${message}${body.toBase64()}"}`, TEXT);
}

// The put may outlast the answer.
export function remember(work, store, key, value, expirationTtl, complain) {
  work.outlast(store.put(key, `${value}`, { expirationTtl }), complain);
}

// Calls a method of the Durable Object `name`. What it returns is no Promise of the language's, until it is awaited.
export async function callObject(work, milliseconds, namespace, name, method, args) {
  work.limit(milliseconds);
  return await namespace.get(namespace.idFromName(name))[method](...args);
}
