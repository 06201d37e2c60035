// The progress of a job that replays many events.

import { part, type JobList, type Progress } from "../api.ts";
import { Badge, Button, Empty, Failure, Head, Loading, Panel, Text, Time } from "../components/basics.tsx";
import { Table } from "../components/table.tsx";
import { count, plural, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, attempt, mayWrite, route } from "../state.ts";

/** The state of a job in words. A job is done when its last event is in the queue, which says nothing of the delivery. */
const stateOf = ({ state }: { state: string }): string => (state === "done" ? "All in the queue" : words(state));

const TONES: Record<string, string> = { running: "info", done: "neutral", cancelled: "neutral", failed: "bad" };

export function Replays() {
  const { id } = route.value;
  return id ? <One key={id} id={id} /> : <All />;
}

function All() {
  const loaded = useLoaded("jobs", (signal) => api().get<JobList>("replay", {}, signal), 5000);
  const jobs = loaded.value.value?.jobs;
  const error = loaded.error.value;
  return (
    <>
      <Head title="Replays" about="The newest 50 jobs that sent many events again.">
        <a class="button plain" href={href("events")}>
          All events
        </a>
      </Head>
      {error && <Failure error={error} again={loaded.again} isOld={jobs !== undefined} />}
      {!jobs && !error && <Loading rows={4} />}
      {jobs?.length === 0 && (
        <Empty title="No event was sent again in bulk" icon="replay">
          <p>Filter the events, then choose “Replay these…”: the numbers come first.</p>
        </Empty>
      )}
      {jobs && jobs.length > 0 && (
        <Table
          label="Replays"
          kind="list"
          columns={["Begun", "State", "By", { number: "Selected" }, { number: "Enqueued" }, { number: "Left out" }]}
        >
          {jobs.map((job) => (
            <tr key={job.id}>
              <td>
                <a href={href("replay", job.id)}>
                  <Time at={job.created} />
                </a>
              </td>
              <td>
                <Badge tone={TONES[job.state]}>{stateOf(job)}</Badge>
              </td>
              <td>
                <Text text={job.by} />
              </td>
              <td class="num">{count(job.selected)}</td>
              <td class="num">{count(job.enqueued)}</td>
              <td class="num">{count(job.skipped)}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

function One({ id }: { id: string }) {
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
        <a class="button plain" href={href("replay")}>
          All replays
        </a>
      </Head>
      {error?.status === 404 ? (
        <Empty title="No such job" />
      ) : (
        error && <Failure error={error} again={loaded.again} isOld={job !== undefined} />
      )}
      {!job && !error && <Loading rows={4} />}
      {job && (
        <Panel title="Progress" aside={<Outcome job={job} />}>
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
              <dt>Enqueued</dt>
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

/** Whether the job has sent, and whether the events have arrived. */
function Outcome({ job }: { job: Progress }) {
  const open = Math.max(0, job.enqueued - job.delivered - job.failed);
  if (job.state !== "done") return <Badge tone={TONES[job.state]}>{stateOf(job)}</Badge>;
  if (open > 0) return <Badge tone="info">{plural(open, "event")} not yet delivered</Badge>;
  return job.failed > 0 ? <Badge tone="bad">Done, {count(job.failed)} dead again</Badge> : <Badge tone="good">Done</Badge>;
}
