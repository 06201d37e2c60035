// How often each fault strikes, when it may, and how long things take.

/** Inside the runtime: for each call of a binding, or of one operation of it. */
export const BINDINGS = {
  "DEDUP.get": { before: 0.02, stale: 0.1, hang: 0.002 },
  "DEDUP.put": { before: 0.02, after: 0.01, hang: 0.002 },
  CLAIMS: { before: 0.02, after: 0.02, hang: 0.002 },
  LOG: { before: 0.05, after: 0.05 },
  PAYLOADS: { before: 0.05, after: 0.05, hang: 0.01 },
};
/** When the Worker sends to a queue. */
export const QUEUE = { before: 0.03, after: 0.02, hang: 0.003 };
/** When the queue gives a message: a second time meanwhile, again after its ack, or later than those after it. */
export const GIVING = { twice: 0.01, ack_lost: 0.01, late: 0.05 };
/** How the origin answers a forward. `reset`: it did its work, and cuts the connection instead of an answer. */
export const ORIGIN = { error: 0.06, reset: 0.03, slow: 0.01 };
/** What an event is like, for the origin: it refuses some for good, and has trouble with some for ever. */
export const FATES = { refused: 0.02, failing: 0.005 };
/** What a provider does besides: two copies at once, or another one after its 2xx. */
export const COPIES = { at_once: 0.03, afterwards: 0.1 };
/** How many events are too large for a queue message, and how large they are at most. */
export const LARGE = { share: 0.015, bytes: 1_000_000 };

/** Everything but a storm happens so many times as fast as the clocks say: see clock.mjs. */
export const HASTE = 15;
/** How long what hangs hangs, by those clocks, in milliseconds: longer than anything in the Worker waits. */
export const HANG = 40_000;
/** How long a provider waits for an answer. */
export const PATIENCE = 20_000;
/** How long the Worker waits for the origin. */
export const FORWARD_TIMEOUT = 30_000;
/** How slow a slow origin is, from and to: some of it is too slow. */
export const SLOW = [5000, 40_000];
/** Fewer than in wrangler.toml, so that some events' retries do run out. */
export const MAX_RETRIES = 6;
