// Stopping and starting the deliveries of a source. Its events are kept meanwhile.

import { useSignal } from "@preact/signals";
import { part, type Source } from "../api.ts";
import { Button, Problem, Text, Time } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { useSending } from "../sending.ts";
import { api, attempt, mayWrite, say } from "../state.ts";

/** The button that pauses a source, if the caller may, and if the source can be paused. */
export function PauseButton({ source, onDone }: { source: Source; onDone: () => void }) {
  const isAsking = useSignal(false);
  const { pause, settings, name } = source;
  // A source whose provider waits for the destination has no queue, so it cannot be paused.
  if (pause !== null || !mayWrite() || settings?.deliver !== "queue") return null;
  return (
    <>
      <Button icon="pause" onClick={() => (isAsking.value = true)}>
        Pause deliveries…
      </Button>
      {isAsking.value && <Ask name={name} onClose={() => (isAsking.value = false)} onDone={onDone} />}
    </>
  );
}

/** Who has paused a source, since when and why, and the button that resumes it. */
export function PauseNotice({ source, onDone }: { source: Source; onDone: () => void }) {
  const { pause, name } = source;
  if (pause === null) return null;
  const resume = async () => {
    await attempt(
      () => api().post(`sources/${part(name)}/resume`),
      "Resumed. The events that wait go out within some minutes.",
      "The source was not resumed.",
    );
    onDone();
  };
  return (
    <div class="notice warn spaced" role="status">
      <Icon name="pause" />
      <span>
        <b>Deliveries are paused</b>
        {pause.by && (
          <>
            {" by "}
            <Text text={pause.by} />
          </>
        )}
        {pause.since && (
          <>
            {" "}
            <Time at={pause.since} />
          </>
        )}
        {pause.reason && (
          <>
            {": "}
            <Text text={pause.reason} />
          </>
        )}
        {pause.configured && " The configuration has paused = true: remove it, and deploy."}
      </span>
      {mayWrite() && pause.by && <Button onClick={() => void resume()}>Resume</Button>}
    </div>
  );
}

function Ask({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: () => void }) {
  const reason = useSignal("");
  const { isBusy, problem, run } = useSending(async () => {
    await api().post(`sources/${part(name)}/pause`, reason.value.trim() ? { reason: reason.value.trim() } : {});
    say("good", "The deliveries are paused.");
    onClose();
    onDone();
  }, onDone);
  const send = (event: Event) => {
    event.preventDefault();
    void run();
  };
  return (
    <Dialog title="Pause the deliveries?" onClose={onClose}>
      <form onSubmit={send} class="composer">
        <p>
          Requests to <Text text={name} /> are still accepted. Its events wait in the queue, until somebody resumes it.
        </p>
        <label class="field grow">
          Reason (optional)
          <input autofocus value={reason.value} maxLength={200} onInput={(event) => (reason.value = event.currentTarget.value)} />
        </label>
        <Problem text={problem.value} />
        <DialogFoot onClose={onClose}>
          <Button kind="primary" type="submit" disabled={isBusy.value}>
            Pause
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
