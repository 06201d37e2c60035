// What more than one view reads, and the spans of time of the numbers.

import type { Source, Stats } from "./api.ts";
import { time } from "./clock.ts";
import { api } from "./state.ts";

/** How far back the numbers go: the seconds of each span, and the step of its columns. */
export const SPANS = {
  "15m": [900, "1m"],
  "1h": [3600, "1m"],
  "6h": [21_600, "6m"],
  "24h": [86_400, "30m"],
  "7d": [604_800, "3h"],
} as const;
export type Span = keyof typeof SPANS;
export const spanOf = (text: string | null): Span =>
  text !== null && Object.hasOwn(SPANS, text) ? (text as Span) : "24h";

/** The numbers of a span of time, up to now. */
export function readStats(span: Span) {
  const [seconds, step] = SPANS[span];
  return (signal: AbortSignal) => {
    const since = new Date(time() - seconds * 1000).toISOString();
    return api().get<Stats>("stats", { since, step }, signal);
  };
}

/** Every source. */
export const readSources = (signal: AbortSignal) => api().get<{ sources: Source[] }>("sources", {}, signal);
