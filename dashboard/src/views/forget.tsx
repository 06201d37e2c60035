// Forgetting an event's key, so that its next request is a new event.

import { useSignal } from "@preact/signals";
import { ApiError, type EventDetail } from "../api.ts";
import { Button, Text } from "../components/basics.tsx";
import { Dialog } from "../components/dialog.tsx";
import { shown } from "../format.ts";
import { api, say } from "../state.ts";

export function Forget({ event }: { event: EventDetail }) {
  const isAsking = useSignal(false);
  const isBusy = useSignal(false);
  const problem = useSignal("");
  const forget = async () => {
    isBusy.value = true;
    problem.value = "";
    try {
      const { source, key } = event;
      const { forgotten } = await api().delete<{ forgotten: boolean }>("keys", { source, key });
      say("good", forgotten ? "The key is forgotten." : "The gateway knew no such key anymore.");
      isAsking.value = false;
    } catch (error) {
      problem.value = error instanceof ApiError ? `${error.title}: ${error.message}` : String(error);
    }
    isBusy.value = false;
  };
  return (
    <>
      <Button kind="quiet" onClick={() => (isAsking.value = true)}>
        Forget…
      </Button>
      {isAsking.value && (
        <Dialog title="Forget this key?" onClose={() => (isAsking.value = false)}>
          <p>
            The next request of <Text text={event.event_id} mono /> is a new event then, and is delivered again. To send
            the event again now, replay it.
          </p>
          {problem.value && (
            <p class="problem" role="alert">
              {shown(problem.value)}
            </p>
          )}
          <div class="dialog-foot">
            <Button kind="quiet" onClick={() => (isAsking.value = false)}>
              Cancel
            </Button>
            <Button kind="danger" disabled={isBusy.value} onClick={() => void forget()}>
              Forget the key
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
