// One event's work: a future in WASM, and what it waits for. One timer serves all limits of the event, and one `waitUntil`
// all that has to end even when the provider hangs up: both cost more than all the rest here. What waits for nothing has
// neither.
export class Work {
  #context; // of a request
  #resume;
  #task;
  #settle;
  #turn = 0; // what is waited for, by number: what settles too late is not taken for what came after it
  #limit; // of what is waited for, in milliseconds,
  #until = 0; // and when that ends; 0 where there is none
  #timer;
  #due; // when the timer goes off
  #finish;
  #after;

  constructor(context) {
    this.#context = context;
  }

  // Waits for what the future waits for, and calls it again with what came. Returns a promise of its output. From here on
  // the event is brought to its end whoever still waits for the answer: what was begun is finished, and what the future
  // holds is freed.
  drive(resume, task, waiting) {
    this.#resume = resume;
    this.#task = task;
    this.#context?.waitUntil(new Promise((resolve) => (this.#finish = resolve)));
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#wait(waiting);
    });
  }

  // What the future waits for next is given up after so long.
  limit(milliseconds) {
    this.#limit = milliseconds;
    this.#until = Date.now() + milliseconds;
    this.#watch();
  }

  // The event ends with `promise`, which the answer does not wait for.
  outlast(promise) {
    this.#after = promise;
  }

  end() {
    clearTimeout(this.#timer);
    if (this.#after !== undefined) this.#after.then(this.#finish);
    else if (this.#finish !== undefined) this.#finish();
  }

  #wait(promise) {
    const turn = (this.#turn += 1);
    promise.then(
      (value) => turn === this.#turn && this.#go(value, true),
      (error) => turn === this.#turn && this.#go(error, false),
    );
  }

  #go(value, kept) {
    this.#until = 0;
    let next;
    try {
      next = this.#resume(this.#task, value, kept);
    } catch (error) {
      this.end();
      this.#settle.reject(error);
      return;
    }
    if (next instanceof Promise) return this.#wait(next);
    this.end();
    this.#settle.resolve(next);
  }

  #watch() {
    if (this.#timer !== undefined && this.#due <= this.#until) return; // it looks again then
    clearTimeout(this.#timer);
    this.#due = this.#until;
    this.#timer = setTimeout(() => this.#look(), this.#until - Date.now());
  }

  #look() {
    this.#timer = undefined;
    if (this.#until === 0) return;
    if (Date.now() < this.#until) return this.#watch();
    this.#turn += 1;
    this.#go(new Error(`no answer within ${this.#limit} ms`), false);
  }
}

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

// What an answer is made with besides its body; `lines` has a line for each header.
export function answerInit(status, lines) {
  return { status, headers: Object.fromEntries(lines.split("\n").map((line) => line.split(/:(.*)/s, 2))) };
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
  work.outlast(store.put(key, `${value}`, { expirationTtl }).catch(complain));
}

// Calls a method of the Durable Object `name`. What it returns is no Promise of the language's, until it is awaited.
export async function callObject(work, milliseconds, namespace, name, method, args) {
  work.limit(milliseconds);
  return await namespace.get(namespace.idFromName(name))[method](...args);
}
