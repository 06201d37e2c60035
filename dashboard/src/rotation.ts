// The rotation of a source's secret: how far it is, and what follows. Pure.

import type { SecretUse, Source } from "./api.ts";

export interface Step {
  title: string;
  /** What to do, or what shows that it is done. */
  text: string;
  /** A command to copy. */
  command?: string;
  status: "done" | "now" | "later";
}

export interface Rotation {
  old: string;
  next: string;
  /** In one sentence: where the rotation stands. */
  state: string;
  tone: "good" | "warn" | "info";
  steps: Step[];
}

/** The hours after which a secret without a match is unused. A provider that retries for longer has more. */
const QUIET = 72 * 3_600_000;

/** The name of the secret after `name`: `BILLING_SECRET`, `BILLING_SECRET_2`, `BILLING_SECRET_3`. */
export function nameAfter(name: string, taken: readonly string[] = []): string {
  const [, stem = name, number = "1"] = /^(.*?)_(\d{1,3})$/.exec(name) ?? [];
  let next = Number(number) + 1;
  while (taken.includes(`${stem}_${next}`)) next += 1;
  return `${stem}_${next}`;
}

/** The name of the first secret of a source. */
export const secretName = (source: string): string => `${source.toUpperCase().replace(/[^A-Z0-9]/g, "_")}_SECRET`;

/** Which of two or more secrets is the old one, and which the new one. The guide appends the new one. */
function pairOf(secrets: readonly SecretUse[]): [SecretUse, SecretUse] | null {
  const last = secrets.at(-1);
  if (secrets.length < 2 || !last) return null;
  const unused = secrets.find(({ state }) => state === "unused");
  const never = secrets.find(({ state }) => state === "never_matched");
  const isIn = (one: SecretUse) => (other: SecretUse) => other !== one && other.state === "in_use";
  const used = unused && secrets.findLast(isIn(unused));
  if (unused && used) return [unused, used];
  const proven = never && secrets.find(isIn(never));
  if (never && proven) return [proven, never];
  const first = secrets.find((one) => one !== last);
  return first ? [first, last] : null;
}

/** How far the rotation is. `null` for a source without a secret. */
export function rotationOf(source: Source, day: (at: number) => string): Rotation | null {
  const { name, secrets } = source;
  const first = secrets[0];
  if (!first) return null;
  const pair = pairOf(secrets);
  const old = pair?.[0] ?? first;
  const next = pair?.[1].secret ?? nameAfter(first.secret, [first.secret]);
  const isStored = pair !== null;
  const isUsed = pair?.[1].state === "in_use";
  const isQuiet = isUsed && old.state === "unused";
  const others = secrets.map(({ secret }) => secret).filter((secret) => secret !== old.secret && secret !== next);
  const listed = (names: string[]) => `secrets = [${names.map((one) => JSON.stringify(one)).join(", ")}]`;
  const status = (isDone: boolean, isNow: boolean): Step["status"] => (isDone ? "done" : isNow ? "now" : "later");
  const steps: Step[] = [
    {
      title: "Store the new secret",
      text: "If the provider makes the secret, make it there first, and let both be valid for as long as it allows.",
      command: `wrangler secret put ${next}`,
      status: status(isStored, true),
    },
    {
      title: "Name both secrets, and deploy",
      text: `In [vars.SOURCES.${name}] of wrangler.toml. A request that either of them proves is accepted.`,
      command: `${listed([old.secret, ...others, next])}\n# then: make deploy`,
      status: status(isStored, false),
    },
    {
      title: "Change the secret at the provider",
      text: "From then on the provider signs with the new secret. Retries may still have the old signature.",
      status: status(isUsed, isStored),
    },
    {
      title: `Wait until ${next} is in use, and ${old.secret} is unused`,
      text: waitingText(old, pair?.[1], isQuiet, day),
      status: status(isQuiet, isUsed),
    },
    {
      title: `Delete ${old.secret}`,
      text: "Remove its name first, and deploy. A source whose secret is missing answers 500.",
      command: `${listed([...others, next])}\n# then: make deploy\nwrangler secret delete ${old.secret}`,
      status: status(false, isQuiet),
    },
  ];
  return { old: old.secret, next, steps, ...summary(old, pair?.[1], isQuiet) };
}

function summary(old: SecretUse, next: SecretUse | undefined, isQuiet: boolean): Pick<Rotation, "state" | "tone"> {
  if (!next) return { tone: "info", state: `One secret is configured: ${old.secret}.` };
  if (isQuiet) return { tone: "good", state: `${next.secret} is in use. ${old.secret} is unused: safe to delete.` };
  if (next.state === "in_use")
    return { tone: "info", state: `${next.secret} is in use. Keep ${old.secret} until it is unused.` };
  if (next.state === "never_matched")
    return { tone: "warn", state: `${next.secret} never matched. Keep ${old.secret}: the provider still signs with it.` };
  return { tone: "info", state: `No request shows yet whether ${next.secret} is used. Keep ${old.secret}.` };
}

function waitingText(
  old: SecretUse,
  next: SecretUse | undefined,
  isQuiet: boolean,
  day: (at: number) => string,
): string {
  if (!next) return "This page shows both. Unused means: no match for at least 72 h, while the other secret matched.";
  if (isQuiet) return `${old.secret}: ${old.text}.`;
  if (next.state !== "in_use") return `${next.secret}: ${next.text}.`;
  if (!old.last_matched) return `${old.secret}: ${old.text}.`;
  const from = day(Date.parse(old.last_matched) + QUIET);
  return `${old.secret} must match nothing for at least 72 h: not before ${from}, and later if it matches again.`;
}
