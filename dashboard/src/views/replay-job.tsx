// The progress of a job that replays many events.

import { part, type Progress } from "../api.ts";
import { Badge, Button, Empty, Failure, Head, Loading, Panel, Text, Time } from "../components/basics.tsx";
import { count, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, attempt, mayWrite, route } from "../state.ts";

const TONES: Record<string, string> = { running: "info", done: "good", cancelled: "neutral", failed: "bad" };

export function ReplayJob() {
  const id = route.value.id ?? "";
  const loaded = useLoaded(id, (signal) => api().get<Progress>(`replay/${part(id)}`, {}, signal), 2000);
  const job = loaded.value.value;
  const error = loaded.error.value;
  const cancel = async () => {
    await attempt(
      () => api().post(`replay/${part(id)}/cancel`),
      "The job is cancelled. What is in the queue already is left out.",
      "The job was not cancelled.",
    );
    loaded.again();
  };
  return (
    <>
      <Head title="Replay">
        {job?.state === "running" && mayWrite() && (
          <Button kind="danger" onClick={() => void cancel()}>
            Cancel the job
          </Button>
        )}
        <a class="button plain" href={href("events")}>
          All events
        </a>
      </Head>
      {error?.status === 404 ? (
        <Empty title="No such job" />
      ) : (
        error && <Failure error={error} again={loaded.again} isOld={job !== undefined} />
      )}
      {!job && !error && <Loading rows={4} />}
      {job && (
        <Panel title="Progress" aside={<Badge tone={TONES[job.state]}>{words(job.state)}</Badge>}>
          <progress
            max={Math.max(1, job.selected)}
            value={job.enqueued + job.skipped}
            aria-label="Events that were handled"
          />
          <dl class="figures">
            <div>
              <dt>Selected</dt>
              <dd>{count(job.selected)}</dd>
            </div>
            <div>
              <dt>In the queue</dt>
              <dd>{count(job.enqueued)}</dd>
            </div>
            <div>
              <dt>Delivered</dt>
              <dd>{count(job.delivered)}</dd>
            </div>
            <div class={job.failed > 0 ? "bad" : ""}>
              <dt>Dead again</dt>
              <dd>{count(job.failed)}</dd>
            </div>
            <div>
              <dt>Left out</dt>
              <dd>{count(job.skipped)}</dd>
            </div>
          </dl>
          <p class="muted">
            Asked for by <Text text={job.by} /> <Time at={job.created} />, at most {job.rate} a second.
            {job.ended && (
              <>
                {" "}
                Ended <Time at={job.ended} />.
              </>
            )}
          </p>
          {job.problem && (
            <p class="problem" role="alert">
              <Text text={job.problem} />
            </p>
          )}
        </Panel>
      )}
    </>
  );
}
