// Stops the clock at 2026-01-15T12:00:00Z, for SDKs that read the time from the machine.
export const NOW = 1_768_478_400_000;

let at = NOW;

/** Stops the clock at another time, in milliseconds. */
export function stopAt(time) {
  at = time;
}

const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length === 0 ? [at] : given));
  }

  static now() {
    return at;
  }
};
