// Is anything wrong? What came, what was refused, what was delivered, what waits.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AlertList, Source, SourceStats, Stats } from "../api.ts";
import { attemptsOf, concernsOf, offOf, refusedIn, verdictOf } from "../attention.ts";
import { columnsOf, ranked, sum } from "../chart.ts";
import { Chart, type Series } from "../components/chart.tsx";
import { Badge, Copy, Empty, Failure, Head, Loading, Panel, Partial, Text, Time } from "../components/basics.tsx";
import { Icon } from "../components/icon.tsx";
import { SpanChoice } from "../components/span.tsx";
import { Table } from "../components/table.tsx";
import { count, duration, millis, plural, share, shown, words } from "../format.ts";
import { readSources, readStats, spanOf, type Span } from "../readings.ts";
import { useLoaded, type Loaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, route, session } from "../state.ts";

const VERDICTS: Series[] = [
  { name: "accepted", label: "Accepted", tone: "good" },
  { name: "duplicate", label: "Duplicate", tone: "info" },
  { name: "filtered", label: "Filtered", tone: "neutral" },
  { name: "rejected", label: "Rejected", tone: "warn" },
  { name: "failed", label: "Failed", tone: "bad" },
];
const ANSWERS: Series[] = [
  { name: "2xx", label: "2xx", tone: "good" },
  { name: "3xx", label: "3xx", tone: "neutral" },
  { name: "4xx", label: "4xx", tone: "warn" },
  { name: "5xx", label: "5xx", tone: "bad" },
  { name: "unreachable", label: "No answer", tone: "dark" },
];
const VERDICT_ICONS = { good: "check", info: "search", warn: "warning", bad: "warning" } as const;
/** So many concerns are shown at first. */
const FIRST = 8;
const ofName = (table: object, name: string): number => (table as Record<string, number>)[name] ?? 0;

export function Overview() {
  const span = spanOf(route.value.params.get("range"));
  const stats = useLoaded(`stats ${span}`, readStats(span), 10_000);
  const sources = useLoaded("sources", readSources, 60_000);
  const alerts = useLoaded("alerts", (signal) => api().get<AlertList>("alerts", {}, signal), 30_000);
  const seen = stats.value.value;
  const error = stats.error.value;
  return (
    <>
      <Head title="Overview">
        <SpanChoice span={span} view="overview" />
      </Head>
      <Concerns stats={stats} sources={sources} alerts={alerts} />
      {error && <Failure error={error} again={stats.again} isOld={seen !== undefined} />}
      {!seen && !error && <Loading />}
      <Partial before={seen?.partial_before} />
      {seen && <Numbers stats={seen} span={span} sources={sources.value.value?.sources ?? []} />}
      <Off />
    </>
  );
}

function Concerns(read: {
  stats: Loaded<Stats>;
  sources: Loaded<{ sources: Source[] }>;
  alerts: Loaded<AlertList>;
}) {
  const isWhole = useSignal(false);
  const caller = session.value.status === "in" ? session.value.caller : undefined;
  const all = [
    ["The numbers", read.stats],
    ["The sources", read.sources],
    ["The alerts", read.alerts],
  ] as const;
  const unread = all.flatMap(([name, { error }]) => {
    const failure = error.value;
    // What is off is said once, by the binding that is missing.
    return failure && !failure.isOff ? [{ name, problem: failure.message || failure.title }] : [];
  });
  const isReading = all.some(([, { value, error }]) => !value.value && !error.value);
  const concerns = concernsOf({
    stats: read.stats.value.value,
    sources: read.sources.value.value?.sources,
    alerts: read.alerts.value.value?.alerts,
    caller,
    unread,
  });
  const verdict = verdictOf(concerns, isReading);
  useEffect(() => {
    const urgent = concerns.filter(({ tone }) => tone === "bad").length;
    document.title = `${urgent > 0 ? `(${urgent}) ` : ""}Overview · hookgate`;
  }, [verdict.text]);
  return (
    <section class={`concerns ${verdict.tone}`} aria-label="What needs attention">
      <p class="verdict" role="status">
        <Icon name={VERDICT_ICONS[verdict.tone]} />
        {verdict.text}
      </p>
      {concerns.length > 0 && (
        <ul>
          {concerns.slice(0, isWhole.value ? undefined : FIRST).map((concern) => (
            <li key={concern.title + concern.detail}>
              <a href={concern.href}>
                <Badge tone={concern.tone}>
                  <Text text={concern.title} />
                </Badge>
                <span class="detail">
                  <Text text={concern.detail} />
                </span>
                <Icon name="next" />
              </a>
            </li>
          ))}
          {concerns.length > FIRST && (
            <li class="more">
              <button type="button" class="link" onClick={() => (isWhole.value = !isWhole.value)}>
                {isWhole.value ? "Show less" : `Show ${concerns.length - FIRST} more`}
              </button>
            </li>
          )}
        </ul>
      )}
    </section>
  );
}

/** What is off, and how to turn it on. */
function Off() {
  const caller = session.value.status === "in" ? session.value.caller : undefined;
  const off = offOf(caller);
  const chosen = route.value.params.get("off");
  useEffect(() => {
    if (chosen) document.getElementById("off")?.scrollIntoView();
  }, [chosen]);
  if (off.length === 0) return null;
  return (
    <Panel title="Switched off" id="off">
      <ul class="secrets">
        {off.map(({ binding, without, block }) => (
          <li key={binding}>
            <div>
              <code>{shown(binding)}</code>
            </div>
            <p class="muted">Without it: {shown(without)}. To turn it on, add this to wrangler.toml, and run make deploy:</p>
            <div class="command">
              <pre class="code">
                <code>{block}</code>
              </pre>
              <Copy text={() => block} label={`Copy the block of ${shown(binding, 80)}`} />
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Numbers({ stats, span, sources }: { stats: Stats; span: Span; sources: Source[] }) {
  // Requests to /api, and to paths without a source, are no webhooks.
  const own = stats.totals.filter(({ source }) => source !== "/api");
  const verdict = (name: string) => sum(own.map(({ verdicts }) => verdicts[name] ?? 0));
  const all = sum(VERDICTS.map(({ name }) => verdict(name)));
  const refused = sum(own.map(({ verdicts }) => refusedIn(verdicts)));
  const destinations = own.flatMap((one) => Object.values(one.destinations));
  const delivered = sum(destinations.map((one) => one.delivered));
  const dead = sum(destinations.map((one) => one.dead));
  const attempts = destinations.map(attemptsOf);
  const failed = sum(attempts.map((one) => one.failed));
  const waiting = stats.backlog.events;
  const oldest = Math.max(0, ...waiting.map((one) => one.oldest_seconds));
  const reasons = ranked(own.map((one) => one.reasons));
  if (all === 0 && waiting.length === 0 && delivered === 0) return <Nothing span={span} sources={sources} />;
  return (
    <>
      <dl class="figures">
        <Figure name="Requests" value={count(all)} detail={`${count(verdict("accepted"))} accepted`} />
        <Figure
          name="Refused"
          value={count(refused)}
          tone={verdict("failed") > 0 ? "bad" : ""}
          detail={`${share(refused, all)} of the requests`}
        />
        <Figure
          name="Deliveries"
          value={count(delivered)}
          tone={dead > 0 ? "bad" : ""}
          detail={dead > 0 ? `${plural(dead, "event")} died` : "no event died"}
        />
        <Figure
          name="Failed attempts"
          value={count(failed)}
          detail={`${share(failed, sum(attempts.map((one) => one.all)))} of the attempts`}
        />
        <Figure
          name="Waiting now"
          value={count(sum(waiting.map((one) => one.count)))}
          detail={waiting.length > 0 ? `oldest: ${duration(oldest)}` : "no event waits"}
        />
      </dl>
      <Panel title="Requests">
        <Chart
          title="Requests by verdict"
          series={VERDICTS}
          stepSeconds={stats.step_seconds}
          columns={columnsOf(
            stats,
            VERDICTS.map(({ name }) => name),
            (point, name) => (point.source === "/api" ? 0 : ofName(point.verdicts, name)),
          )}
        />
      </Panel>
      <div class="columns">
        <Panel title="Attempts">
          <Chart
            title="Attempts by answer"
            series={ANSWERS}
            stepSeconds={stats.step_seconds}
            columns={columnsOf(
              stats,
              ANSWERS.map(({ name }) => name),
              (point, name) => sum(Object.values(point.destinations).map((one) => ofName(one.attempts, name))),
            )}
          />
        </Panel>
        <Panel
          title="Refusals by reason"
          aside={
            <a class="link" href={href("refused")}>
              All refused requests
            </a>
          }
        >
          {reasons.length === 0 ? (
            <p class="muted quiet-text">No request was refused.</p>
          ) : (
            <Bars rows={reasons.slice(0, 7)} />
          )}
        </Panel>
      </div>
      <Panel title="Sources" flush>
        <BySource totals={own} />
      </Panel>
    </>
  );
}

function Figure({ name, value, detail, tone = "" }: { name: string; value: string; detail: string; tone?: string }) {
  return (
    <div class={tone}>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd class="muted">{detail}</dd>
    </div>
  );
}

function Bars({ rows }: { rows: [string, number][] }) {
  const top = rows[0]?.[1] ?? 1;
  return (
    <ul class="bars">
      {rows.map(([reason, number]) => (
        <li key={reason}>
          <a href={href("refused", null, { reason })}>{words(reason)}</a>
          <span class="track" aria-hidden="true">
            <i style={{ width: `${(number / top) * 100}%` }} />
          </span>
          <b>{count(number)}</b>
        </li>
      ))}
    </ul>
  );
}

function BySource({ totals }: { totals: SourceStats[] }) {
  return (
    <Table
      label="Sources, as a table"
      columns={[
        "Source",
        { number: "Accepted" },
        { number: "Duplicate" },
        { number: "Refused" },
        { number: "Delivered" },
        { number: "Dead" },
        { number: "p50" },
        { number: "p95" },
      ]}
    >
      {totals.map(({ source, verdicts, destinations }) => {
        const all = Object.values(destinations);
        const slowest = (name: "p50" | "p95") => Math.max(-1, ...all.map((one) => one.latency_ms?.[name] ?? -1));
        const dead = sum(all.map((one) => one.dead));
        const ms = (value: number) => (value < 0 ? <span class="muted">–</span> : millis(value));
        return (
          <tr key={source}>
            <td>
              {source ? (
                <a href={href("sources", source)}>
                  <Text text={source} />
                </a>
              ) : (
                <span class="muted">No such source</span>
              )}
            </td>
            <td class="num">{count(verdicts["accepted"] ?? 0)}</td>
            <td class="num">{count(verdicts["duplicate"] ?? 0)}</td>
            <td class="num">{count(refusedIn(verdicts))}</td>
            <td class="num">{count(sum(all.map((one) => one.delivered)))}</td>
            <td class={dead > 0 ? "num bad" : "num"}>{count(dead)}</td>
            <td class="num">{ms(slowest("p50"))}</td>
            <td class="num">{ms(slowest("p95"))}</td>
          </tr>
        );
      })}
    </Table>
  );
}

/** Nothing came within the span, or nothing came ever. */
function Nothing({ span, sources }: { span: Span; sources: Source[] }) {
  const last = sources.flatMap(({ last_event }) => last_event ?? []).sort().at(-1);
  if (last) {
    return (
      <Empty title={`No request came within ${span}`} icon="search">
        <p>
          The last event came <Time at={last} />.
        </p>
        <a class="button plain" href={href("overview", null, { range: "7d" })}>
          Look at 7 days
        </a>
      </Empty>
    );
  }
  return (
    <Empty title="No request has come yet" icon="events">
      <p>Give a provider the URL of a source, or send a test event from the page of a source.</p>
      <a class="button primary" href={href("sources")}>
        Send a test event
      </a>
    </Empty>
  );
}
