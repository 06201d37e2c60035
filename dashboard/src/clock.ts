// The gateway's time. The clock of the reader's computer may be wrong: a list of the last 15 minutes would then be empty, and a
// time such as "in 4 min" would be false.

/** The milliseconds by which the gateway's clock is ahead of the clock here. */
let ahead = 0;
/** Clocks that differ less than this are the same. A header has whole seconds. */
const SAME = 2000;

/** The gateway's time, in milliseconds since 1970. */
export const time = (): number => Date.now() + ahead;

/**
 * Learns from the header `date` of an answer, and from the times here at which its request began and its answer came. The
 * gateway wrote the date between the two. So the answer proves by how much the clocks differ at least.
 */
export function learn(date: string | null, began: number, ended: number): void {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const [least, most] = [told - ended, told + 1000 - began];
  ahead = least > SAME ? least : most < -SAME ? most : 0;
}
