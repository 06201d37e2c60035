// Dead letters: what was given up, why, and sending it again.

import { useSignal, type Signal } from "@preact/signals";
import { part, type DeadLetter, type Redriven, type Stats } from "../api.ts";
import { Button, Empty, Failure, Head, Loading, Problem, Select, Text, Time } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { Table } from "../components/table.tsx";
import { bytes, count, plural, shown } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { useSending } from "../sending.ts";
import { api, go, mayWrite, route, say } from "../state.ts";

const PAGE = 100;

export function DeadLetters() {
  const source = route.value.params.get("source") ?? "";
  const after = route.value.params.get("after") ?? undefined;
  const isAsking = useSignal<"all" | DeadLetter[] | null>(null);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const list = useLoaded(
    `${source} ${after}`,
    (signal) => api().get<{ dead_letters: DeadLetter[] }>("dead-letters", { source, after, limit: PAGE }, signal),
    10_000,
  );
  const stats = useLoaded("stats", (signal) => api().get<Stats>("stats", { step: "1d" }, signal), 30_000);
  const waiting = stats.value.value?.backlog.dead_letters ?? [];
  const letters = list.value.value?.dead_letters;
  const error = list.error.value;
  // A letter may be gone since it was chosen.
  const picked = letters?.filter(({ id }) => chosen.value.has(id)) ?? [];
  const again = () => {
    chosen.value = new Set();
    list.again();
    stats.again();
  };
  const names = [...new Set([...waiting.map((one) => one.source), ...(source ? [source] : [])])].filter(Boolean);
  return (
    <>
      <Head title="Dead letters" about="Events that were given up. They are kept for 30 days.">
        <Select
          label="Source"
          value={source}
          onPick={(picked) => go(href("dead-letters", null, { source: picked }), true)}
          options={[["", "All sources"], ...names.map((name): [string, string] => [name, name])]}
        />
        {mayWrite() && letters && letters.length > 0 && (
          <Button icon="replay" onClick={() => (isAsking.value = picked.length > 0 ? picked : "all")}>
            {picked.length > 0 ? `Redrive ${count(picked.length)} chosen…` : "Redrive…"}
          </Button>
        )}
      </Head>
      {error && <Failure error={error} again={again} isOld={letters !== undefined} />}
      {!letters && !error && <Loading />}
      {letters?.length === 0 &&
        (source || after ? (
          <Empty title="No dead letter here" icon="search">
            <a class="button plain" href={href("dead-letters")}>
              Show all
            </a>
          </Empty>
        ) : (
          <Empty title="No dead letter" icon="check">
            <p>Nothing was given up. An event whose attempts run out, or that its destination refuses, comes here.</p>
          </Empty>
        ))}
      {letters && letters.length > 0 && (
        <Letters letters={letters} chosen={chosen} onRedrive={(letter) => (isAsking.value = [letter])} />
      )}
      {letters && letters.length === PAGE && (
        <p class="end">
          <a class="button plain" href={href("dead-letters", null, { source, after: letters.at(-1)?.id })}>
            Newer letters
          </a>
        </p>
      )}
      {isAsking.value === "all" && letters && (
        <RedriveAll
          source={source}
          letters={letters}
          waiting={waiting}
          after={after}
          onDone={again}
          onClose={() => (isAsking.value = null)}
        />
      )}
      {isAsking.value !== null && isAsking.value !== "all" && (
        <RedriveSome letters={isAsking.value} onDone={again} onClose={() => (isAsking.value = null)} />
      )}
    </>
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
      kind="list"
      columns={[
        ...(mayWrite() ? [{ hidden: "Choose" }] : []),
        "Died",
        "Source",
        "Type",
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
          <td>
            <Text text={letter.source} empty="unknown" />
          </td>
          <td class="wide">
            <a href={href("events", null, { key: letter.key, range: "30d" })}>
              <Text text={letter.type} empty="No type" />
            </a>
          </td>
          <td class="wide">
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
                Redrive
              </Button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** One letter, or those that were chosen. Each is a call of its own, so the audit names each. */
function RedriveSome({ letters, onDone, onClose }: { letters: DeadLetter[]; onDone: () => void; onClose: () => void }) {
  const done = useSignal(0);
  const only = letters.length === 1 ? letters[0] : undefined;
  const { isBusy, problem, run } = useSending(async () => {
    for (const letter of letters.slice(done.value)) {
      await api().post<Redriven>(`dead-letters/${part(letter.id)}/redrive`);
      done.value += 1;
    }
    say("good", only ? "The event is in the queue again." : `${count(done.value)} events in the queue again.`);
    onDone();
    onClose();
  });
  const reasons = new Map<string, number>();
  for (const { reason } of letters) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const close = () => {
    if (done.value > 0) onDone();
    onClose();
  };
  return (
    <Dialog title={only ? "Redrive this dead letter?" : "Redrive the chosen dead letters"} onClose={close}>
      {only ? (
        <>
          <p>
            The event <Text text={only.event_id} mono /> of <Text text={only.source} empty="an unknown source" /> goes to
            its destination again, with a new number of attempts.
          </p>
          <p class="muted">
            It was given up because: <Text text={only.reason} />
          </p>
        </>
      ) : (
        <div class="dry-run" role="status">
          <p class="big">
            <b>{count(letters.length)}</b> events would be sent again
          </p>
          <ul>
            {[...reasons].map(([reason, number]) => (
              <li key={reason}>
                <b>{count(number)}</b> <Text text={reason} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {problem.value && done.value > 0 && <p>{plural(done.value, "event")} in the queue again. Then it failed:</p>}
      <Problem text={problem.value} />
      <DialogFoot onClose={close}>
        <Button kind="primary" disabled={isBusy.value} onClick={() => void run()}>
          {only ? "Redrive" : `Redrive ${count(letters.length - done.value)} events`}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

function RedriveAll(props: {
  source: string;
  after: string | undefined;
  letters: DeadLetter[];
  waiting: { source: string; count: number }[];
  onDone: () => void;
  onClose: () => void;
}) {
  const { source, after, letters, waiting, onDone, onClose } = props;
  const limit = useSignal(String(Math.min(10, letters.length)));
  const selected = letters.slice(0, Number(limit.value));
  const bySource = grouped(selected);
  const all = waiting.filter((one) => !source || one.source === source).reduce((sum, one) => sum + one.count, 0);
  const { isBusy, problem, run } = useSending(async () => {
    const { redriven, failed } = await api().post<Redriven>("dead-letters/redrive", {
      limit: Number(limit.value),
      ...(source && { source }),
      ...(after && { after }),
    });
    const left = failed > 0 ? `, ${count(failed)} failed and stay dead letters` : "";
    say("good", `${plural(redriven, "event")} in the queue again${left}.`);
    onDone();
    onClose();
  }, onDone);
  const sizes = [1, 10, 50, letters.length].filter((size) => size <= letters.length);
  return (
    <Dialog title="Redrive dead letters" onClose={onClose}>
      <div class="row">
        The oldest{" "}
        <Select
          label="How many"
          value={limit.value}
          onPick={(picked) => (limit.value = picked)}
          options={[...new Set(sizes)]
            .sort((a, b) => a - b)
            .map((size): [string, string] => [String(size), String(size)])}
        />
        <span class="muted">
          of {all > 0 ? count(Math.max(all, letters.length)) : count(letters.length)}
          {source && (
            <>
              {" "}
              of <Text text={source} />
            </>
          )}
        </span>
      </div>
      <div class="dry-run" role="status">
        <p class="big">
          <b>{count(selected.length)}</b> {selected.length === 1 ? "event" : "events"} would be sent again
        </p>
        <ul>
          {[...bySource].map(([name, some]) => (
            <li key={name}>
              <b>{count(some.length)}</b> <Text text={name} empty="unknown source" />
            </li>
          ))}
        </ul>
      </div>
      <p class="notice warn">
        <Icon name="warning" />
        <span>Redrive a few first. If the cause is not gone, they come back here.</span>
      </p>
      <Problem text={problem.value} />
      <DialogFoot onClose={onClose}>
        <Button kind="primary" disabled={isBusy.value} onClick={() => void run()}>
          Redrive {plural(selected.length, "event")}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

function grouped(letters: DeadLetter[]): Map<string, DeadLetter[]> {
  const groups = new Map<string, DeadLetter[]>();
  for (const letter of letters) groups.set(letter.source, [...(groups.get(letter.source) ?? []), letter]);
  return groups;
}
