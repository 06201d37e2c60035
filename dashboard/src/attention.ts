// What an operator must look at now, the worst first. Pure.

import type { Alert, Caller, DestinationStats, Source, Stats } from "./api.ts";
import { duration, plural, share, words } from "./format.ts";
import { href } from "./router.ts";

export interface Concern {
  tone: "bad" | "warn" | "info";
  title: string;
  detail: string;
  href: string;
}

/** The age of a waiting event that is no ordinary retry anymore, in seconds. */
const LONG = 900;
const RANK = { bad: 0, warn: 1, info: 2 };

interface Known {
  stats?: Stats | undefined;
  sources?: Source[] | undefined;
  alerts?: Alert[] | undefined;
  caller?: Caller | undefined;
}

export function concernsOf({ stats, sources = [], alerts = [], caller }: Known): Concern[] {
  const found: Concern[] = [];
  for (const alert of alerts.filter(({ status }) => status === "open")) {
    const { rule, source, cause } = alert;
    const about = [source, cause && words(cause)].filter(Boolean).join(": ");
    found.push({
      tone: "bad",
      title: `Alert: ${words(rule)}`,
      detail: about || "Several sources",
      href: href("alerts"),
    });
  }
  for (const source of sources) {
    const link = href("sources", source.name);
    if (!source.usable) {
      found.push({
        tone: "bad",
        title: `${source.name} refuses every request`,
        detail: source.error ?? "Misconfigured",
        href: link,
      });
    }
    for (const { secret, state, text } of source.secrets) {
      if (state === "never_matched")
        found.push({ tone: "warn", title: `${source.name}: ${secret} never matched`, detail: text, href: link });
    }
  }
  if (stats) found.push(...backlogOf(stats), ...failuresOf(stats));
  for (const text of caller?.off ?? []) {
    const [binding = "", ...rest] = text.split(": ");
    found.push({ tone: "info", title: `${binding} is not bound`, detail: rest.join(": "), href: href("sources") });
  }
  return found.sort((a, b) => RANK[a.tone] - RANK[b.tone]);
}

function backlogOf({ backlog }: Stats): Concern[] {
  const found: Concern[] = [];
  for (const { source, count, oldest_seconds: age } of backlog.dead_letters) {
    const detail = `${source || "Unknown source"} · the oldest one died ${duration(age)} ago`;
    found.push({
      tone: "bad",
      title: plural(count, "dead letter"),
      detail,
      href: href("dead-letters", null, { source }),
    });
  }
  for (const { source, by, reason, configured } of backlog.paused) {
    const who = by ? `by ${by}${reason ? `: ${reason}` : ""}` : configured ? "by the configuration" : "";
    found.push({ tone: "warn", title: `${source} is paused`, detail: who, href: href("sources", source) });
  }
  for (const { source, state, count, oldest_seconds: age } of backlog.events) {
    const link = href("events", null, { source, state, range: "7d" });
    const detail = `${source} · the oldest one came ${duration(age)} ago`;
    if (state === "paused") found.push({ tone: "warn", title: `${plural(count, "event")} paused`, detail, href: link });
    else if (age >= LONG) found.push({ tone: "warn", title: `${plural(count, "event")} ${state}`, detail, href: link });
  }
  return found;
}

/** A destination that fails more than a twentieth of at least ten attempts. */
function failuresOf(stats: Stats): Concern[] {
  return stats.totals.flatMap(({ source, destinations }) =>
    Object.entries(destinations).flatMap(([url, numbers]) => {
      const { failed, all } = attemptsOf(numbers);
      if (all < 10 || failed / all < 0.05) return [];
      const detail = `${source} → ${url.replace(/^https:\/\//, "")}`;
      const link = href("events", null, { source, state: "retrying,dead" });
      return [{ tone: "warn" as const, title: `${share(failed, all)} of the attempts fail`, detail, href: link }];
    }),
  );
}

export function attemptsOf({ attempts }: DestinationStats): { failed: number; all: number } {
  const failed = attempts["3xx"] + attempts["4xx"] + attempts["5xx"] + attempts.unreachable;
  return { failed, all: failed + attempts["2xx"] };
}

/** The requests that were refused, or that failed. */
export const refusedIn = (verdicts: Record<string, number>): number =>
  (verdicts["rejected"] ?? 0) + (verdicts["failed"] ?? 0);
