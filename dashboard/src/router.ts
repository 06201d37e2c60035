// The address after `#`: the view, the id of one thing, and parameters. Pure.
//
// The address is a fragment, so no server and no log sees a filter, and the page is one static file.

export const VIEWS = [
  "overview",
  "events",
  "dead-letters",
  "refused",
  "sources",
  "destinations",
  "alerts",
  "audit",
  "replay",
] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  /** The id or the name of one event, source, destination or job. */
  id?: string;
  params: URLSearchParams;
}

/** Reads `#/events/ID?state=dead`. An unknown view is the overview. */
export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [name = "", id] = path.split("/");
  const view = VIEWS.find((view) => view === name) ?? "overview";
  return { view, ...(id && { id: decoded(id) }), params: new URLSearchParams(query) };
}

/** Writes an address. Empty parameters are left out. */
export function href(view: View, id?: string | null, params: Record<string, string | undefined> = {}): string {
  const kept = Object.entries(params).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const query = new URLSearchParams(kept).toString();
  return `#/${view}${id ? `/${coded(id)}` : ""}${query ? `?${query}` : ""}`;
}

/** A text as one part of a path. Half a character, which has no code, becomes U+FFFD. */
export const coded = (text: string): string => encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd"));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody mistyped
  }
}
