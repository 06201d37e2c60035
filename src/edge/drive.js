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

// What `promise` comes to, unless that takes too long.
export async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Calls a method of the Durable Object `name`. What it returns is no Promise of the language's, until it is awaited.
export async function callObject(namespace, name, method, args, milliseconds) {
  return within(milliseconds, namespace.get(namespace.idFromName(name))[method](...args));
}
