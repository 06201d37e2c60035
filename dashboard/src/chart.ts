// The numbers of a chart: columns over time, stacked, with a round scale. Pure.

import type { Stats, StatsPoint } from "./api.ts";

export interface Column {
  /** Milliseconds since 1970. */
  at: number;
  /** One value for each series. */
  values: number[];
}

/** A column for each step, also for those without numbers, of `measure` summed over the sources of a point. */
export function columnsOf(
  stats: Stats,
  series: readonly string[],
  measure: (point: StatsPoint, name: string) => number,
): Column[] {
  const step = stats.step_seconds * 1000;
  const first = Math.floor(Date.parse(stats.since) / step) * step;
  const last = Date.parse(stats.until);
  const columns: Column[] = [];
  for (let at = first; at < last && columns.length < 1000; at += step)
    columns.push({ at, values: series.map(() => 0) });
  for (const point of stats.points) {
    const column = columns[Math.floor((Date.parse(point.at) - first) / step)];
    if (!column) continue;
    series.forEach((name, index) => {
      column.values[index] = (column.values[index] ?? 0) + measure(point, name);
    });
  }
  return columns;
}

export const sum = (values: number[]): number => values.reduce((all, one) => all + one, 0);

/** The end of a scale of at least `largest`: 1, 2 or 5 times a power of ten, in whole numbers. */
export function roundUp(largest: number): number {
  if (largest <= 4) return Math.max(1, Math.ceil(largest));
  const power = 10 ** Math.floor(Math.log10(largest));
  return ([1, 2, 5, 10].find((times) => largest <= times * power) ?? 10) * power;
}

/** The counts of a table, added up by name, the largest first. */
export function ranked(tables: Record<string, number>[]): [string, number][] {
  const all = new Map<string, number>();
  for (const table of tables) {
    for (const [name, number] of Object.entries(table)) all.set(name, (all.get(name) ?? 0) + number);
  }
  return [...all].filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}
