// One clock for all, inside the runtime and outside, that runs `haste` times as fast as the machine's: leases, time-outs,
// the queue's delays, a provider's patience and the age of a signature keep their proportions.
const now = Date.now;
const { setTimeout } = globalThis;

export class Clock {
  constructor({ epoch = now(), haste = 1 } = {}) {
    Object.assign(this, { epoch, haste });
  }

  now() {
    return Math.floor(this.epoch + (now() - this.epoch) * this.haste);
  }

  /** How long `milliseconds` of this clock take by the machine's. */
  takes(milliseconds) {
    return milliseconds / this.haste;
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
