// What an operator must look at now, the worst first. Pure.

import type { Alert, Caller, DestinationStats, Source, Stats } from "./api.ts";
import { count, duration, plural, share, words } from "./format.ts";
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
/** Failures of attempts before this many seconds are history. A column of the numbers may be longer. */
const RECENT = 3600;

interface Known {
  stats?: Stats | undefined;
  sources?: Source[] | undefined;
  alerts?: Alert[] | undefined;
  caller?: Caller | undefined;
  /** What could not be read, and why. Silence about it would look like health. */
  unread?: { name: string; problem: string }[];
}

export function concernsOf({ stats, sources = [], alerts = [], caller, unread = [] }: Known): Concern[] {
  let found: Concern[] = unread.map(({ name, problem }) => ({
    tone: "warn",
    title: `${name} cannot be read`,
    detail: problem,
    href: href("overview"),
  }));
  found.push(...alertsOf(alerts));
  // Refusals come last. Most of them are forged requests, which do no harm.
  const refusals = found.filter(({ title }) => title.endsWith(words("refusals")));
  found = found.filter((one) => !refusals.includes(one));
  if (stats) found.push(...failuresOf(stats));
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
    found.push(...secretsOf(source, link));
  }
  if (stats) found.push(...backlogOf(stats));
  found.push(...refusals);
  for (const { binding, without } of offOf(caller)) {
    found.push({
      tone: "info",
      title: `${binding} is not bound`,
      detail: without,
      href: href("overview", null, { off: binding }),
    });
  }
  return found.sort((a, b) => RANK[a.tone] - RANK[b.tone]);
}

/** The alerts that are not over. Those of one rule are one concern: one cause opens many of them. */
function alertsOf(alerts: Alert[]): Concern[] {
  const groups = new Map<string, Alert[]>();
  for (const alert of alerts) {
    const { rule, status } = alert;
    if (status !== "open" && status !== "acknowledged") continue;
    const key = `${status} ${rule}`;
    groups.set(key, [...(groups.get(key) ?? []), alert]);
  }
  const about = ({ source, cause, acknowledged_by: by }: Alert) => {
    const text = [source, cause && words(cause)].filter(Boolean).join(": ") || "Several sources";
    return by ? `${text} · acknowledged by ${by}` : text;
  };
  return [...groups.values()].map((group) => {
    const { rule, status } = group[0]!;
    return {
      tone: status === "open" ? "bad" : "info",
      title: group.length > 1 ? `${plural(group.length, "alert")}: ${words(rule)}` : `Alert: ${words(rule)}`,
      detail: group.map(about).join(", "),
      href: href("alerts"),
    };
  });
}

/** What a Worker writes into wrangler.toml to have a binding. The first deploy creates what it names. */
const BLOCKS: Record<string, string> = {
  LOG: '[[d1_databases]]\nbinding = "LOG"\ndatabase_name = "hookgate-log"',
  PAYLOADS: '[[r2_buckets]]\nbinding = "PAYLOADS"\nbucket_name = "hookgate-payloads"',
  REJECTS:
    '[[ratelimits]]\nname = "REJECTS"\nnamespace_id = "1001"\nsimple = { limit = 100, period = 60 } # forged requests',
};

export interface Off {
  binding: string;
  /** What does not work without it. */
  without: string;
  /** The table of wrangler.toml that turns it on. */
  block: string;
}

/** The features that are off. */
export const offOf = (caller: Caller | undefined): Off[] =>
  (caller?.off ?? []).map((text) => {
    const [binding = "", ...rest] = text.split(": ");
    return { binding, without: rest.join(": "), block: BLOCKS[binding] ?? "" };
  });

/** In a few words: whether anything is wrong. While `isReading`, nobody knows that nothing is. */
export function verdictOf(
  concerns: readonly Concern[],
  isReading = false,
): { tone: Concern["tone"] | "good"; text: string } {
  const number = (tone: Concern["tone"]) => concerns.filter((one) => one.tone === tone).length;
  const [bad, warn] = [number("bad"), number("warn")];
  const parts = [bad > 0 && plural(bad, "problem"), warn > 0 && plural(warn, "warning")].filter(Boolean);
  if (parts.length === 0 && isReading) return { tone: "info", text: "Reading the sources and the alerts" };
  if (parts.length === 0) return { tone: "good", text: "Nothing needs attention" };
  return { tone: bad > 0 ? "bad" : "warn", text: parts.join(", ") };
}

/** A secret that came, that never matched, or that can be deleted. */
function secretsOf({ name, secrets, handshake }: Source, link: string): Concern[] {
  const found: Concern[] = [];
  if (handshake === "secret_waits") {
    const detail = "Its provider has sent a secret, which is forgotten after an hour: read it and store it";
    found.push({ tone: "warn", title: `${name}: a secret waits`, detail, href: link });
  }
  if (handshake === "armed") {
    const detail = "Register its URL at the provider, which then sends the secret";
    found.push({ tone: "info", title: `${name} waits for a secret`, detail, href: link });
  }
  for (const { secret, state, text } of secrets) {
    if (state === "never_matched")
      found.push({ tone: "warn", title: `${name}: ${secret} never matched`, detail: text, href: link });
    if (state === "unused") found.push({ tone: "info", title: `${name}: delete ${secret}`, detail: text, href: link });
  }
  return found;
}

function backlogOf({ backlog }: Stats): Concern[] {
  const found: Concern[] = [];
  for (const { source, count: number, oldest_seconds: age } of backlog.dead_letters) {
    const detail = `${source || "Unknown source"} · the oldest one died ${duration(age)} ago`;
    found.push({
      tone: "bad",
      title: plural(number, "dead letter"),
      detail,
      href: href("dead-letters", null, { source }),
    });
  }
  for (const { source, by, reason, configured } of backlog.paused) {
    const who = by ? `by ${by}${reason ? `: ${reason}` : ""}` : configured ? "by the configuration" : "";
    found.push({ tone: "warn", title: `${source} is paused`, detail: who, href: href("sources", source) });
  }
  for (const { source, state, count: number, oldest_seconds: age } of backlog.events) {
    const link = href("events", null, { source, state, range: "7d" });
    const detail = `${source} · the oldest one came ${duration(age)} ago`;
    if (state === "paused") found.push({ tone: "warn", title: `${plural(number, "event")} paused`, detail, href: link });
    else if (age >= LONG) found.push({ tone: "warn", title: `${plural(number, "event")} ${state}`, detail, href: link });
  }
  return found;
}

/** A destination that now fails more than a twentieth of at least ten attempts; half of them is a problem. */
function failuresOf({ points, until, step_seconds: step }: Stats): Concern[] {
  const span = Math.max(RECENT, step);
  const found = new Map<string, { source: string; url: string; failed: number; all: number }>();
  for (const { at, source, destinations } of points) {
    if (Date.parse(at) + step * 1000 <= Date.parse(until) - span * 1000) continue;
    for (const [url, numbers] of Object.entries(destinations)) {
      const key = JSON.stringify([source, url]);
      const { failed, all } = found.get(key) ?? { failed: 0, all: 0 };
      const more = attemptsOf(numbers);
      found.set(key, { source, url, failed: failed + more.failed, all: all + more.all });
    }
  }
  return [...found.values()].flatMap(({ source, url, failed, all }) => {
    if (all < 10 || failed / all < 0.05) return [];
    return [
      {
        tone: failed / all < 0.5 ? ("warn" as const) : ("bad" as const),
        title: `${share(failed, all)} of the attempts fail`,
        detail: `${source} → ${url.replace(/^https:\/\//, "")} · ${count(failed)} of ${count(all)} in the last ${duration(span)}`,
        href: href("events", null, { source, state: "retrying,dead" }),
      },
    ];
  });
}

export function attemptsOf({ attempts }: Pick<DestinationStats, "attempts">): { failed: number; all: number } {
  const failed = attempts["3xx"] + attempts["4xx"] + attempts["5xx"] + attempts.unreachable;
  return { failed, all: failed + attempts["2xx"] };
}

/** The requests that were refused, or that failed. */
export const refusedIn = (verdicts: Record<string, number>): number =>
  (verdicts["rejected"] ?? 0) + (verdicts["failed"] ?? 0);
