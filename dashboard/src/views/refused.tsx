// Refused requests: how many, of which source, for which reason, with samples and what to do.

import { useSignal } from "@preact/signals";
import type { RefusedPage, RefusedSample } from "../api.ts";
import { bodyOf, claimedSize } from "../body.ts";
import { time } from "../clock.ts";
import { BodyView, Headers } from "../components/body.tsx";
import {
  Button,
  Choice,
  Empty,
  Failure,
  Head,
  Loading,
  Panel,
  Partial,
  Status,
  Text,
  Time,
} from "../components/basics.tsx";
import { Icon } from "../components/icon.tsx";
import { Table } from "../components/table.tsx";
import { rangeOf, rangeParam, RANGES, type Range } from "../filters.ts";
import { bytes, count, shown, stamp, withLocalTimes, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, go, route } from "../state.ts";

const SPANS: Range[] = ["1h", "6h", "24h", "7d"];

export function Refused() {
  const { params } = route.value;
  const range = rangeOf(params);
  const chosen = { source: params.get("source") ?? undefined, reason: params.get("reason") ?? undefined };
  const cursor = params.get("cursor") ?? undefined;
  const since = () => new Date(time() - RANGES[range] * 1000).toISOString();
  const counts = useLoaded(
    `counts ${range}`,
    (signal) => api().get<RefusedPage>("refused", { since: since(), limit: 1 }, signal),
    10_000,
  );
  const page = useLoaded(
    `${range} ${JSON.stringify(chosen)} ${cursor}`,
    (signal) => api().get<RefusedPage>("refused", { ...chosen, since: since(), cursor, limit: 25 }, signal),
    cursor ? 0 : 10_000,
  );
  const error = counts.error.value ?? page.error.value;
  const groups = counts.value.value?.counts ?? [];
  const samples = page.value.value?.refused;
  const open = (next: Record<string, string | undefined>) =>
    go(href("refused", null, { range: rangeParam(range), ...next }), true);
  return (
    <>
      <Head
        title="Refused"
        about="Requests that were not accepted. A forged request is counted, and a few are kept as samples."
      >
        <Choice
          label="Span of time"
          value={range}
          options={SPANS}
          onPick={(span) => open({ ...chosen, range: rangeParam(span) })}
        />
      </Head>
      {error && (
        <Failure
          error={error}
          again={() => {
            counts.again();
            page.again();
          }}
          isOld={samples !== undefined}
        />
      )}
      <Partial before={counts.value.value?.counts_partial_before} />
      {!samples && !error && <Loading />}
      {samples && groups.length === 0 && !chosen.source && !chosen.reason && samples.length === 0 && (
        <Empty title={`No request was refused within ${range}`} icon="check">
          <p>Every request was authentic, fresh and usable.</p>
        </Empty>
      )}
      {groups.length > 0 && (
        <Panel title="By source and reason" flush>
          <Table
            label="Refused requests by source and reason"
            name="refusals"
            kind="short"
            columns={["Source", "Reason", "Verdict", { number: "Requests" }]}
          >
            {groups.map(({ source, reason, verdict, count: number }) => (
              <tr
                key={source + reason + verdict}
                class={source === chosen.source && reason === chosen.reason ? "selected" : undefined}
                onClick={() => open({ source, reason })}
              >
                <td>
                  <Text text={source} empty="No such source" />
                </td>
                <td>
                  <a
                    href={href("refused", null, { source, reason, range: rangeParam(range) })}
                    onClick={(event) => event.stopPropagation()}
                  >
                    {words(reason)}
                  </a>
                </td>
                <td>{words(verdict)}</td>
                <td class="num">{count(number)}</td>
              </tr>
            ))}
          </Table>
        </Panel>
      )}
      {samples && (samples.length > 0 || chosen.source || chosen.reason) && (
        <Panel
          title="Samples"
          aside={
            (chosen.source || chosen.reason) && (
              <button type="button" class="link" onClick={() => open({})}>
                {shown([chosen.source, chosen.reason && words(chosen.reason)].filter(Boolean).join(": "), 80)} · show all
              </button>
            )
          }
          flush
        >
          {samples.length === 0 ? (
            <Empty title="No sample matches" icon="search">
              <Button onClick={() => open({})}>Show all</Button>
            </Empty>
          ) : (
            <ul class="samples">
              {samples.map((sample) => (
                <Sample key={sample.id} sample={sample} />
              ))}
            </ul>
          )}
          {page.value.value?.next && (
            <p class="end">
              <a
                class="button plain"
                href={href("refused", null, {
                  ...chosen,
                  range: rangeParam(range),
                  cursor: page.value.value.next,
                })}
              >
                Older samples
              </a>
            </p>
          )}
        </Panel>
      )}
    </>
  );
}

function Sample({ sample }: { sample: RefusedSample }) {
  const isOpen = useSignal(false);
  const body = bodyOf(sample);
  const claimed = claimedSize(sample.headers);
  return (
    <li class={isOpen.value ? "open" : undefined}>
      <button
        type="button"
        class="sample-head"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        <Icon name="next" />
        <Status status={sample.status} />
        <b>{words(sample.reason)}</b>
        <span class="detail">
          <Text text={sample.detail} />
        </span>
        <span class="muted">
          <Text text={sample.source} empty="No such source" />
        </span>
        <Time at={sample.at} />
      </button>
      {isOpen.value && (
        <div class="sample-body">
          <p class="why-text">
            <Text text={withLocalTimes(sample.why)} />
          </p>
          <dl class="facts">
            <dt>Request</dt>
            <dd>
              <Text text={`${sample.method} ${sample.path}`} mono />
            </dd>
            <dt>At</dt>
            <dd>{stamp(sample.at)}</dd>
            <dt>Size</dt>
            <dd>
              {sample.bytes === null ? (
                <span class="muted">{claimed === undefined ? "The body was not read" : `${bytes(claimed)} claimed; the body was not read`}</span>
              ) : (
                bytes(sample.bytes)
              )}
            </dd>
          </dl>
          <h3>Headers</h3>
          <Headers headers={sample.headers} />
          {body && (
            <>
              <h3>Beginning of the body</h3>
              <BodyView body={body} digestOf={sample.id} />
            </>
          )}
        </div>
      )}
    </li>
  );
}
