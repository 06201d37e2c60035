// The entry of the Worker: it passes the runtime's events to WASM. It replaces the entry of worker-build. With that entry,
// a panic makes the runtime answer 500 to every event in flight.
import { DurableObject } from "cloudflare:workers";
import module from "./index_bg.wasm";
import instantiate from "hookgate";

/** The current instance, and the callbacks of its events in flight. The callbacks are called if the instance fails. */
let current = begin();
/** The answer to a request whose instance failed. */
const BROKEN_OFF = JSON.parse(current.wasm.brokenOff());

function begin() {
  const inFlight = new Set();
  return { inFlight, wasm: instantiate(module, (error) => renew(inFlight, error)) };
}

/**
 * Replaces an instance that failed, and ends its events in flight. Their senders send them again. No event is lost: an
 * event counts as accepted only after its answer, and as delivered only after its acknowledgement. Work before that point
 * may happen twice, as after any crash.
 */
function renew(inFlight, error) {
  current = begin();
  const detail = text(error).slice(0, 1000);
  console.error(JSON.stringify({ verdict: "failed", reason: "panic", detail, ms: 0 }));
  for (const tell of inFlight) tell();
}

/** The text of an error for the log. Our panics and V8's traps do not quote the request. Any other error may quote it. */
function text(error) {
  if (error.name === "panic") return error.message;
  const isTrap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  return isTrap ? `${error.message}, in ${place(error)}` : `${error.name}: withheld, because it may quote the request`;
}

/** The stack of WASM functions, innermost first. scripts/build says how to find their names. */
const place = (error) => error.stack.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g)?.slice(0, 5).join(" < ") ?? "JavaScript";

/**
 * Runs an event in the current instance. If the instance fails meanwhile, the outcome is `instead()`. It is called within
 * the event itself, because the runtime does not let one request use an object of another request.
 */
function run(enter, instead) {
  const { inFlight, wasm } = current;
  let tell;
  const ended = new Promise((resolve, reject) => {
    tell = () => resolve(BROKEN);
    inFlight.add(tell);
    // If the instance fails during this call, `tell` resolves the promise before the call throws. The first settlement
    // counts.
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

const BROKEN = Symbol("failed instance");

/** Calls the current instance for a Durable Object. If the instance fails, the caller of the object gets an error. */
function call(method, ...args) {
  const instance = current;
  try {
    return instance.wasm[method](...args);
  } finally {
    if (instance !== current) throw new Error("the object failed: its log says why");
  }
}

/** Asks the queue to redeliver this message, without the others of its batch. */
function giveBack(message) {
  message.retry({ delaySeconds: current.wasm.backoff(message.attempts) });
}

// The messages of a batch that are handled at once. The runtime opens at most six connections at a time. A call that waits
// for a connection has a time limit that already runs. So there is one connection for each forward, and one for all other
// calls.
const AT_ONCE = 5;

// An object and not a class, because the runtime would make an instance of the class for each event.
export default {
  fetch(request, env, context) {
    const answer = run((wasm) => wasm.fetch(request, env, context), () => new Response(BROKEN_OFF.body, BROKEN_OFF));
    context.waitUntil(answer); // the work goes on if the sender hangs up
    return answer;
  },

  async queue({ queue, messages }, env) {
    const pauses = await run((wasm) => wasm.readPauses(env), () => undefined).catch(() => undefined);
    if (pauses === undefined) return messages.forEach(giveBack); // a panic, as it would be for a message in flight
    const waiting = [...messages];
    const settle = (message) => {
      return run((wasm) => wasm.settle(queue, message, message.attempts, pauses, env), () => giveBack(message));
    };
    const oneByOne = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await settle(next).catch(() => giveBack(next)); // otherwise the runtime would acknowledge the message
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
    // The messages are settled. A log that cannot be written changes nothing about them.
    await run((wasm) => wasm.writeLog(env), () => undefined).catch(() => undefined);
  },

  scheduled(event, env, context) {
    return run((wasm) => wasm.scheduled(event, env, context), () => undefined);
  },
};

// Stores the claims of one shard, the registry of shards, or the secrets that providers sent. Objects of the `worker` crate
// have no methods except `fetch`. During a deployment, two versions of this Worker call each other's objects by these
// methods. Each step is one synchronous call, so nothing happens between its read and its write. The runtime sends an
// answer only after the writes before it are durable.
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

  // Deletes expired rows. Sets no further alarm once nothing is left to expire.
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
