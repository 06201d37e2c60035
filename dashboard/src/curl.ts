// Shell commands to copy. A text from outside must not become a command: every word is quoted. Pure.

import type { Body } from "./body.ts";

/** One word for a POSIX shell, whatever it holds. A shell's word cannot hold NUL. */
export function word(text: string): string {
  if (/^[A-Za-z0-9_./:@%+=,-]+$/.test(text)) return text;
  return `'${text.replace(/\0/g, "").replace(/'/g, `'\\''`)}'`;
}

/** The command that sends the event's head and body to `url` as hookgate would, without hookgate's signature. */
export function curlOf(url: string, headers: [string, string][], body: Body | null, key: string): string {
  const all: [string, string][] = [...headers, ["idempotency-key", key]];
  // A line break would begin another header, and a value that is a file's name would read the file.
  const lines = all.map(([name, value]) => `  -H ${word(`${name}: ${value.replace(/\p{Cc}/gu, " ")}`)} \\`);
  const head = [`curl -X POST ${word(url)} \\`, ...lines];
  // A terminal takes a pasted control character as a key, quoted or not: it may end the command and begin another.
  if (body?.text != null && !/(?!\n)\p{Cc}/u.test(body.text)) {
    return [...head, `  --data-raw ${quoted(body.text)}`].join("\n");
  }
  if (body === null) return [...head, "  --data-raw ''"].join("\n");
  const coded = btoa(Array.from(body.bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `echo ${coded} | base64 -d | ${head.join("\n")}\n  --data-binary @-`;
}

const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

/** The configuration of a new source, to copy into wrangler.toml. */
export function sourceBlock(name: string, provider: string, secret: string): string {
  return [
    `[vars.SOURCES.${name}]`,
    `provider = ${JSON.stringify(provider)}`,
    `secrets = [${JSON.stringify(secret)}]`,
  ].join("\n");
}
