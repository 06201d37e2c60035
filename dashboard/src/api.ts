// The API: its types, and the calls. docs/openapi.json has the routes; openapi.d.ts is made from it.

import type { components } from "./openapi.d.ts";
import { learn } from "./clock.ts";
import { coded } from "./router.ts";

type Schemas = components["schemas"];
export type EventSummary = Schemas["EventSummary"];
export type EventDetail = Schemas["EventDetail"];
export type EventPage = Schemas["EventPage"];
export type State = Schemas["State"];
export type Stats = Schemas["Stats"];
export type StatsPoint = Schemas["StatsPoint"];
export type SourceStats = Schemas["SourceStats"];
export type DestinationStats = Schemas["DestinationStats"];
export type Source = Schemas["Source"];
export type SecretUse = Schemas["SecretUse"];
export type Alert = Schemas["Alert"];
export type AlertList = Schemas["AlertList"];
export type AuditPage = Schemas["AuditPage"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeadLetterPage = Schemas["DeadLetterPage"];
export type LetterGroup = Schemas["DeadLetterGroup"];
export type LetterGroups = Schemas["DeadLetterGroups"];
export type RefusedSample = Schemas["RefusedSample"];
export type RefusedPage = Schemas["RefusedPage"];
export type TestReport = Schemas["TestReport"];
export type TestKind = Schemas["TestKind"];
export type Redriven = Schemas["Redriven"];
export type Caller = Schemas["Caller"];
export type DryRun = Schemas["DryRun"];
export type JobList = Schemas["JobList"];
export type Progress = Schemas["Progress"];

/** A refusal of the API (RFC 9457), or no answer: then the status is 0. */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.title = title;
  }

  /** Whether a feature is off, because a binding is missing. */
  get isOff(): boolean {
    return this.status === 501;
  }
}

/** An error as a person reads it. */
export const messageOf = (error: unknown): string =>
  error instanceof ApiError ? `${error.title}: ${error.message}` : String(error);

export type Params = Record<string, string | number | undefined>;
type Fetch = (input: string, init: RequestInit) => Promise<Response>;
/** How long a reading may take, in milliseconds. A reading without an end would leave old numbers on the page, as if new. */
const PATIENCE = 30_000;

export class Api {
  readonly #fetch: Fetch;
  /** `null`: the browser's session of Cloudflare Access. */
  readonly token: string | null;
  readonly #unauthorized: () => void;

  /** `unauthorized` is told when an answer says that the caller is not known anymore. */
  constructor(
    token: string | null,
    unauthorized: () => void = () => {},
    fetch: Fetch = (...all) => globalThis.fetch(...all),
  ) {
    this.token = token;
    this.#unauthorized = unauthorized;
    this.#fetch = fetch;
  }

  /** Reads `path` under /api. */
  async get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
    const entries = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
    const query = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
    const reading = new AbortController();
    const end = () => reading.abort();
    signal?.addEventListener("abort", end);
    const timer = setTimeout(end, PATIENCE);
    try {
      return await this.#call<T>(`/api/${path}${query ? `?${query}` : ""}`, { method: "GET", signal: reading.signal });
    } catch (error) {
      if (!reading.signal.aborted || signal?.aborted) throw error;
      throw new ApiError(0, "No answer", `The gateway did not answer within ${PATIENCE / 1000} seconds.`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }

  /** Changes something. */
  post<T>(path: string, body?: unknown): Promise<T> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.#call<T>(`/api/${path}`, { method: "POST", ...sent });
  }

  /** Removes something. */
  delete<T>(path: string, params: Record<string, string>): Promise<T> {
    return this.#call<T>(`/api/${path}?${new URLSearchParams(params).toString()}`, { method: "DELETE" });
  }

  async #call<T>(path: string, init: RequestInit): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (this.token !== null) headers["authorization"] = `Bearer ${this.token}`;
    if (init.body !== undefined) headers["content-type"] = "application/json";
    const began = Date.now();
    let answer: Response;
    try {
      // A redirect would be the sign-in page of Cloudflare Access, whose session has ended.
      const rules = {
        cache: "no-store",
        credentials: "same-origin",
        redirect: "manual",
        referrerPolicy: "no-referrer",
      } as const;
      answer = await this.#fetch(path, { ...init, ...rules, headers });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "No answer", "The gateway cannot be reached. Check your connection.");
    }
    learn(answer.headers.get("date"), began, Date.now());
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      this.#unauthorized();
      throw new ApiError(401, "Signed out", "The session has ended, or the token is not valid.");
    }
    if (!answer.ok) throw await problemIn(answer);
    return (answer.status === 204 ? null : await answer.json()) as T;
  }
}

/** One part of a path. A browser would leave the path at a part of dots, so no such part is sent. */
export function part(text: string): string {
  if (/^\.{1,2}$/.test(text)) throw new ApiError(404, "Not found", "Nothing has this name.");
  return coded(text);
}

async function problemIn(answer: Response): Promise<ApiError> {
  try {
    const { title, detail } = (await answer.json()) as { title?: unknown; detail?: unknown };
    return new ApiError(answer.status, String(title ?? `Status ${answer.status}`), String(detail ?? ""));
  } catch {
    return new ApiError(answer.status, `Status ${answer.status}`, "The gateway gave no details.");
  }
}
