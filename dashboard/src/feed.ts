// A list that is read again and again. Rows do not move under the reader's eyes: new rows wait until the reader asks for
// them, and known rows are replaced in place. Pure.

export interface Feed<T> {
  rows: T[];
  /** New rows, the newest first, which are not shown yet. */
  fresh: T[];
}

/** The feed after a new reading of its first page. */
export function reread<T extends { id: string }>(feed: Feed<T>, page: T[]): Feed<T> {
  const newer = new Map(page.map((row) => [row.id, row]));
  const patch = (row: T) => newer.get(row.id) ?? row;
  const known = new Set([...feed.rows, ...feed.fresh].map(({ id }) => id));
  // The page may overlap the end of the rows, if the list is shorter than a page.
  const arrived = page.filter(({ id }) => !known.has(id));
  return { rows: feed.rows.map(patch), fresh: [...arrived, ...feed.fresh.map(patch)] };
}

/** The feed with its new rows on top. */
export function admit<T>(feed: Feed<T>, most = 500): Feed<T> {
  return { rows: [...feed.fresh, ...feed.rows].slice(0, most), fresh: [] };
}

/** The feed with an older page at its end. */
export function extend<T extends { id: string }>(feed: Feed<T>, page: T[]): Feed<T> {
  const known = new Set([...feed.rows, ...feed.fresh].map(({ id }) => id));
  return { ...feed, rows: [...feed.rows, ...page.filter(({ id }) => !known.has(id))] };
}

/** The milliseconds until the next reading: slower after failures. `null` while the page is hidden. */
export function nextReading(every: number, failures: number, hidden: boolean): number | null {
  return hidden ? null : Math.min(every * 2 ** Math.min(failures, 5), 60_000);
}
