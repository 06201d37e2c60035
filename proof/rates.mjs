// The rate of each fault, and the durations.

/** Inside the runtime: the faults of each call of a binding, or of one operation of a binding. */
export const BINDINGS = {
  "DEDUP.get": { before: 0.02, stale: 0.1, hang: 0.002 },
  "DEDUP.put": { before: 0.02, after: 0.01, hang: 0.002 },
  CLAIMS: { before: 0.02, after: 0.02, hang: 0.002 },
  LOG: { before: 0.05, after: 0.05 },
  PAYLOADS: { before: 0.05, after: 0.05, hang: 0.01 },
};
/** The faults when the Worker sends to a queue. */
export const QUEUE = { before: 0.03, after: 0.02, hang: 0.003 };
/** The faults when the queue delivers a message: twice at once, again after its ack, or after younger messages. */
export const GIVING = { twice: 0.01, ack_lost: 0.01, late: 0.05 };
/** The faults of the destination's answers. `reset`: the destination does its work and then cuts the connection. */
export const ORIGIN = { error: 0.06, reset: 0.03, slow: 0.01 };
/** The fates of events at the destination: it always refuses some events, and always fails with others. */
export const FATES = { refused: 0.02, failing: 0.005 };
/** The copies that a provider sends: two at once, or another one after its 2xx. */
export const COPIES = { at_once: 0.03, afterwards: 0.1 };
/** The share of events that are too large for a queue message, and their largest size. */
export const LARGE = { share: 0.015, bytes: 1_000_000 };

/** The clock of every run except a storm is this many times as fast as the machine's: see clock.mjs. */
export const HASTE = 15;
/** The duration of a hang on that clock, in milliseconds. It is longer than every timeout of the Worker. */
export const HANG = 40_000;
/** The timeout of a provider. */
export const PATIENCE = 20_000;
/** The Worker's timeout for a forward. */
export const FORWARD_TIMEOUT = 30_000;
/** The shortest and the longest answer time of a slow destination. Some answers take longer than the timeout. */
export const SLOW = [5000, 40_000];
/** Fewer retries than in wrangler.toml, so that some events run out of retries. */
export const MAX_RETRIES = 6;
