// One clock for all, inside the runtime and outside, that runs faster than the machine's: leases, time-outs, the queue's
// delays, a provider's patience and the age of a signature keep their proportions. Where the machine cannot keep up, the
// clock slows down, from one incarnation of the runtime to the next; everything else slows down with it.
const now = Date.now;
const { setTimeout } = globalThis;

export class Clock {
  /** The largest factor by which anything took longer than planned so far. */
  slowest = 1;

  /** Runs `haste` times as fast as the machine's, and shows `epoch` at the machine's `since`. `full` is the planned haste. */
  constructor({ haste = 1, full = haste, since = now(), epoch = since } = {}) {
    Object.assign(this, { haste, full, since, epoch });
  }

  now() {
    return Math.floor(this.epoch + (now() - this.since) * this.haste);
  }

  /** How many times longer than planned everything takes. */
  get slowness() {
    return this.full / this.haste;
  }

  /** Goes on from now, so many times slower than planned. */
  slowDown(slowness) {
    const [since, epoch] = [now(), this.now()];
    Object.assign(this, { since, epoch, haste: this.full / slowness });
    this.slowest = Math.max(this.slowest, slowness);
  }

  /** How long `milliseconds` of this clock take by the machine's. */
  takes(milliseconds) {
    return milliseconds / this.haste;
  }

  /** How long by the machine's clock takes what takes `milliseconds` of it where the machine keeps up. */
  stretched(milliseconds) {
    return milliseconds * this.slowness;
  }

  /** Waits so long by this clock. */
  passes(milliseconds) {
    return new Promise((passed) => setTimeout(passed, this.takes(milliseconds)));
  }

  /** From now on whoever asks the time, or for a time-out, gets it from this clock. */
  rule() {
    Date.now = () => this.now();
    globalThis.setTimeout = (call, milliseconds, ...args) => setTimeout(call, this.takes(milliseconds ?? 0), ...args);
    const { timeout } = AbortSignal;
    AbortSignal.timeout = (milliseconds) => timeout.call(AbortSignal, Math.ceil(this.takes(milliseconds)));
  }
}
