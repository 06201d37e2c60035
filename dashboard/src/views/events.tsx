// The events: a list that is read again and again, a typed filter that the address keeps, and the event beside the list.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { EventPage, EventSummary } from "../api.ts";
import { time } from "../clock.ts";
import {
  Button,
  Choice,
  Empty,
  Failure,
  Head,
  Loading,
  Select,
  StateBadge,
  Status,
  Text,
  Time,
} from "../components/basics.tsx";
import { Icon } from "../components/icon.tsx";
import { Table } from "../components/table.tsx";
import { admit, begin, extend, reread, type Feed, type Page } from "../feed.ts";
import {
  type Filter,
  fromAddress,
  isEmpty,
  parseTyped,
  printTyped,
  rangeOf,
  rangeParam,
  RANGES,
  type Range,
  NAMES,
  toQuery,
  unnamedIn,
} from "../filters.ts";
import { count, plural, shown, words } from "../format.ts";
import { useKeys } from "../keys.ts";
import { readSources } from "../readings.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, go, mayWrite, now, route } from "../state.ts";
import { EventPanel } from "./event.tsx";
import { BulkReplay } from "./bulk-replay.tsx";

const EVERY = 3000;
const PAGE = 50;
const VIEWS: [string, string][] = [
  ["", "All"],
  ["delivered", "Delivered"],
  ["retrying", "Retrying"],
  ["waiting", "Waiting"],
  ["paused", "Paused"],
  ["dead", "Dead"],
  ["filtered", "Filtered"],
];

export function Events() {
  const { id, params } = route.value;
  const { filter, problems } = fromAddress(params);
  const range = rangeOf(params);
  const isReplaying = useSignal(false);
  const before = useRef(id);
  useEffect(() => {
    // A closed panel gives the focus back to the row of its event.
    if (id === undefined && document.activeElement === document.body)
      document.getElementById(`event-${before.current}`)?.focus();
    before.current = id;
  }, [id]);
  const open = (next: Filter, span: Range = range) =>
    go(href("events", id, { ...next, range: rangeParam(span) }), true);
  return (
    <div class={id ? "split open" : "split"}>
      <div class="split-list">
        <Head title="Events">
          <Choice
            label="Span of time"
            value={range}
            options={Object.keys(RANGES) as Range[]}
            onPick={(span) => open(filter, span)}
          />
          {!id && (
            <a class="button plain" href={href("replay")}>
              Replays
            </a>
          )}
          {mayWrite() && problems.length === 0 && (
            <Button icon="replay" onClick={() => (isReplaying.value = true)}>
              Replay these…
            </Button>
          )}
        </Head>
        {problems.length > 0 && (
          <div class="notice warn spaced" role="alert">
            <Icon name="warning" />
            <span>
              This address has a mistake, so the list is not filtered by it: {shown(problems.join("; "), 200)}
            </span>
            <Button kind="quiet" onClick={() => open(filter)}>
              Leave it out
            </Button>
          </div>
        )}
        <Filters filter={filter} onChange={open} />
        <List
          key={`${range} ${printTyped(filter)}`}
          filter={filter}
          range={range}
          selected={id}
          onClear={() => open({}, "24h")}
        />
      </div>
      {id && <EventPanel key={id} id={id} onClose={() => go(href("events", null, paramsOf(params)))} />}
      {isReplaying.value && <BulkReplay filter={filter} range={range} onClose={() => (isReplaying.value = false)} />}
    </div>
  );
}

const paramsOf = (params: URLSearchParams): Record<string, string> => Object.fromEntries(params);

function Filters({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const typed = useSignal(printTyped(filter));
  const problems = useSignal<string[]>([]);
  const input = useRef<HTMLInputElement>(null);
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sources = useLoaded("sources", readSources, 0);
  const printed = printTyped(filter);
  // The address changed by another way than typing.
  useEffect(() => {
    if (printTyped(parseTyped(typed.value).filter) !== printed) typed.value = printed;
    problems.value = [];
  }, [printed]);
  const type = (text: string) => {
    typed.value = text;
    clearTimeout(waiting.current);
    waiting.current = setTimeout(() => {
      const read = parseTyped(text);
      problems.value = read.problems;
      if (read.problems.length === 0) onChange(read.filter);
    }, 150);
  };
  useKeys({ "/": () => input.current?.focus() });
  const unnamed = unnamedIn(typed.value);
  const set = (name: "state" | "source", value: string) => {
    const { [name]: _, ...rest } = filter;
    onChange(value ? { ...rest, [name]: value } : rest);
  };
  const names = (sources.value.value?.sources ?? []).map(({ name }) => name);
  return (
    <>
      <div class="filters">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">Filter</span>
          <input
            ref={input}
            type="search"
            value={typed.value}
            spellcheck={false}
            autocomplete="off"
            placeholder="type:invoice.* status:5xx id:evt_1, or any text"
            aria-describedby="filter-help"
            aria-invalid={problems.value.length > 0}
            onInput={(event) => type(event.currentTarget.value)}
          />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <Select
          label="Source"
          value={filter.source ?? ""}
          onPick={(source) => set("source", source)}
          options={[
            ["", "All sources"],
            ...names.map((name): [string, string] => [name, name]),
            ...(filter.source && !names.includes(filter.source)
              ? [[filter.source, filter.source] as [string, string]]
              : []),
          ]}
        />
      </div>
      <p
        id="filter-help"
        class={problems.value.length > 0 ? "problem" : unnamed.length > 0 ? "hint" : "visually-hidden"}
        role={problems.value.length > 0 ? "alert" : undefined}
      >
        {problems.value.length > 0
          ? problems.value.join(" · ")
          : `${unnamed.length > 0 ? `${shown(unnamed.join(": and "), 40)}: is searched as a text. ` : ""}The words are ${NAMES.join(", ")}, each with a colon and a value`}
      </p>
      <div class="tabs" role="group" aria-label="State">
        {VIEWS.map(([state, label]) => (
          <button
            key={state}
            type="button"
            aria-pressed={(filter.state ?? "") === state}
            onClick={() => set("state", state)}
          >
            {label}
          </button>
        ))}
        {filter.state && !VIEWS.some(([state]) => state === filter.state) && (
          <button type="button" aria-pressed="true" onClick={() => set("state", "")}>
            {filter.state.split(",").map(words).join(" or ")}
          </button>
        )}
      </div>
    </>
  );
}

function List(props: { filter: Filter; range: Range; selected: string | undefined; onClear: () => void }) {
  const { filter, range, selected, onClear } = props;
  const feed = useSignal<Feed<EventSummary>>(begin<EventSummary>({ rows: [], next: null }));
  const isReadingMore = useSignal(false);
  const looked = useRef(0);
  const read = async (signal?: AbortSignal, cursor?: string): Promise<Page<EventSummary>> => {
    const query = { ...toQuery(filter, range, time()), limit: PAGE, cursor };
    const { events, next } = await api().get<EventPage>("events", query, signal);
    return { rows: events, next };
  };
  const first = useLoaded(
    "first page",
    async (signal) => {
      const page = await read(signal);
      feed.value = reread(feed.value, page);
      return page;
    },
    EVERY,
  );
  const more = async () => {
    isReadingMore.value = true;
    try {
      feed.value = extend(feed.value, await read(undefined, feed.value.next ?? undefined));
    } catch {
      first.again();
    }
    isReadingMore.value = false;
  };
  const { rows, fresh } = feed.value;
  const at = rows.findIndex((row) => row.id === selected);
  const focused = useSignal(-1);
  const move = (by: number) => {
    const from = at >= 0 ? at : focused.value;
    const next = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
    if (!next) return;
    focused.value = rows.indexOf(next);
    if (selected) openEvent(next.id, true);
    else document.getElementById(`event-${next.id}`)?.focus();
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Escape: () => selected && go(href("events", null, paramsOf(route.value.params))),
  });
  const error = first.error.value;
  if (error && !first.value.value) return <Failure error={error} again={first.again} />;
  if (!first.value.value) return <Loading rows={12} />;
  if (rows.length === 0 && feed.value.next)
    return <NothingSoFar isBusy={isReadingMore.value} onMore={() => void more()} looked={looked} />;
  if (rows.length === 0) return isEmpty(filter) ? <NothingYet range={range} /> : <NothingMatches onClear={onClear} />;
  return (
    <>
      {error && <Failure error={error} again={first.again} isOld />}
      <div class="fresh" role="status">
        {fresh.length > 0 && (
          <button type="button" class="button primary" onClick={() => (feed.value = admit(feed.value))}>
            {feed.value.hasGap ? `More than ${count(fresh.length)} new events` : plural(fresh.length, "new event")}
          </button>
        )}
      </div>
      <Table
        label="Events"
        kind="list"
        name="events"
        columns={[
          "Received",
          "State",
          "Source",
          "Type",
          "Id",
          { number: "Status" },
          { number: "Attempts" },
          "Next attempt",
        ]}
      >
        {rows.map((row, index) => (
          <Row key={row.id} row={row} isSelected={index === at} />
        ))}
      </Table>
      <p class="end">
        {feed.value.next ? (
          <Button onClick={() => void more()} disabled={isReadingMore.value}>
            {isReadingMore.value ? "Reading…" : "Older events"}
          </Button>
        ) : (
          <span class="muted">No older events within {range}</span>
        )}
      </p>
    </>
  );
}

function openEvent(id: string, replace = false) {
  go(href("events", id, paramsOf(route.value.params)), replace);
}

function Row({ row, isSelected }: { row: EventSummary; isSelected: boolean }) {
  return (
    <tr class={isSelected ? "selected" : undefined} onClick={() => openEvent(row.id)}>
      <td class="when">
        <Time at={row.received} />
      </td>
      <td>
        <StateBadge state={row.state} />
      </td>
      <td>
        <Text text={row.source} />
      </td>
      <td class="wide">
        <a
          id={`event-${row.id}`}
          href={href("events", row.id, paramsOf(route.value.params))}
          aria-current={isSelected ? "true" : undefined}
          onClick={(event) => event.stopPropagation()}
        >
          <Text text={row.type} empty="No type" />
        </a>
      </td>
      <td class="id">
        <Text text={row.event_id} mono />
      </td>
      <td class="num">
        <Status status={row.status} />
      </td>
      <td class="num">
        {row.attempts}
        {row.duplicates > 0 && (
          <span class="muted" title={`${plural(row.duplicates, "duplicate")} came too`}>
            {" "}
            +{row.duplicates}
          </span>
        )}
      </td>
      <td>
        {row.next_attempt && Date.parse(row.next_attempt) > now.value ? (
          <Time at={row.next_attempt} />
        ) : row.next_attempt ? (
          "due"
        ) : (
          <span class="muted">–</span>
        )}
      </td>
    </tr>
  );
}

function NothingYet({ range }: { range: Range }) {
  return (
    <Empty title={`No event came within ${range}`}>
      <p>Give a provider the URL of a source, or send a test event:</p>
      <pre class="code">
        <code>{`curl -X POST ${location.origin}/webhooks/SOURCE -H 'content-type: application/json' -d '{}'`}</code>
      </pre>
      <p>
        An unsigned request is refused, and listed under <a href={href("refused")}>Refused</a>. A source's page sends a
        signed one.
      </p>
      <p>
        <a class="button primary" href={href("sources")}>
          Send a test event
        </a>
      </p>
    </Empty>
  );
}

/** The most calls that look further back by themselves. Each looks at 10,000 events or more. */
const LOOKS = 10;

/** One call looks at so many events only, so the page looks further back by itself, and then when it is asked. */
function NothingSoFar(props: { isBusy: boolean; onMore: () => void; looked: { current: number } }) {
  const { isBusy, onMore, looked } = props;
  useEffect(() => {
    if (isBusy || looked.current >= LOOKS) return;
    looked.current += 1;
    onMore();
  }, [isBusy]);
  return (
    <Empty title="No event matches so far" icon="search">
      <p>The log has older events, which were not looked at yet.</p>
      <Button onClick={onMore} disabled={isBusy}>
        {isBusy ? "Looking…" : "Look further back"}
      </Button>
    </Empty>
  );
}

function NothingMatches({ onClear }: { onClear: () => void }) {
  return (
    <Empty title="No event matches" icon="search">
      <p>
        Events exist only for the span of time that is chosen, and for as long as the log keeps them. The word id finds a
        whole id. A part of an id is found as a text, without a word.
      </p>
      <Button onClick={onClear}>Clear the filter</Button>
    </Empty>
  );
}
