// The Worker's entry, in place of worker-build's: that one answers the runtime's own 500 to all that was in flight when
// something panicked. It hands the runtime's events to WASM as they are.
import { DurableObject } from "cloudflare:workers";
import module from "./index_bg.wasm";
import instantiate from "hookgate";

/** The one instance that is entered, and who is to be told when it breaks off. */
let current = begin();
/** A request that broke off is answered so. */
const BROKEN_OFF = JSON.parse(current.wasm.brokenOff());

function begin() {
  const inFlight = new Set();
  return { inFlight, wasm: instantiate(module, (error) => renew(inFlight, error)) };
}

/**
 * A panic breaks off its instance, with all that is in flight there. What comes next gets a new instance, and each event in
 * flight is told: whoever sent it sends it again. Nothing is lost by that, since an event counts as accepted, or delivered,
 * only once its answer, or its acknowledgement, is out. What was done in between may be done twice, as after any crash.
 */
function renew(inFlight, error) {
  current = begin();
  const detail = text(error).slice(0, 1000);
  console.error(JSON.stringify({ verdict: "failed", reason: "panic", detail, ms: 0 }));
  for (const tell of inFlight) tell();
}

/** What may be told of it: our own text and place, or V8's, which are constant. Another error may quote the request. */
function text(error) {
  if (error.name === "panic") return error.message;
  const isTrap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  return isTrap ? `${error.message}, in ${place(error)}` : `${error.name}: withheld, for it may quote the request`;
}

/** Where in the module, innermost first: scripts/build says how to find the functions' names. */
const place = (error) => error.stack.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g)?.slice(0, 5).join(" < ") ?? "JavaScript";

/**
 * Runs an event in the current instance; `instead` makes what comes of it where the instance breaks off meanwhile. It is
 * told by a value, and not by an answer made elsewhere: what one request makes is of no use to another.
 */
function run(enter, instead) {
  const { inFlight, wasm } = current;
  let tell;
  const ended = new Promise((resolve, reject) => {
    tell = () => resolve(BROKEN);
    inFlight.add(tell);
    // What breaks off at once is told before this throws: the first word counts.
    enter(wasm).then(resolve, reject);
  });
  return ended.then(
    (outcome) => (inFlight.delete(tell), outcome === BROKEN ? instead() : outcome),
    (error) => {
      inFlight.delete(tell);
      throw error;
    },
  );
}

const BROKEN = Symbol("broken off");

/** Calls into the current instance, for a Durable Object. What breaks off is an error for whoever called the object. */
function call(method, ...args) {
  const instance = current;
  try {
    return instance.wasm[method](...args);
  } finally {
    if (instance !== current) throw new Error("the object broke off: its log says why");
  }
}

/** The queue gives it again, and leaves its neighbours alone. */
function giveBack(message) {
  message.retry({ delaySeconds: current.wasm.backoff(message.attempts) });
}

// A Worker has six connections at a time. What waits for one has a limit that runs already: so as many messages are
// begun as there are connections for their forwards, and one for everything else.
const AT_ONCE = 5;

// An object, since of a class the runtime would make an instance for each event.
export default {
  fetch(request, env, context) {
    const answer = run((wasm) => wasm.fetch(request, env, context), () => new Response(BROKEN_OFF.body, BROKEN_OFF));
    context.waitUntil(answer); // what was begun is finished, even where the sender hangs up
    return answer;
  },

  async queue({ queue, messages }, env) {
    const waiting = [...messages];
    const settle = (message) => {
      return run((wasm) => wasm.settle(queue, message, message.attempts, env), () => giveBack(message));
    };
    const oneByOne = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await settle(next).catch(() => giveBack(next)); // what cannot be settled is not to be taken for acknowledged
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
  },

  scheduled(event, env, context) {
    return run((wasm) => wasm.scheduled(event, env, context), () => undefined);
  },
};

// Holds the claims of one shard, or the secrets that providers sent. The crate's own objects take `fetch` alone; versions
// of this Worker call each other's objects by these methods while one replaces the other. Each step is one synchronous
// call, so nothing comes between its reading and its writing; the runtime lets no answer out before what was written is
// durable.
export class Claims extends DurableObject {
  #alarmed = false;

  constructor(...all) {
    super(...all);
    call("openClaims", this.ctx);
  }

  async claim(name, lease, ttl, token) {
    await this.#alarm(Date.now() + HOUR);
    return call("claimName", this.ctx, name, lease, ttl, token);
  }

  forget(name) {
    return call("forgetClaim", this.ctx, name);
  }

  confirm(name, token, ttl) {
    return call("confirmClaim", this.ctx, name, token, ttl);
  }

  release(name, token) {
    return call("releaseClaim", this.ctx, name, token);
  }

  admit(current, before, hold) {
    return call("admitRings", this.ctx, current, before, hold);
  }

  async install(source, secret) {
    await this.#alarm(Date.now() + HOUR);
    return call("installSecret", this.ctx, source, secret);
  }

  installed(source) {
    return call("installedSecret", this.ctx, source);
  }

  // Deletes what expired, as long as there is something that will.
  async alarm() {
    this.#alarmed = false;
    const next = call("expireClaims", this.ctx);
    if (next !== undefined) await this.#alarm(Date.now() + next);
  }

  async #alarm(at) {
    if (this.#alarmed) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(at);
    this.#alarmed = true;
  }
}

const HOUR = 3600 * 1000;
