// Dead letters by groups, and the part of them that a redrive selects. Pure.

/** How many letters of a source died for a reason. */
export interface Group {
  source: string;
  reason: string;
  count: number;
}

/** The groups of the first `most` letters, the largest first. */
export function oldestOf(letters: readonly { source: string; reason: string }[], most: number): Group[] {
  const groups = new Map<string, Group>();
  for (const { source, reason } of letters.slice(0, most)) {
    const key = JSON.stringify([source, reason]);
    const group = groups.get(key) ?? { source, reason, count: 0 };
    group.count += 1;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

/** The numbers of letters to choose from: a few first, then more, then all. */
export function sizesOf(all: number): number[] {
  return [...new Set([1, 10, 100, all])].filter((size) => size > 0 && size <= all).sort((a, b) => a - b);
}

/**
 * The second after the newest death of all groups, in RFC 3339. The gateway's clock has set it, so it holds whatever the
 * clock of the browser says. `undefined` without a group.
 */
export function untilOf(groups: readonly { newest: string }[]): string | undefined {
  if (groups.length === 0) return undefined;
  const newest = Math.max(...groups.map((group) => Date.parse(group.newest)));
  return new Date(newest + 1000).toISOString();
}
