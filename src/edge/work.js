// One event's work: a future in WASM, and what it waits for. One timer serves all limits of the event, and one `waitUntil`
// all that has to end even when the provider hangs up: both cost more than all the rest here. What waits for nothing has
// neither.
import module from "./index_bg.wasm";
import instantiate from "hookgate";

let current = instantiate(module);
let last = 0;

/**
 * A panic is a trap, like memory that ran out: it breaks off where it is, and nothing in Rust can catch it. That event
 * alone has failed. Those that began in the same instance end there; what comes next gets a new one.
 */
function broken(instance, error) {
  if (instance === current) current = instantiate(module);
  current.broke(isTrap(error) ? `${error.message}, in ${place(error)}` : `${error.name}: withheld, for it may quote the request`);
}

/** Their messages are V8's, and constant. */
const isTrap = (error) => error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

/** Where in the module, innermost first. */
const place = (error) => error.stack.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g)?.slice(0, 5).join(" < ");

/** Calls WASM outside of any event's work. What Rust itself returns as an error breaks nothing. */
export function call(method, ...args) {
  const instance = current;
  try {
    return instance[method](...args);
  } catch (error) {
    if (isTrap(error)) broken(instance, error);
    throw error;
  }
}

export class Work {
  #context; // of a request
  #failed; // makes the output where the event fails
  #instance = current;
  #task = (last += 1); // the future's number
  #settle;
  #turn = 0; // what is waited for, by number: what settles too late is not taken for what came after it
  #limit; // of what is waited for, in milliseconds,
  #until = 0; // and when that ends; 0 where there is none
  #timer;
  #due; // when the timer goes off
  #finish;
  #after;

  constructor(context, failed) {
    this.#context = context;
    this.#failed = failed;
  }

  /**
   * Begins the future by the instance's `method`. Returns its output, or a promise of it where it has to wait. From then
   * on the event is brought to its end whoever still waits for the answer: what was begun is finished, and what the
   * future holds is freed.
   */
  run(method, ...args) {
    const next = this.#step(() => this.#instance[method](this.#task, this, ...args));
    if (!(next instanceof Promise)) {
      this.#end();
      return next;
    }
    this.#context?.waitUntil(new Promise((resolve) => (this.#finish = resolve)));
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#wait(next);
    });
  }

  /** What the future waits for next is given up after so long. */
  limit(milliseconds) {
    this.#limit = milliseconds;
    this.#until = Date.now() + milliseconds;
    this.#watch();
  }

  /** The event ends with `promise`, which the answer does not wait for; what it is rejected with, `complain` gets. */
  outlast(promise, complain) {
    const finish = () => this.#finish?.();
    this.#after = promise.then(finish, (error) => (complain(error), finish()));
  }

  /** What WASM returns: what it waits for, or the output. */
  #step(enter) {
    try {
      return enter();
    } catch (error) {
      broken(this.#instance, error);
      return this.#failed(current);
    }
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
    try {
      const next = this.#step(() => this.#instance.resume(this.#task, value, kept));
      if (next instanceof Promise) return this.#wait(next);
      this.#settle.resolve(next);
    } catch (error) {
      this.#settle.reject(error); // the new instance broke as well
    }
    this.#end();
  }

  #end() {
    this.#stop();
    if (this.#after === undefined) this.#finish?.();
  }

  #watch() {
    if (this.#timer !== undefined && this.#due <= this.#until) return; // it looks again then
    this.#stop();
    this.#due = this.#until;
    this.#timer = setTimeout(() => this.#look(), this.#until - Date.now());
  }

  /** Without a timer there is nothing to ask of the runtime: most that is refused has none. */
  #stop() {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  #look() {
    this.#timer = undefined;
    if (this.#until === 0) return;
    if (Date.now() < this.#until) return this.#watch();
    this.#turn += 1;
    this.#go(new Error(`no answer within ${this.#limit} ms`), false);
  }
}
