// The progress of a job that replays many events.

import { part, type JobList, type Progress } from "../api.ts";
import { Badge, Button, Empty, Failure, Head, Loading, Panel, Text, Time } from "../components/basics.tsx";
import { Table } from "../components/table.tsx";
import { count, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, attempt, mayWrite, route } from "../state.ts";

const TONES: Record<string, string> = { running: "info", done: "good", cancelled: "neutral", failed: "bad" };

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
          columns={["Begun", "State", "By", { number: "Selected" }, { number: "In the queue" }, { number: "Left out" }]}
        >
          {jobs.map((job) => (
            <tr key={job.id}>
              <td>
                <a href={href("replay", job.id)}>
                  <Time at={job.created} />
                </a>
              </td>
              <td>
                <Badge tone={TONES[job.state]}>{words(job.state)}</Badge>
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
