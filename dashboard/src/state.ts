// What the whole page shares: who is signed in, the address, the time, and short messages.

import { signal } from "@preact/signals";
import { Api, ApiError, type Caller } from "./api.ts";
import { time } from "./clock.ts";
import { shown } from "./format.ts";
import { parse, type Route } from "./router.ts";

const KEPT = "hookgate.token";

export type Session =
  { status: "starting" } | { status: "out"; problem?: string } | { status: "in"; api: Api; caller: Caller };

export const session = signal<Session>({ status: "starting" });
export const route = signal<Route>(parse(location.hash));
/** The gateway's time, to the second. It stands still while the page is hidden. */
export const now = signal(time());
export const hidden = signal(document.hidden);

export interface Message {
  id: number;
  tone: "good" | "bad";
  text: string;
}
export const messages = signal<Message[]>([]);
let said = 0;

/** Shows a message for some seconds. */
export function say(tone: Message["tone"], text: string): void {
  said += 1;
  const id = said;
  messages.value = [...messages.value, { id, tone, text }].slice(-3);
  setTimeout(() => {
    messages.value = messages.value.filter((message) => message.id !== id);
  }, 6000);
}

/** Does `work`, and shows a message: `done`, or what went wrong. `failed` is for an error without words. */
export async function attempt(work: () => Promise<unknown>, done: string, failed: string): Promise<void> {
  try {
    await work();
    say("good", done);
  } catch (error) {
    say("bad", error instanceof ApiError ? shown(error.message || error.title) : failed);
  }
}

/** Signs in with a token, or without one by the session of Cloudflare Access. */
export async function signIn(token: string | null, keep: boolean): Promise<void> {
  if (token !== null && !/^[ -~]*$/.test(token)) {
    return signOut("A token has no such character: a quote, an accent or an invisible one. Copy the token again.");
  }
  const again = token === null ? "Load the page again." : "Sign in again.";
  const api = new Api(token, () => {
    // An answer to an earlier session may come late.
    if (session.value.status === "in" && session.value.api === api) signOut(`Your session has ended. ${again}`);
  });
  try {
    const caller = await api.get<Caller | null>("caller");
    now.value = time();
    // Nobody, without Cloudflare Access: the page needs a token.
    if (caller === null) return signOut();
    if (keep && token !== null) sessionStorage.setItem(KEPT, token);
    now.value = time();
    session.value = { status: "in", api, caller };
  } catch (error) {
    signOut(problemOf(error));
  }
}

/** Asks for a token. Nothing is kept then, so nobody is signed in by loading the page again. */
export function signOut(problem?: string): void {
  sessionStorage.removeItem(KEPT);
  session.value = { status: "out", ...(problem && { problem }) };
}

function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "The gateway's answer cannot be read.";
  if (error.status === 401) return "This token is not valid here.";
  if (error.status === 404) return "The API is closed: set the secret ADMIN_TOKEN, and deploy again.";
  return shown(`${error.title}. ${error.message}`, 600);
}

/** Begins: the clock, the address, and the silent sign-in. */
export function start(): void {
  addEventListener("hashchange", () => {
    route.value = parse(location.hash);
  });
  setInterval(() => {
    if (!document.hidden) now.value = time();
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    hidden.value = document.hidden;
    now.value = time();
  });
  void signIn(sessionStorage.getItem(KEPT), false);
}

/** The API of the caller who is signed in. */
export function api(): Api {
  if (session.value.status !== "in") throw new ApiError(401, "Signed out", "Sign in first.");
  return session.value.api;
}

/** Whether the caller may change something. */
export const mayWrite = (): boolean => session.value.status === "in" && session.value.caller.kind === "write";

/** Opens an address. With `replace`, the button "back" does not come to the address before. */
export function go(hash: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", hash);
    route.value = parse(hash);
  } else location.hash = hash;
}
