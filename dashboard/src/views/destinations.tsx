// The destinations: how many attempts work, how long they take, and what waits for them.

import type { DestinationStats, Stats } from "../api.ts";
import { attemptsOf } from "../attention.ts";
import { sum } from "../chart.ts";
import { Badge, Empty, Failure, Head, Loading, Partial, Text } from "../components/basics.tsx";
import { SpanChoice } from "../components/span.tsx";
import { Table } from "../components/table.tsx";
import { count, duration, millis, share } from "../format.ts";
import { readStats, spanOf } from "../readings.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { route } from "../state.ts";

export function Destinations() {
  const span = spanOf(route.value.params.get("range"));
  const loaded = useLoaded(span, readStats(span), 10_000);
  const stats = loaded.value.value;
  const error = loaded.error.value;
  const rows =
    stats?.totals.flatMap(({ source, destinations }) =>
      Object.entries(destinations)
        .filter(([url]) => url !== "")
        .map(([url, numbers]) => ({ source, url, numbers })),
    ) ?? [];
  return (
    <>
      <Head title="Destinations" about="Where the events of the sources go.">
        <SpanChoice span={span} view="destinations" />
      </Head>
      {error && <Failure error={error} again={loaded.again} isOld={stats !== undefined} />}
      <Partial before={stats?.partial_before} />
      {!stats && !error && <Loading />}
      {stats && rows.length === 0 && (
        <Empty title={`No attempt within ${span}`} icon="destinations">
          <p>A destination is listed after the first attempt. The page of a source shows where its events go.</p>
        </Empty>
      )}
      {stats && rows.length > 0 && (
        <Table
          label="Destinations"
          kind="list"
          name="destinations"
          columns={[
            "Destination",
            "Source",
            "State",
            { number: "Attempts" },
            { number: "Worked" },
            { number: "p50" },
            { number: "p95" },
            { number: "p99" },
            { number: "Waiting" },
            { number: "Oldest" },
            { number: "Dead" },
          ]}
        >
          {rows.map((row) => (
            <Row key={row.source + row.url} {...row} stats={stats} />
          ))}
        </Table>
      )}
    </>
  );
}

function Row({
  source,
  url,
  numbers,
  stats,
}: {
  source: string;
  url: string;
  numbers: DestinationStats;
  stats: Stats;
}) {
  const { failed, all } = attemptsOf(numbers);
  const waiting = stats.backlog.events.filter((one) => one.source === source);
  const oldest = Math.max(0, ...waiting.map((one) => one.oldest_seconds));
  const { latency_ms: latency } = numbers;
  const ms = (value: number | undefined) => (value === undefined ? <span class="muted">–</span> : millis(value));
  const isPaused = stats.backlog.paused.some((one) => one.source === source);
  return (
    <tr>
      <td class="wide">
        <a href={href("events", null, { source, destination: url })}>
          <Text text={url} mono />
        </a>
      </td>
      <td>
        <a href={href("sources", source)}>
          <Text text={source} />
        </a>
      </td>
      <td>
        {isPaused ? (
          <Badge tone="info">Paused</Badge>
        ) : all === 0 ? (
          <Badge>Idle</Badge>
        ) : failed === 0 ? (
          <Badge tone="good">Healthy</Badge>
        ) : failed / all < 0.05 ? (
          <Badge tone="warn">Some failures</Badge>
        ) : (
          <Badge tone="bad">Failing</Badge>
        )}
      </td>
      <td class="num">{count(all)}</td>
      <td class="num">{share(all - failed, all)}</td>
      <td class="num">{ms(latency?.p50)}</td>
      <td class="num">{ms(latency?.p95)}</td>
      <td class="num">{ms(latency?.p99)}</td>
      <td class="num">{count(sum(waiting.map((one) => one.count)))}</td>
      <td class="num">{waiting.length > 0 ? duration(oldest) : <span class="muted">–</span>}</td>
      <td class={numbers.dead > 0 ? "num bad" : "num"}>{count(numbers.dead)}</td>
    </tr>
  );
}
