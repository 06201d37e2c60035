// One clock for the programs inside and outside the runtime. It runs faster than the machine's clock. Leases, timeouts, the
// queue's delays, the providers' timeouts and the age of signatures keep their proportions. If the machine cannot keep up,
// the next start of the runtime gets a slower clock, and all other parts slow down with it.
const now = Date.now;
const { setTimeout } = globalThis;

export class Clock {
  /** The largest slowness so far. */
  slowest = 1;

  /**
   * A clock that runs `haste` times as fast as the machine's clock. It shows `epoch` when the machine's clock shows
   * `since`. `full` is the planned haste.
   */
  constructor({ haste = 1, full = haste, since = now(), epoch = since } = {}) {
    Object.assign(this, { haste, full, since, epoch });
  }

  now() {
    return Math.floor(this.epoch + (now() - this.since) * this.haste);
  }

  /** The planned haste divided by the haste. */
  get slowness() {
    return this.full / this.haste;
  }

  /** Sets the haste to the planned haste divided by `slowness`. */
  slowDown(slowness) {
    const [since, epoch] = [now(), this.now()];
    Object.assign(this, { since, epoch, haste: this.full / slowness });
    this.slowest = Math.max(this.slowest, slowness);
  }

  /** The duration on the machine's clock of `milliseconds` on this clock. */
  takes(milliseconds) {
    return milliseconds / this.haste;
  }

  /** The duration on the machine's clock of work that takes `milliseconds` if the machine keeps up. */
  stretched(milliseconds) {
    return milliseconds * this.slowness;
  }

  /** Waits for `milliseconds` on this clock. */
  passes(milliseconds) {
    return new Promise((passed) => setTimeout(passed, this.takes(milliseconds)));
  }

  /** From now on, the time and all timeouts in this program follow this clock. */
  rule() {
    Date.now = () => this.now();
    globalThis.setTimeout = (call, milliseconds, ...args) => setTimeout(call, this.takes(milliseconds ?? 0), ...args);
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (milliseconds) => timeout.call(AbortSignal, Math.ceil(this.takes(milliseconds)));
  }
}
