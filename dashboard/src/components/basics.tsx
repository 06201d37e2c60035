// The smallest parts: texts from outside, times, states, buttons that copy, and what stands in place of data.

import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { ApiError, State } from "../api.ts";
import { relative, shown, stamp, words } from "../format.ts";
import { now, say } from "../state.ts";
import { Icon, type IconName } from "./icon.tsx";

/** A text from outside: isolated, so that it changes neither the order nor the look of the text around it. */
export function Text({
  text,
  mono = false,
  empty = "–",
}: {
  text: string | null | undefined;
  mono?: boolean;
  empty?: string;
}) {
  if (text === null || text === undefined || text === "") return <span class="muted">{empty}</span>;
  const visible = shown(text);
  return (
    <bdi class={mono ? "mono" : undefined} dir={mono ? "ltr" : "auto"} title={visible}>
      {visible}
    </bdi>
  );
}

/** A time as a person thinks of it; the exact time on hover. */
export function Time({ at, empty = "–" }: { at: string | null | undefined; empty?: string }) {
  if (!at) return <span class="muted">{empty}</span>;
  return (
    <time dateTime={at} title={stamp(at)}>
      {relative(at, now.value)}
    </time>
  );
}

const TONES: Record<State, string> = {
  delivered: "good",
  dead: "bad",
  retrying: "warn",
  waiting: "info",
  paused: "info",
  filtered: "neutral",
};

/** The state of a delivery, by a word and by a colour. */
export function StateBadge({ state }: { state: State }) {
  return <Badge tone={TONES[state]}>{words(state)}</Badge>;
}

export function Badge({ tone = "neutral", children }: { tone?: string | undefined; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

/** The status of an HTTP answer. */
export function Status({ status }: { status: number | null | undefined }) {
  if (status === null || status === undefined) return <span class="muted">–</span>;
  const tone = status < 300 ? "good" : status < 400 || status === 429 ? "warn" : "bad";
  return <span class={`status ${tone}`}>{status}</span>;
}

export function Button(props: {
  children: ComponentChildren;
  onClick?: () => void;
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: IconName;
  disabled?: boolean;
  type?: "button" | "submit";
  label?: string;
  hint?: string;
}) {
  const { children, onClick, kind = "plain", icon, disabled = false, type = "button", label, hint } = props;
  return (
    <button type={type} class={`button ${kind}`} onClick={onClick} disabled={disabled} aria-label={label} title={hint}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that copies a text. */
export function Copy({ text, label, children }: { text: () => string; label: string; children?: ComponentChildren }) {
  const done = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      done.value = true;
      setTimeout(() => (done.value = false), 1500);
    } catch {
      say("bad", "The browser does not allow copying here.");
    }
  };
  const icon = <Icon name={done.value ? "check" : "copy"} />;
  if (children === undefined) {
    return (
      <button type="button" class="copy" onClick={copy} aria-label={label} title={label}>
        {icon}
      </button>
    );
  }
  return (
    <button type="button" class="button plain" onClick={copy} title={label}>
      {icon}
      {done.value ? "Copied" : children}
    </button>
  );
}

/** What stands in place of an empty list. */
export function Empty({
  title,
  icon = "inbox",
  children,
}: {
  title: string;
  icon?: IconName;
  children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** What stands in place of data that could not be read, or above data that is old. */
export function Failure({ error, again, isOld = false }: { error: ApiError; again: () => void; isOld?: boolean }) {
  const message = shown(error.message, 600);
  if (error.isOff) {
    return (
      <Empty title="This is switched off" icon="off">
        <p>{message}</p>
        <p>
          Bind a D1 database as <code>LOG</code> in <code>wrangler.toml</code>, and deploy again:{" "}
          <code>make deploy</code>.
        </p>
      </Empty>
    );
  }
  if (isOld) {
    return (
      <div class="notice warn" role="status">
        <Icon name="warning" />
        <span>These numbers are old: {message || shown(error.title)}</span>
        <Button kind="quiet" onClick={again}>
          Try again
        </Button>
      </div>
    );
  }
  return (
    <Empty title={shown(error.title)} icon="warning">
      <p role="alert">{message}</p>
      <Button onClick={again}>Try again</Button>
    </Empty>
  );
}

/** What went wrong with a change. */
export function Problem({ text, most }: { text: string; most?: number }) {
  if (!text) return null;
  return (
    <p class="problem" role="alert">
      {shown(text, most)}
    </p>
  );
}

/** A choice that is on or off. */
export function Tick({ value, children }: { value: Signal<boolean>; children: ComponentChildren }) {
  return (
    <label class="tick">
      <input
        type="checkbox"
        checked={value.value}
        onChange={(event) => (value.value = event.currentTarget.checked)}
      />
      {children}
    </label>
  );
}

/** Says that numbers before a time are not complete. */
export function Partial({ before }: { before: string | null | undefined }) {
  if (!before) return null;
  return (
    <p class="notice warn spaced">
      <Icon name="warning" />
      <span>
        The numbers before {stamp(before)} are not complete: one call does not read so many. Choose a shorter time.
      </span>
    </p>
  );
}

/** Grey bars, while the first data is read. */
export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} />
      ))}
    </div>
  );
}

/** The head of a view. */
export function Head({
  title,
  about,
  children,
}: {
  title: ComponentChildren;
  about?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <header class="head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {about && <p>{about}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}

export function Panel(props: {
  title: string;
  id?: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  flush?: boolean;
}) {
  const { title, id, aside, children, flush = false } = props;
  return (
    <section id={id} class={flush ? "panel flush" : "panel"} aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {aside}
      </div>
      <div class="panel-body">{children}</div>
    </section>
  );
}

/** Choices of which one is taken, such as a span of time. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (T | [T, string])[];
  onPick: (value: T) => void;
}) {
  const { label, value, options, onPick } = props;
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map((option) => {
        const [name, text] = typeof option === "string" ? [option, option] : option;
        return (
          <button key={name} type="button" aria-pressed={name === value} onClick={() => onPick(name)}>
            {text}
          </button>
        );
      })}
    </div>
  );
}

export function Select(props: {
  label: string;
  value: string;
  options: [string, string][];
  onPick: (value: string) => void;
}) {
  const { label, value, options, onPick } = props;
  return (
    <select class="select" aria-label={label} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
      {options.map(([name, text]) => (
        <option key={name} value={name}>
          {shown(text)}
        </option>
      ))}
    </select>
  );
}
