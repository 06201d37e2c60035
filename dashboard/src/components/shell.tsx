// The frame of the page: the places to go, who is signed in, and short messages.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Caller } from "../api.ts";
import { shown, words, zone } from "../format.ts";
import { href, type View } from "../router.ts";
import { messages, route, signOut } from "../state.ts";
import { Text } from "./basics.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** Where a person can go. A view that is not here is reached from another one. */
const PLACES: { view: View & IconName; group: number }[] = [
  { view: "overview", group: 0 },
  { view: "events", group: 0 },
  { view: "dead-letters", group: 0 },
  { view: "refused", group: 0 },
  { view: "sources", group: 1 },
  { view: "destinations", group: 1 },
  { view: "alerts", group: 2 },
  { view: "audit", group: 2 },
];

export const titleOf = (view: View): string => words(view.replace("-", "_"));

export function Shell({
  caller,
  hasToken,
  children,
}: {
  caller: Caller;
  hasToken: boolean;
  children: ComponentChildren;
}) {
  const isOpen = useSignal(false);
  const { view } = route.value;
  useEffect(() => {
    isOpen.value = false;
    document.title = `${titleOf(view)} · hookgate`;
  }, [view]);
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <div class="topbar">
        <span class="brand">
          <Mark />
          hookgate
        </span>
        <button
          type="button"
          class="copy menu"
          aria-label="Menu"
          aria-expanded={isOpen.value}
          aria-controls="places"
          onClick={() => (isOpen.value = !isOpen.value)}
        >
          <Icon name={isOpen.value ? "close" : "menu"} />
        </button>
      </div>
      <nav id="places" class={isOpen.value ? "places open" : "places"} aria-label="Views">
        {[0, 1, 2].map((group) => (
          <ul key={group}>
            {PLACES.filter((place) => place.group === group).map((place) => (
              <li key={place.view}>
                <a href={href(place.view)} aria-current={view === place.view ? "page" : undefined}>
                  <Icon name={place.view} />
                  {titleOf(place.view)}
                </a>
              </li>
            ))}
          </ul>
        ))}
        <div class="who">
          <Text text={caller.name} />
          <span>
            {caller.kind === "read" ? "May only read" : "May change things"} · {caller.version}
          </span>
          <span>Times in {shown(zone())}</span>
          {hasToken && (
            <button type="button" class="button quiet" onClick={() => signOut()}>
              <Icon name="out" />
              Sign out
            </button>
          )}
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Messages />
    </div>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 7v18M23 7v18M9 16h8a6 6 0 0 1 6 6" />
    </svg>
  );
}

export function Messages() {
  return (
    <div class="messages" role="status" aria-live="polite">
      {messages.value.map(({ id, tone, text }) => (
        <p key={id} class={tone}>
          <Icon name={tone === "good" ? "check" : "warning"} />
          {text}
        </p>
      ))}
    </div>
  );
}
