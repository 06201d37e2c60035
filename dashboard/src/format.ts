// Texts for people: numbers, times, sizes, and texts from outside. Pure: the time is an argument.

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** A whole number with separators; from 100,000 on, short: `1,234`, `123k`, `1.2M`. */
export function count(number: number): string {
  if (number >= 10_000_000) return `${Math.round(number / 1_000_000)}M`;
  if (number >= 1_000_000) return `${(number / 1_000_000).toFixed(1)}M`;
  if (number >= 100_000) return `${Math.round(number / 1000)}k`;
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A size in bytes: `512 B`, `1.2 kB`, `3.4 MB`. */
export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** A duration in seconds, in its two largest units: `42 s`, `5 min`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const at = UNITS.findIndex(([size]) => whole >= size);
  const [size, unit] = UNITS[at < 0 ? 3 : at]!;
  const first = `${Math.floor(whole / size)} ${unit}`;
  const next = UNITS[at + 1];
  // Seconds say nothing beside minutes, unless there are few of them.
  if (at < 0 || !next || whole >= size * 10) return first;
  const rest = Math.floor((whole % size) / next[0]);
  return rest > 0 ? `${first} ${rest} ${next[1]}` : first;
}

/** Milliseconds: `41 ms`, `1.2 s`, `2 min`. */
export function millis(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return duration(ms / 1000);
}

/** The time from `now` to `at`: `just now`, `12 s ago`, `in 4 min`. */
export function relative(at: string, now: number): string {
  const seconds = Math.round((now - Date.parse(at)) / 1000);
  if (Number.isNaN(seconds)) return at;
  if (seconds >= 0 && seconds < 3) return "just now";
  // In words of one unit: a list is read at a glance.
  const size = Math.abs(seconds);
  const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [1, "s"];
  const text = `${Math.floor(size / unit)} ${name}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

const two = (number: number) => String(number).padStart(2, "0");

/** A day and a time, in the browser's time zone: `2026-11-28 09:30:05`. */
export function stamp(at: string | number): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return String(at);
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${clock(at)}`;
}

/** A time of day, in the browser's time zone: `09:30:05`. */
export function clock(at: string | number, withSeconds = true): string {
  const time = new Date(at);
  const minutes = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return withSeconds ? `${minutes}:${two(time.getSeconds())}` : minutes;
}

/** A text of the API with its times (RFC 3339, UTC) as the rest of the page shows them. */
export function withLocalTimes(text: string): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (at) => stamp(at));
}

/** The browser's time zone, such as `Europe/Berlin`. */
export const zone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A share: `97.5 %`. A share that is not all is never printed as all. */
export function share(part: number, all: number): string {
  if (all === 0) return "–";
  const percent = (part / all) * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 99.9) return "> 99.9 %";
  if (percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(1)} %`;
}

/** A code of the log as words: `signature_mismatch` is `Signature mismatch`. */
export function words(code: string): string {
  return capital(code.replace(/_/g, " "));
}

/** A text with a capital at its beginning. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `1 event`, `2 events`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

// Characters that are invisible, or that change the order of others: a text with them may look like another text. U+FE0F
// after a picture only asks for its colours.
const HIDDEN =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
// No language stacks more marks on a letter. Hundreds of them would be painted over the lines around.
const STACKED = /(\p{M}{8})(\p{M}+)/gu;

/** A text from outside for one line: hidden characters become visible, and a long text is cut. */
export function shown(text: string, most = 300): string {
  const visible = seen(beginning(text, most), visibly);
  return text.length > most ? `${visible}…` : visible;
}

/** The same for a text of several lines, which keeps its line ends and tabs. */
export function shownLines(text: string): string {
  return seen(text, (one) => (one === "\n" || one === "\t" ? one : one === "\r" ? "" : visibly(one)));
}

/** At most `most` units of a text. A character of two units is not cut in two. */
export function beginning(text: string, most: number): string {
  const cut = text.slice(0, most);
  return text.length > most ? cut.replace(/[\ud800-\udbff]$/, "") : cut;
}

function seen(text: string, visibly: (hidden: string) => string): string {
  return text.replace(HIDDEN, visibly).replace(STACKED, (_, kept, more) => `${kept}[+${[...more].length} marks]`);
}

function visibly(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** A URL without its scheme, if the scheme is https: the rest is what tells two destinations apart. */
export function address(url: string): string {
  return shown(url.replace(/^https:\/\//, ""));
}
