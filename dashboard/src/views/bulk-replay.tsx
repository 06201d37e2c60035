// Replaying many events: first the numbers of the dry run, then the job.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { messageOf, type DryRun, type Progress } from "../api.ts";
import { time } from "../clock.ts";
import { Button, Loading, Problem, Select, Text, Tick } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { type Filter, printTyped, type Range, toQuery } from "../filters.ts";
import { count, duration, plural, stamp } from "../format.ts";
import { href } from "../router.ts";
import { useSending } from "../sending.ts";
import { api, go } from "../state.ts";

export function BulkReplay({ filter, range, onClose }: { filter: Filter; range: Range; onClose: () => void }) {
  const run = useSignal<DryRun | undefined>(undefined);
  const includeDelivered = useSignal(false);
  const includeRetrying = useSignal(false);
  const rate = useSignal("10");
  // The scope must not move between the dry run and the job.
  const selection = useSignal(toQuery(filter, range, time()));
  const asked = () => ({
    ...selection.value,
    include_delivered: includeDelivered.value,
    include_retrying: includeRetrying.value,
    rate: Number(rate.value),
  });
  const {
    isBusy,
    problem,
    run: begin,
  } = useSending(async () => {
    const job = await api().post<Progress>("replay", { ...asked(), dry_run: false, token: run.value?.token });
    go(href("replay", job.id));
  });
  useEffect(() => {
    let isLatest = true;
    run.value = undefined;
    problem.value = "";
    api()
      .post<DryRun>("replay", { ...asked(), dry_run: true })
      .then(
        (found) => isLatest && (run.value = found),
        (error) => isLatest && (problem.value = messageOf(error)),
      );
    return () => {
      isLatest = false;
    };
  }, [includeDelivered.value, includeRetrying.value, rate.value]);
  const found = run.value;
  return (
    <Dialog title="Replay many events" onClose={onClose} wide>
      <p class="scope">
        <span class="muted">Events of the last {range}</span>{" "}
        {printTyped(filter) ? (
          <code>
            <Text text={printTyped(filter)} />
          </code>
        ) : (
          <b>without a filter</b>
        )}
      </p>
      <Tick value={includeDelivered}>Also events that were delivered before</Tick>
      <Tick value={includeRetrying}>Also events whose attempts still go on: they may come twice</Tick>
      <div class="row">
        <span>At most</span>
        <Select
          label="Events a second"
          value={rate.value}
          onPick={(picked) => (rate.value = picked)}
          options={["1", "5", "10", "25", "50", "100"].map((each): [string, string] => [each, `${each} a second`])}
        />
      </div>
      <Problem text={problem.value} most={600} />
      {!found && !problem.value && <Loading rows={3} />}
      {found && <Numbers run={found} />}
      <DialogFoot onClose={onClose}>
        <Button kind="primary" disabled={!found?.token || isBusy.value} onClick={() => void begin()}>
          {found?.token ? `Replay ${plural(found.selected, "event")}` : "Replay"}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

function Numbers({ run }: { run: DryRun }) {
  const left = [
    [run.skipped.delivered, "delivered before"],
    [run.skipped.under_way, "still on their way"],
    [run.skipped.filtered, "not wanted by their source"],
  ] as const;
  return (
    <div class="dry-run" role="status">
      <p class="big">
        <b>{count(run.selected)}</b> {run.selected === 1 ? "event" : "events"} would be sent
        {run.selected > 0 && `, in about ${duration(run.seconds)}`}
      </p>
      {run.first && run.last && (
        <p class="muted">
          Received from {stamp(run.first)} to {stamp(run.last)}
        </p>
      )}
      <ul>
        {run.destinations.map(({ source, destination, selected }) => (
          <li key={source + destination}>
            <b>{count(selected)}</b> <Text text={source} /> → <Text text={destination} mono />
          </li>
        ))}
      </ul>
      {left.some(([number]) => number > 0) && (
        <p class="muted">
          Left out:{" "}
          {left
            .filter(([number]) => number > 0)
            .map(([number, why]) => `${count(number)} ${why}`)
            .join(", ")}
        </p>
      )}
      {run.cannot.map(({ source, reason, count: number }) => (
        <p key={source + reason} class="notice warn">
          <Icon name="warning" />
          <span>
            {plural(number, "event")} of <Text text={source} /> cannot be sent: <Text text={reason} />
          </span>
        </p>
      ))}
      {run.problem && (
        <p class="notice">
          <Icon name="warning" />
          <span>
            <Text text={run.problem} />
          </span>
        </p>
      )}
    </div>
  );
}
