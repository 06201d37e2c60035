// Sending dead letters again: the numbers first, then the letters, in calls of at most a hundred.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { part, type DeadLetter, type DeadLetterPage, type LetterGroups, type Redriven } from "../api.ts";
import { Button, Failure, Loading, Problem, Select, Text } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { count, plural } from "../format.ts";
import { oldestOf, sizesOf, untilOf } from "../letters.ts";
import { useLoaded } from "../resource.ts";
import { useSending } from "../sending.ts";
import { api, say } from "../state.ts";

/** Which letters: those of a source, and those with a reason. */
export interface LetterFilter {
  source?: string | undefined;
  reason?: string | undefined;
}

/** The most letters of one call. */
const MOST = 100;

interface Numbers {
  /** All letters that the filter selects. */
  all: LetterGroups;
  /** The oldest of them. */
  oldest: DeadLetter[];
  /** The end of the selection. A letter that dies later is not in it. */
  until: string | undefined;
}

async function numbersOf(filter: LetterFilter, signal: AbortSignal): Promise<Numbers> {
  const all = await api().get<LetterGroups>("dead-letters/groups", { ...filter }, signal);
  const until = untilOf(all.groups);
  const list = { ...filter, until, limit: MOST };
  const { dead_letters: oldest } = await api().get<DeadLetterPage>("dead-letters", list, signal);
  return { all, oldest, until };
}

/** The letters that a filter selects, or the oldest of them. */
export function RedriveMany(props: { filter: LetterFilter; onDone: () => void; onClose: () => void }) {
  const { filter, onDone, onClose } = props;
  const numbers = useLoaded("numbers", (signal) => numbersOf(filter, signal), 0);
  const { value, error } = numbers;
  return (
    <Dialog title="Redrive dead letters" onClose={onClose}>
      {(filter.source || filter.reason) && (
        <p class="scope">
          <span class="muted">Only</span> <Text text={[filter.source, filter.reason].filter(Boolean).join(": ")} />
        </p>
      )}
      {error.value && <Failure error={error.value} again={numbers.again} />}
      {!value.value && !error.value && <Loading rows={3} />}
      {value.value && <Asking numbers={value.value} filter={filter} onDone={onDone} onClose={onClose} />}
    </Dialog>
  );
}

function Asking(props: { numbers: Numbers; filter: LetterFilter; onDone: () => void; onClose: () => void }) {
  const { numbers, filter, onDone, onClose } = props;
  const { all, oldest, until } = numbers;
  const limit = useSignal(Math.min(10, all.letters));
  const done = useSignal(0);
  // A dialog that is closed sends no more.
  const isClosed = useRef(false);
  useEffect(() => () => void (isClosed.current = true), []);
  const { isBusy, problem, run } = useSending(async () => {
    let failed = 0;
    while (done.value < limit.value && failed === 0 && !isClosed.current) {
      const asked = { ...filter, until, limit: Math.min(MOST, limit.value - done.value) };
      const step = await api().post<Redriven>("dead-letters/redrive", asked);
      done.value += step.redriven;
      failed = step.failed;
      // Another redrive has the rest.
      if (step.redriven === 0) break;
    }
    const left = failed > 0 ? `, ${count(failed)} failed and stay dead letters` : "";
    say(failed > 0 ? "bad" : "good", `${plural(done.value, "event")} in the queue again${left}.`);
    onDone();
    onClose();
  }, onDone);
  const groups = limit.value < all.letters ? oldestOf(oldest, limit.value) : all.groups;
  return (
    <>
      <div class="row">
        The oldest{" "}
        <Select
          label="How many"
          value={String(limit.value)}
          onPick={(picked) => (limit.value = Number(picked))}
          options={sizesOf(all.letters).map((size): [string, string] => [String(size), count(size)])}
        />
        <span class="muted">
          of {!all.complete && "more than "}
          {count(all.letters)}
        </span>
      </div>
      <div class="dry-run" role="status">
        {isBusy.value ? (
          <p class="big">
            <b>{count(done.value)}</b> of {plural(limit.value, "event")} in the queue again
          </p>
        ) : (
          <p class="big">
            <b>{count(limit.value)}</b> {limit.value === 1 ? "event" : "events"} would be sent again
          </p>
        )}
        <ul>
          {groups.map(({ source, reason, count: number }) => (
            <li key={source + reason}>
              <b>{count(number)}</b> <Text text={source} empty="unknown source" />: <Text text={reason} />
            </li>
          ))}
        </ul>
      </div>
      <p class="notice warn">
        <Icon name="warning" />
        <span>Redrive a few first. If the cause is not gone, they come back here.</span>
      </p>
      {problem.value && done.value > 0 && <p>{plural(done.value, "event")} in the queue again. Then it failed:</p>}
      <Problem text={problem.value} />
      <DialogFoot onClose={onClose} word={isBusy.value ? "Stop" : "Cancel"}>
        <Button kind="primary" disabled={isBusy.value || limit.value === 0} onClick={() => void run()}>
          Redrive {plural(limit.value - done.value, "event")}
        </Button>
      </DialogFoot>
    </>
  );
}

/** One letter, or those that were chosen. Each is a call of its own, so the audit names each. */
export function RedriveSome(props: { letters: DeadLetter[]; onDone: () => void; onClose: () => void }) {
  const { letters, onDone, onClose } = props;
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
            {oldestOf(letters, letters.length).map(({ source, reason, count: number }) => (
              <li key={source + reason}>
                <b>{count(number)}</b> <Text text={source} empty="unknown source" />: <Text text={reason} />
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
