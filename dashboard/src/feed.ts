// A list that is read again and again. Rows do not move under the reader's eyes: new rows wait until the reader asks for
// them, and known rows are replaced in place. The list stays bounded, and no row is left out silently. Pure.

/** The most rows that are kept. */
export const MOST_ROWS = 500;

export interface Page<T> {
  rows: T[];
  /** The cursor of the rows after these. `null` after the last page. */
  next: string | null;
}

export interface Feed<T> {
  rows: T[];
  /** The cursor of the rows after `rows`. */
  next: string | null;
  /** New rows, the newest first, which are not shown yet. */
  fresh: T[];
  /** The newest first page. */
  latest: Page<T>;
  /** Whether rows between `fresh` and `rows` are not known, because too many came at once. */
  hasGap: boolean;
}

/** The feed of a first page. */
export function begin<T>(page: Page<T>): Feed<T> {
  return { rows: page.rows, next: page.next, fresh: [], latest: page, hasGap: false };
}

/** The feed after a new reading of its first page. */
export function reread<T extends { id: string }>(feed: Feed<T>, page: Page<T>): Feed<T> {
  if (feed.rows.length === 0) {
    // One call looks at so many rows only. The reader may have looked further back, and found nothing.
    const isFurther = page.rows.length === 0 && feed.latest.next !== null;
    return { ...begin(page), next: isFurther ? feed.next : page.next };
  }
  const newer = new Map(page.rows.map((row) => [row.id, row]));
  const patch = (row: T) => newer.get(row.id) ?? row;
  const known = new Set([...feed.rows, ...feed.fresh].map(({ id }) => id));
  const arrived = page.rows.filter(({ id }) => !known.has(id));
  const fresh = [...arrived, ...feed.fresh.map(patch)];
  const isApart = arrived.length === page.rows.length && page.next !== null;
  const hasGap = feed.hasGap || isApart || fresh.length > MOST_ROWS;
  return { ...feed, rows: feed.rows.map(patch), fresh: hasGap ? page.rows : fresh, latest: page, hasGap };
}

/** The feed with its new rows on top. It begins anew if it has a gap or would be too long. */
export function admit<T>(feed: Feed<T>): Feed<T> {
  const rows = [...feed.fresh, ...feed.rows];
  if (feed.hasGap || rows.length > MOST_ROWS) return begin(feed.latest);
  return { ...feed, rows, fresh: [] };
}

/** The feed with an older page at its end. */
export function extend<T extends { id: string }>(feed: Feed<T>, page: Page<T>): Feed<T> {
  const known = new Set([...feed.rows, ...feed.fresh].map(({ id }) => id));
  return { ...feed, rows: [...feed.rows, ...page.rows.filter(({ id }) => !known.has(id))], next: page.next };
}

/** The milliseconds until the next reading: slower after failures. `null` while the page is hidden. */
export function nextReading(every: number, failures: number, hidden: boolean): number | null {
  return hidden ? null : Math.min(every * 2 ** Math.min(failures, 5), 60_000);
}
