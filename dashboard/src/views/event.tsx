// One event: what happened to it and why, its head and its body, and how to send it again.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, part, type EventDetail } from "../api.ts";
import { bodyOf, whereBodyIs, withBody } from "../body.ts";
import { BodyView, Headers } from "../components/body.tsx";
import { Button, Copy, Failure, Loading, Problem, StateBadge, Status, Text, Time } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { curlOf } from "../curl.ts";
import { bytes, duration, millis, relative, stamp, withLocalTimes, words } from "../format.ts";
import { useKeys } from "../keys.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { useSending } from "../sending.ts";
import { api, mayWrite, now, say } from "../state.ts";
import { Forget } from "./forget.tsx";
import { timelineOf, type Moment } from "../timeline.ts";

export function EventPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const isAsking = useSignal(false);
  // The body is read once: it may have a MiB, and never changes.
  const whole = useRef<EventDetail | undefined>(undefined);
  const load = async (signal: AbortSignal) => {
    const before = whole.current;
    const path = `events/${part(id)}`;
    if (before) return withBody(await api().get<EventDetail>(path, { body: "false" }, signal), before);
    return (whole.current = await api().get<EventDetail>(path, {}, signal));
  };
  const loaded = useLoaded(id, load, 3000);
  const event = loaded.value.value;
  const error = loaded.error.value;
  useKeys({ r: () => event && mayWrite() && (isAsking.value = true) });
  useEffect(() => document.getElementById("event-title")?.focus(), [id]);
  return (
    <aside class="split-panel" aria-label="Event">
      <div class="panel-bar">
        <h2 id="event-title" tabIndex={-1}>
          {event ? <Text text={event.type} empty="No type" /> : "Event"}
        </h2>
        {event && mayWrite() && (
          <Button kind="primary" icon="replay" hint="r" onClick={() => (isAsking.value = true)}>
            Replay
          </Button>
        )}
        <button type="button" class="copy" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {error &&
        !event &&
        (error.status === 404 ? (
          <Failure
            error={new ApiError(404, "No such event", "The log does not have it, or not anymore.")}
            again={loaded.again}
          />
        ) : (
          <Failure error={error} again={loaded.again} />
        ))}
      {!event && !error && <Loading />}
      {event && <Detail event={event} />}
      {event && isAsking.value && (
        <Replay event={event} onClose={() => (isAsking.value = false)} onSent={loaded.again} />
      )}
    </aside>
  );
}

function Detail({ event }: { event: EventDetail }) {
  const body = bodyOf(event);
  return (
    <div class="detail-body">
      <div class={`why ${event.state}`}>
        <div>
          <StateBadge state={event.state} />
          {event.status !== null && <Status status={event.status} />}
          {event.reason && <span class="muted">{words(event.reason)}</span>}
        </div>
        <p>
          <Text text={withLocalTimes(event.why)} />
        </p>
      </div>
      <section aria-label="Time line">
        <h3>Time line</h3>
        <Timeline moments={timelineOf(event)} />
      </section>
      <section aria-label="About the event">
        <h3>About</h3>
        <dl class="facts">
          <dt>Source</dt>
          <dd>
            <a href={href("sources", event.source)}>
              <Text text={event.source} />
            </a>{" "}
            <span class="muted">{event.provider}</span>
          </dd>
          <dt>Provider’s id</dt>
          <dd>
            <Text text={event.event_id} mono />
            <Copy text={() => event.event_id} label="Copy the provider’s id" />
          </dd>
          <dt>Received</dt>
          <dd>
            {stamp(event.received)}{" "}
            <span class="muted">
              (<Time at={event.received} />)
            </span>
          </dd>
          <dt>Destination</dt>
          <dd>
            <Text text={event.destination} mono />
          </dd>
          <dt>Key</dt>
          <dd>
            <Text text={event.key} mono />
            <Copy text={() => event.key} label="Copy the key" />
            {mayWrite() && <Forget event={event} />}
          </dd>
          <dt>Trace</dt>
          <dd>
            <Text text={event.trace} mono />
            {event.trace && <Copy text={() => event.trace ?? ""} label="Copy the trace’s id" />}
          </dd>
          <dt>Duplicates</dt>
          <dd>{event.duplicates === 0 ? <span class="muted">None came</span> : event.duplicates}</dd>
          <dt>Size</dt>
          <dd>{bytes(event.bytes)}</dd>
        </dl>
      </section>
      <section aria-label="Body">
        <div class="section-head">
          <h3>Body</h3>
          <Copy
            label="Copy as curl"
            text={() => curlOf(event.destination ?? "https://localhost/", event.headers, body, event.key)}
          >
            Copy as curl
          </Copy>
        </div>
        {body === null ? (
          <p class="muted quiet-text">{whereBodyIs(event)}</p>
        ) : (
          <BodyView body={body} digestOf={event.id} />
        )}
        {body !== null && event.kept === "bucket" && (
          <p class="muted quiet-text">This body is in R2, as long as the log keeps the event.</p>
        )}
        {body !== null && event.kept === "redacted" && (
          <p class="muted quiet-text">Parts of this body were withheld by the source’s rules.</p>
        )}
      </section>
      <section aria-label="Headers">
        <h3>Headers</h3>
        <Headers headers={event.headers} />
      </section>
    </div>
  );
}

function Timeline({ moments }: { moments: Moment[] }) {
  return (
    <ol class="timeline">
      {moments.map((moment, at) => (
        <li key={at} class={moment.tone}>
          <div>
            <b>{moment.title}</b>
            {moment.status !== undefined && moment.status !== null && <Status status={moment.status} />}
            {moment.ms !== undefined && <span class="muted">{millis(moment.ms)}</span>}
            <span class="grow" />
            {moment.gap !== undefined && moment.gap >= 1000 && moment.tone !== "next" && (
              <span class="gap muted">{duration(moment.gap / 1000)} later</span>
            )}
            {moment.at && (
              <time dateTime={moment.at} title={stamp(moment.at)}>
                {moment.tone === "next" ? nextText(moment.at) : stamp(moment.at).slice(5)}
              </time>
            )}
          </div>
          {moment.detail && (
            <p>
              <Text text={moment.detail} />
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

const nextText = (at: string): string => (Date.parse(at) > now.value ? relative(at, now.value) : "due");

function Replay({ event, onClose, onSent }: { event: EventDetail; onClose: () => void; onSent: () => void }) {
  const isUnderWay = ["waiting", "retrying", "paused"].includes(event.state);
  const { isBusy, problem, run } = useSending(async () => {
    await api().post(`events/${part(event.id)}/replay`);
    say("good", "The event is in the queue again.");
    onSent();
    onClose();
  });
  return (
    <Dialog title="Replay this event?" onClose={onClose}>
      <p>
        The exact bytes go to <Text text={event.destination ?? event.source} mono /> again, with the same idempotency
        key.
      </p>
      {event.delivered && (
        <p class="notice warn">
          <Icon name="warning" />
          <span>
            It was delivered {relative(event.delivered, now.value)}. A destination without idempotency does its work
            twice.
          </span>
        </p>
      )}
      {isUnderWay && (
        <p class="notice warn">
          <Icon name="warning" />
          <span>It is still on its way. It may come twice if both attempts are made at the same time.</span>
        </p>
      )}
      <Problem text={problem.value} />
      <DialogFoot onClose={onClose}>
        <Button kind="primary" disabled={isBusy.value} onClick={() => void run()}>
          {isBusy.value ? "Sending…" : "Replay"}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
