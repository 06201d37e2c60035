// Dead letters: what was given up and why, by groups and one by one, and sending it again.

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { DeadLetter, DeadLetterPage, LetterGroup, LetterGroups } from "../api.ts";
import { Button, Empty, Failure, Head, Loading, Panel, Text, Time } from "../components/basics.tsx";
import { Table } from "../components/table.tsx";
import { bytes, count, shown } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, go, mayWrite, route } from "../state.ts";
import { RedriveMany, RedriveSome, type LetterFilter } from "./redrive.tsx";

const PAGE = 100;

export function DeadLetters() {
  const { params } = route.value;
  const filter: LetterFilter = {
    source: params.get("source") || undefined,
    reason: params.get("reason") || undefined,
  };
  const after = params.get("after") ?? undefined;
  const isAsking = useSignal<"many" | DeadLetter[] | null>(null);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const list = useLoaded(
    JSON.stringify([filter, after]),
    (signal) => api().get<DeadLetterPage>("dead-letters", { ...filter, after, limit: PAGE }, signal),
    10_000,
  );
  const groups = useLoaded("groups", (signal) => api().get<LetterGroups>("dead-letters/groups", {}, signal), 10_000);
  const letters = list.value.value?.dead_letters;
  const error = list.error.value ?? groups.error.value;
  const isFiltered = filter.source !== undefined || filter.reason !== undefined;
  // A letter may be gone since it was chosen.
  const picked = letters?.filter(({ id }) => chosen.value.has(id)) ?? [];
  const hasChanged = useRef(false);
  useEffect(() => {
    // The button that had the focus may be gone with its letter.
    if (hasChanged.current && document.activeElement === document.body) document.getElementById("main")?.focus();
    hasChanged.current = false;
  }, [letters]);
  const again = () => {
    hasChanged.current = true;
    chosen.value = new Set();
    list.again();
    groups.again();
  };
  const open = (next: LetterFilter) => go(href("dead-letters", null, { ...next }), true);
  return (
    <>
      <Head title="Dead letters" about="Events that were given up. They are kept for 30 days.">
        {mayWrite() && letters && letters.length > 0 && (
          <Button icon="replay" onClick={() => (isAsking.value = picked.length > 0 ? picked : "many")}>
            {picked.length > 0 ? `Redrive ${count(picked.length)} chosen…` : isFiltered ? "Redrive these…" : "Redrive…"}
          </Button>
        )}
      </Head>
      {error && <Failure error={error} again={again} isOld={letters !== undefined} />}
      {!letters && !error && <Loading />}
      {groups.value.value && <Groups read={groups.value.value} filter={filter} open={open} />}
      {letters?.length === 0 &&
        (isFiltered || after ? (
          <Empty title="No dead letter here" icon="search">
            <a class="button plain" href={href("dead-letters")}>
              Show all
            </a>
          </Empty>
        ) : (
          <Empty title="No dead letter" icon="check">
            <p>No event waits here. An event whose attempts run out, or that its destination refuses, comes here.</p>
          </Empty>
        ))}
      {letters && letters.length > 0 && (
        <Panel
          title="Letters"
          aside={
            isFiltered && (
              <button type="button" class="link" onClick={() => open({})}>
                {shown([filter.source, filter.reason].filter(Boolean).join(": "), 80)} · show all
              </button>
            )
          }
          flush
        >
          <Letters letters={letters} chosen={chosen} onRedrive={(letter) => (isAsking.value = [letter])} />
        </Panel>
      )}
      {letters && letters.length === PAGE && (
        <p class="end">
          <a class="button plain" href={href("dead-letters", null, { ...filter, after: letters.at(-1)?.id })}>
            Newer letters
          </a>
        </p>
      )}
      {isAsking.value === "many" && (
        <RedriveMany filter={filter} onDone={again} onClose={() => (isAsking.value = null)} />
      )}
      {isAsking.value !== null && isAsking.value !== "many" && (
        <RedriveSome letters={isAsking.value} onDone={again} onClose={() => (isAsking.value = null)} />
      )}
    </>
  );
}

function Groups(props: { read: LetterGroups; filter: LetterFilter; open: (next: LetterFilter) => void }) {
  const { read, filter, open } = props;
  if (read.groups.length === 0) return null;
  const isChosen = ({ source, reason }: LetterGroup) =>
    (filter.source !== undefined || filter.reason !== undefined) &&
    (filter.source ?? source) === source &&
    (filter.reason ?? reason) === reason;
  return (
    <Panel title="By source and reason" flush>
      <Table
        label="Dead letters by source and reason"
        kind="short"
        name="letter-groups"
        columns={["Source", "Why", { number: "Letters" }, "Oldest"]}
      >
        {read.groups.map((group) => {
          const next = { source: group.source || undefined, reason: group.reason };
          return (
            <tr
              key={group.source + group.reason}
              class={isChosen(group) ? "selected" : undefined}
              onClick={() => open(next)}
            >
              <td>
                <Text text={group.source} empty="unknown" />
              </td>
              <td class="wide">
                <a href={href("dead-letters", null, next)} onClick={(event) => event.stopPropagation()}>
                  <Text text={group.reason} />
                </a>
              </td>
              <td class="num">{count(group.count)}</td>
              <td class="when">
                <Time at={group.oldest} />
              </td>
            </tr>
          );
        })}
      </Table>
    </Panel>
  );
}

function Letters(props: {
  letters: DeadLetter[];
  chosen: Signal<ReadonlySet<string>>;
  onRedrive: (letter: DeadLetter) => void;
}) {
  const { letters, chosen, onRedrive } = props;
  const pick = (id: string, isPicked: boolean) => {
    const others = [...chosen.value].filter((one) => one !== id);
    chosen.value = new Set(isPicked ? [...others, id] : others);
  };
  return (
    <Table
      label="Dead letters"
      name="letters"
      columns={[
        ...(mayWrite() ? [{ hidden: "Choose" }] : []),
        "Died",
        "Type",
        "Source",
        "Id",
        "Why",
        { number: "Size" },
        { number: "Redrives" },
        { hidden: "Actions" },
      ]}
    >
      {letters.map((letter) => (
        <tr key={letter.id} class={chosen.value.has(letter.id) ? "selected" : undefined}>
          {mayWrite() && (
            <td class="pick">
              <input
                type="checkbox"
                aria-label={`Choose ${shown(letter.event_id, 60)}`}
                checked={chosen.value.has(letter.id)}
                onChange={(event) => pick(letter.id, event.currentTarget.checked)}
              />
            </td>
          )}
          <td class="when">
            <Time at={letter.died} />
          </td>
          <td class="wide">
            <a href={href("events", null, { key: letter.key, range: "30d" })}>
              <Text text={letter.type} empty="No type" />
            </a>
          </td>
          <td>
            <Text text={letter.source} empty="unknown" />
          </td>
          <td class="id">
            <Text text={letter.event_id} mono />
          </td>
          <td class="wide">
            <Text text={letter.reason} />
          </td>
          <td class="num">{bytes(letter.bytes)}</td>
          <td class="num">{letter.redrives}</td>
          <td class="num">
            {mayWrite() && (
              <Button
                kind="quiet"
                icon="replay"
                onClick={() => onRedrive(letter)}
                label={`Redrive ${shown(letter.event_id, 60)}`}
              >
                <span class="wide-only">Redrive</span>
              </Button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}
