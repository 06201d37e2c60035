// Measures whether the machine keeps up: the time from a trivial request of this process to the runtime's answer. If the
// runtime or this process is slow, a timeout may pass without any fault.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { send } from "../tests/runtime/http.mjs";

const EVERY = 100;
/** The shortest timeout of the Worker, in milliseconds of its clock. It limits a call of an object: src/edge/claims.rs. */
const SHORTEST_LIMIT = 1500;
/** After an answer that takes longer, a timeout may have passed. */
const STALL = SHORTEST_LIMIT;
/** If the usual answer takes longer, the clock is too fast. */
const TOO_SLOW = SHORTEST_LIMIT / 2;
/** If the usual answer takes less time, the clock may run faster. */
const COMFORTABLE = SHORTEST_LIMIT / 6;
/** The largest slowness. With `HASTE` 15, the clock then runs as fast as the machine's. */
const SLOWEST = 15;

export class Pulse {
  /** The answers during which a timeout may have passed: `{ since, until }`. */
  stalls = [];
  #times = [];
  #stop = new AbortController();
  #beating;

  constructor({ clock, runtime }) {
    Object.assign(this, { clock, runtime });
    this.#beating = this.#beat();
  }

  async close() {
    this.#stop.abort();
    await this.#beating;
  }

  async #beat() {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.runtime.up;
      const { incarnation, urls } = this.runtime;
      const since = Date.now();
      const answered = await send(new URL("/healthz", urls[0]), { method: "GET" }).then(() => true, () => false);
      // An answer that a kill cuts off says nothing about the machine.
      if (answered && incarnation === this.runtime.incarnation) this.#note(since, Date.now());
      await delay(EVERY, undefined, { signal }).catch(() => undefined);
    }
  }

  #note(since, until) {
    this.#times.push(until - since);
    if ((until - since) * this.clock.haste > STALL) this.stalls.push({ since, until });
  }

  /** Whether the clock is so much too fast that the runtime should be restarted. */
  get lags() {
    return this.#usual() > 2 * TOO_SLOW && this.clock.slowness < SLOWEST;
  }

  /** Sets the pace of the runtime's next start from the answer times since the last start. */
  adapt() {
    const [usual, { slowness }] = [this.#usual(), this.clock];
    this.#times = [];
    if (usual > TOO_SLOW) this.clock.slowDown(Math.min(SLOWEST, slowness * Math.min(4, Math.max(1.5, usual / TOO_SLOW))));
    else if (usual < COMFORTABLE && slowness > 1) this.clock.slowDown(Math.max(1, slowness / 1.25));
  }

  /** The 90th percentile of the answer times, by the clock. */
  #usual() {
    const sorted = this.#times.toSorted((one, other) => one - other);
    return (sorted[Math.floor(sorted.length * 0.9)] ?? 0) * this.clock.haste;
  }
}

/** A first estimate of the slowness, from the CPU share that this process gets. */
export function contention() {
  const [began, { user }] = [performance.now(), process.cpuUsage()];
  const block = Buffer.alloc(1 << 20);
  for (let done = 0; done < 200; done += 1) createHash("sha256").update(block).digest();
  const [wall, busy] = [performance.now() - began, (process.cpuUsage().user - user) / 1000];
  const share = wall / busy;
  return share < 1.25 ? 1 : Math.min(SLOWEST, share);
}
