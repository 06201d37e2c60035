// Stopping and starting the deliveries of a source. Its events are kept meanwhile.

import { useSignal } from "@preact/signals";
import { ApiError, part, type Source } from "../api.ts";
import { Button, Text, Time } from "../components/basics.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { shown } from "../format.ts";
import { api, mayWrite, say } from "../state.ts";

export function PauseControl({ source, onDone }: { source: Source; onDone: () => void }) {
  const isAsking = useSignal(false);
  const { pause, settings, name } = source;
  const resume = async () => {
    try {
      await api().post(`sources/${part(name)}/resume`);
      say("good", "The deliveries go on.");
    } catch (error) {
      say("bad", error instanceof ApiError ? shown(error.message) : "The source was not resumed.");
    }
    onDone();
  };
  // A source whose provider waits for the destination has no queue, so it cannot be paused.
  if (pause === null && (!mayWrite() || settings?.deliver !== "queue")) return null;
  if (pause === null) {
    return (
      <p class="row spaced">
        <Button icon="pause" onClick={() => (isAsking.value = true)}>
          Pause deliveries…
        </Button>
        {isAsking.value && <Ask name={name} onClose={() => (isAsking.value = false)} onDone={onDone} />}
      </p>
    );
  }
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
  const problem = useSignal("");
  const send = async (event: Event) => {
    event.preventDefault();
    try {
      await api().post(`sources/${part(name)}/pause`, reason.value.trim() ? { reason: reason.value.trim() } : {});
      say("good", "The deliveries are paused.");
      onClose();
    } catch (error) {
      problem.value = error instanceof ApiError ? `${error.title}: ${error.message}` : String(error);
    }
    onDone();
  };
  return (
    <Dialog title="Pause the deliveries?" onClose={onClose}>
      <form onSubmit={send} class="composer">
        <p>
          Requests to <Text text={name} /> are still accepted. Its events wait in the queue, until somebody resumes it.
        </p>
        <label class="field grow">
          Reason
          <input value={reason.value} maxLength={200} onInput={(event) => (reason.value = event.currentTarget.value)} />
        </label>
        {problem.value && (
          <p class="problem" role="alert">
            {shown(problem.value)}
          </p>
        )}
        <div class="dialog-foot">
          <Button kind="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button kind="primary" type="submit">
            Pause
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
