// The filter of events, as a person types it and as the address has it. Pure.
//
// A typed filter is words: `state:dead status:5xx type:invoice.* cus_42`. A word without a name searches in the texts.

/** The names of the API's filter that a person may type. docs/openapi.json has their meaning. */
export const NAMES = ["source", "state", "type", "status", "reason", "destination", "id", "key", "verdict"] as const;
export type Name = (typeof NAMES)[number] | "text";
export type Filter = Partial<Record<Name, string>>;

export const STATES = ["waiting", "delivered", "retrying", "paused", "dead", "filtered"] as const;

/** How far back a list looks. The seconds of each. */
export const RANGES = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 } as const;
export type Range = keyof typeof RANGES;
/** The range of a list without another one. The address leaves it out. */
const USUAL: Range = "24h";

/** The range in the parameters of an address. */
export function rangeOf(params: URLSearchParams): Range {
  const text = params.get("range");
  return text !== null && Object.hasOwn(RANGES, text) ? (text as Range) : USUAL;
}

/** The range as a parameter of an address. */
export const rangeParam = (range: Range): string => (range === USUAL ? "" : range);

const CHECKS: Partial<Record<Name, [RegExp, string]>> = {
  state: [new RegExp(`^(${STATES.join("|")})(,(${STATES.join("|")}))*$`), `one of ${STATES.join(", ")}`],
  status: [/^[1-5]([0-9]{2}|xx)(,[1-5]([0-9]{2}|xx))*$/, "a status such as 503, or a class such as 5xx"],
  key: [/^[0-9a-fA-F]{64}$/, "64 hex digits"],
  verdict: [/^(accepted|filtered)$/, "accepted or filtered"],
};
const isName = (text: string): text is Name => (NAMES as readonly string[]).includes(text) || text === "text";

/** What is wrong with a value. `null` if nothing is. */
export function problemOf(name: Name, value: string): string | null {
  const [form, expected] = CHECKS[name] ?? [/./s, "a text"];
  return form.test(value) ? null : `${name}: expected ${expected}`;
}

/** Reads a typed filter. A word that cannot be used is a problem, and selects nothing. */
export function parseTyped(typed: string): { filter: Filter; problems: string[] } {
  const filter: Filter = {};
  const problems: string[] = [];
  const texts: string[] = [];
  for (const [word, name, quoted, bare] of typed.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = quoted ?? bare ?? "";
    if (name === undefined || !isName(name)) {
      // `evt:42` is a text, because ids have colons too.
      texts.push(quoted ?? word);
      continue;
    }
    const problem = problemOf(name, value);
    if (problem) problems.push(problem);
    else if (name === "text") texts.push(value);
    // A second value of a name is another choice, where the API takes a list.
    else
      filter[name] =
        filter[name] && ["source", "state", "type", "status", "reason"].includes(name)
          ? `${filter[name]},${value}`
          : value;
  }
  if (texts.length > 0) filter.text = texts.join(" ");
  return { filter, problems };
}

/** A filter as a person would type it. `parseTyped` reads it back. */
export function printTyped(filter: Filter): string {
  const quoted = (value: string) => (/[\s:]/.test(value) || value === "" ? `"${value}"` : value);
  const named = NAMES.filter((name) => filter[name] !== undefined);
  const words = named.map((name) => `${name}:${/\s/.test(filter[name]!) ? `"${filter[name]}"` : filter[name]}`);
  if (filter.text !== undefined) {
    // A text that reads like a named word is written with its name.
    const plain = parseTyped(filter.text).filter.text === filter.text;
    words.push(plain ? filter.text : `text:${quoted(filter.text)}`);
  }
  return words.join(" ");
}

/** The filter in the parameters of an address, and what is wrong with them. A value that the API would refuse is left out. */
export function fromAddress(params: URLSearchParams): { filter: Filter; problems: string[] } {
  const filter: Filter = {};
  const problems: string[] = [];
  for (const [name, value] of params) {
    if (!isName(name)) {
      if (name !== "range") problems.push(`${name}: there is no such filter`);
      continue;
    }
    const problem = value === "" ? null : problemOf(name, value);
    if (problem) problems.push(problem);
    else if (value) filter[name] = value;
  }
  const range = params.get("range");
  if (range && !Object.hasOwn(RANGES, range)) problems.push(`range: expected one of ${Object.keys(RANGES).join(", ")}`);
  return { filter, problems };
}

/** A type that a source with these `events` wants. Empty if it wants all, so that any type will do. */
export function wantedType(events: readonly string[] | null): string {
  return events?.[0]?.replace(/\*$/, "test") ?? "";
}

/** The words of a typed filter that look like a named one, and are searched as texts. */
export function unnamedIn(typed: string): string[] {
  const words = typed.matchAll(/(?:^|\s)([a-z]+):\S*/g);
  return [...words].map(([, name]) => name ?? "").filter((name) => !isName(name));
}

/** The parameters for the API. */
export function toQuery(filter: Filter, range: Range | undefined, now: number): Record<string, string> {
  const since = range && { since: new Date(now - RANGES[range] * 1000).toISOString().replace(/\.\d+Z$/, "Z") };
  return { ...(filter as Record<string, string>), ...since };
}

export const isEmpty = (filter: Filter): boolean => Object.keys(filter).length === 0;
