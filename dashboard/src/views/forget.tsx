// Forgetting an event's key, so that its next request is a new event.

import { useSignal } from "@preact/signals";
import type { EventDetail } from "../api.ts";
import { Button, Problem, Text } from "../components/basics.tsx";
import { Dialog, DialogFoot } from "../components/dialog.tsx";
import { useSending } from "../sending.ts";
import { api, say } from "../state.ts";

export function Forget({ event }: { event: EventDetail }) {
  const isAsking = useSignal(false);
  const close = () => (isAsking.value = false);
  const { isBusy, problem, run } = useSending(async () => {
    const { source, key } = event;
    const { forgotten } = await api().delete<{ forgotten: boolean }>("keys", { source, key });
    say("good", forgotten ? "The key is forgotten." : "The gateway knew no such key anymore.");
    close();
  });
  return (
    <>
      <Button kind="quiet" onClick={() => (isAsking.value = true)}>
        Forget…
      </Button>
      {isAsking.value && (
        <Dialog title="Forget this key?" onClose={close}>
          <p>
            The next request of <Text text={event.event_id} mono /> is a new event then, and is delivered again. To send
            the event again now, replay it.
          </p>
          <Problem text={problem.value} />
          <DialogFoot onClose={close}>
            <Button kind="danger" disabled={isBusy.value} onClick={() => void run()}>
              Forget the key
            </Button>
          </DialogFoot>
        </Dialog>
      )}
    </>
  );
}
