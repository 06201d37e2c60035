// Whether the machine keeps up: how long it takes the runtime to answer a request that costs nothing, as this process sees
// it. Both have to get their turn in time, or limits pass that nothing but slowness made pass.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { send } from "../tests/runtime/http.mjs";

const EVERY = 100;
/** The shortest limit that the Worker sets anything, a call of an object, in milliseconds of its clock: src/edge/claims.rs. */
const SHORTEST_LIMIT = 1500;
/** An answer that takes longer may have let a limit pass; */
const STALL = SHORTEST_LIMIT;
/** where the usual one takes longer than this, the clock runs too fast, */
const TOO_SLOW = SHORTEST_LIMIT / 2;
/** and where it takes less, the clock may run faster. */
const COMFORTABLE = SHORTEST_LIMIT / 6;
/** The machine's own time at the slowest: with `HASTE` 15. */
const SLOWEST = 15;

export class Pulse {
  /** When answers took so long that a limit may have passed: `{ since, until }`. */
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
      // What a kill cuts short says nothing of the machine.
      if (answered && incarnation === this.runtime.incarnation) this.#note(since, Date.now());
      await delay(EVERY, undefined, { signal }).catch(() => undefined);
    }
  }

  #note(since, until) {
    this.#times.push(until - since);
    if ((until - since) * this.clock.haste > STALL) this.stalls.push({ since, until });
  }

  /** Whether the clock runs so much too fast that it is better to start the runtime anew. */
  get lags() {
    return this.#usual() > 2 * TOO_SLOW && this.clock.slowness < SLOWEST;
  }

  /** Sets the pace for the runtime's next incarnation, by how the last one kept up. */
  adapt() {
    const [usual, { slowness }] = [this.#usual(), this.clock];
    this.#times = [];
    if (usual > TOO_SLOW) this.clock.slowDown(Math.min(SLOWEST, slowness * Math.min(4, Math.max(1.5, usual / TOO_SLOW))));
    else if (usual < COMFORTABLE && slowness > 1) this.clock.slowDown(Math.max(1, slowness / 1.25));
  }

  /** What nine of ten answers stay below, by the clock. */
  #usual() {
    const sorted = this.#times.toSorted((one, other) => one - other);
    return (sorted[Math.floor(sorted.length * 0.9)] ?? 0) * this.clock.haste;
  }
}

/** How many times slower than alone on a machine of its own this process gets its work done, for a start. */
export function contention() {
  const [began, { user }] = [performance.now(), process.cpuUsage()];
  const block = Buffer.alloc(1 << 20);
  for (let done = 0; done < 200; done += 1) createHash("sha256").update(block).digest();
  const [wall, busy] = [performance.now() - began, (process.cpuUsage().user - user) / 1000];
  const share = wall / busy;
  return share < 1.25 ? 1 : Math.min(SLOWEST, share);
}
