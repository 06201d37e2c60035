// The body of an event: its bytes, its text, and how a person reads it. Pure.

export interface Body {
  bytes: Uint8Array;
  /** The body as text, if it is a text. */
  text: string | null;
}

/** The body of an answer of the API. `null` if the log does not have it. */
export function bodyOf(held: { body: string | null; body_base64: string | null }): Body | null {
  if (held.body !== null) return { bytes: new TextEncoder().encode(held.body), text: held.body };
  if (held.body_base64 === null) return null;
  return { bytes: Uint8Array.from(atob(held.body_base64), (one) => one.charCodeAt(0)), text: null };
}

/** What an answer of the API says of a body. */
interface Held {
  kept: string;
  body: string | null;
  body_base64: string | null;
}

/** An event that was read again without its body, with the body that was read before. A body never changes. */
export function withBody<T extends Held>(event: T, before: Held): T {
  const { kept, body, body_base64 } = before;
  return { ...event, kept, body, body_base64 };
}

/** The size of a body that its sender claims. `undefined` if it claims none. */
export function claimedSize(headers: readonly (readonly string[])[]): number | undefined {
  const [, text = ""] = headers.find(([name]) => name?.toLowerCase() === "content-length") ?? [];
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The largest body in R2 that the API shows. */
const LARGEST_SHOWN = 1024 * 1024;

/** Why the API shows no body, and where it is. */
export function whereBodyIs({ kept, bytes }: { kept: string; bytes: number }): string {
  if (kept === "bucket" && bytes > LARGEST_SHOWN)
    return "The body has more than 1 MiB, so it is not shown. It is in R2, and can be replayed.";
  if (kept === "bucket")
    return "The body is in R2, and can be replayed. It is not shown: log_bodies or redact forbids it, or R2 failed.";
  if (kept === "delivered") return "The body was in R2 until the delivery. It was deleted then, and cannot be replayed.";
  if (kept === "missing") return "The body was in R2, and is not there anymore. It cannot be replayed.";
  if (kept === "none") return "The source keeps no bodies (log_bodies).";
  return "The log has no body of this event.";
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs;

/** The deepest level that is indented. Each level of a deep document would else add more than the level before. */
const DEEPEST = 40;

/**
 * JSON with line breaks. Each token stays as it is, because parsing and printing would change large numbers, double keys
 * and escapes. At least `most` characters of a longer result.
 * `null` if the text is not JSON.
 */
export function pretty(text: string, most: number): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(TOKEN) ?? [];
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.min(depth, DEEPEST))}`;
  for (const [at, token] of tokens.entries()) {
    if (out.length > most) break;
    if (token === "{" || token === "[") {
      const isEmpty = tokens[at + 1] === "}" || tokens[at + 1] === "]";
      out += token;
      depth += 1;
      if (!isEmpty) out += line();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      const before = tokens[at - 1];
      out += before === "{" || before === "[" ? token : line() + token;
    } else if (token === ",") out += `,${line()}`;
    else if (token === ":") out += ": ";
    else out += token;
  }
  return out;
}

/** Rows of 16 bytes, in hex and as text, of at most `most` bytes. */
export function hex(bytes: Uint8Array, most = 4096): string {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = [...bytes.slice(at, Math.min(at + 16, most))];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const left = digits.slice(0, 8).join(" ").padEnd(23);
    const right = digits.slice(8).join(" ").padEnd(23);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${left}  ${right}  ${text}`);
  }
  if (bytes.length > most) rows.push(`… and ${bytes.length - most} bytes more`);
  return rows.join("\n");
}
