// Drives one of the Worker's futures: waits for what it waits for, and calls it again with what came.
export async function drive(resume, task, waiting) {
  while (waiting instanceof Promise) {
    let value;
    let kept = true;
    try {
      value = await waiting;
    } catch (error) {
      value = error;
      kept = false;
    }
    waiting = resume(task, value, kept);
  }
  return waiting;
}

// Every header in one text, so that the crossing into WASM is paid once.
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}

const HEADERS = new Map();

// The answer; `lines` has a line for each header. The same few come again and again.
export function respond(status, body, lines) {
  let headers = HEADERS.get(lines);
  if (headers === undefined) {
    headers = Object.fromEntries(lines.split("\n").map((line) => line.split(/:(.*)/s, 2)));
    if (HEADERS.size < 32) HEADERS.set(lines, headers);
  }
  return new Response(body, { status, headers });
}

// What `promise` comes to, unless that takes too long.
export function within(milliseconds, promise) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${milliseconds} ms`));
    const timer = setTimeout(late, milliseconds);
    const ended = (settle) => (value) => {
      clearTimeout(timer);
      settle(value);
    };
    promise.then(ended(resolve), ended(reject));
  });
}

export function lookUp(milliseconds, store, key) {
  return within(milliseconds, store.get(key));
}

const TEXT = { contentType: "text" };

// As text: what JSON would make of an object, the queue would not keep.
export function enqueue(milliseconds, queue, message) {
  return within(milliseconds, queue.send(message, TEXT));
}

// The put may outlast the answer.
export function remember(context, store, key, value, expirationTtl, complain) {
  context.waitUntil(store.put(key, value, { expirationTtl }).catch(complain));
}

// Calls a method of the Durable Object `name`. What it returns is no Promise of the language's, until it is awaited.
export async function callObject(namespace, name, method, args, milliseconds) {
  return within(milliseconds, namespace.get(namespace.idFromName(name))[method](...args));
}
