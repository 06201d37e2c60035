// The gateway's clock, as far as the browser knows it. Pure.

/** `Date` of an answer (RFC 9110, section 6.6.1) has whole seconds, and an answer needs some time. */
const UNSURE_MS = 2000;

/**
 * The milliseconds by which the gateway's clock is ahead of the browser's, after an answer with the time `date` that came at
 * the browser's time `now`. `before` is what was known before it: a small change is noise.
 */
export function aheadOf(date: number, now: number, before: number): number {
  const ahead = date + 500 - now;
  if (Math.abs(ahead - before) <= UNSURE_MS) return before;
  return Math.abs(ahead) <= UNSURE_MS ? 0 : ahead;
}
