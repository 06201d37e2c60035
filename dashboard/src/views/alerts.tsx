// Alerts: what is wrong now, since when, and who has seen it.

import { useSignal } from "@preact/signals";
import { lookOf } from "../alerts.ts";
import { part, type Alert, type AlertList } from "../api.ts";
import { Badge, Button, Empty, Failure, Head, Loading, Text, Time } from "../components/basics.tsx";
import { address, withLocalTimes, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, attempt, mayWrite } from "../state.ts";

const TONES: Record<Alert["status"], string> = { open: "bad", pending: "warn", acknowledged: "info", resolved: "good" };
const ORDER: Alert["status"][] = ["open", "pending", "acknowledged", "resolved"];

/** What became of an alert: when it began, who has seen it and when, and when it was over. */
function Story({ alert }: { alert: Alert }) {
  const { acknowledged, acknowledged_by: by, ended, status } = alert;
  return (
    <ol class="story" aria-label="What became of it">
      <li class="done">
        <b>Began</b> <Time at={alert.since} />
      </li>
      <li class={acknowledged ? "done" : ""}>
        <b>Acknowledged</b>{" "}
        {acknowledged ? (
          <>
            by <Text text={by} /> <Time at={acknowledged} />
          </>
        ) : (
          <span class="muted">{status === "resolved" ? "by nobody" : "not yet"}</span>
        )}
      </li>
      <li class={ended ? "done over" : ""}>
        <b>Resolved</b> {ended ? <Time at={ended} /> : <span class="muted">not yet</span>}
      </li>
    </ol>
  );
}

export function Alerts() {
  const loaded = useLoaded("alerts", (signal) => api().get<AlertList>("alerts", {}, signal), 10_000);
  const list = loaded.value.value;
  const error = loaded.error.value;
  const isTesting = useSignal(false);
  const change = async (path: string, done: string) => {
    await attempt(() => api().post(path), done, "It failed.");
    loaded.again();
  };
  const test = async () => {
    isTesting.value = true;
    await change("alerts/test", `A test notice is on its way. Look whether ${list?.receiver} gets it.`);
    isTesting.value = false;
  };
  const alerts =
    list &&
    [...list.alerts].sort(
      (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || b.since.localeCompare(a.since),
    );
  return (
    <>
      <Head
        title="Alerts"
        about={
          list &&
          (list.receiver ? (
            <>
              Notices go to <Text text={list.receiver} mono />.
            </>
          ) : (
            "Nobody is told: ALERTS names no receiver. Alerts are only listed here."
          ))
        }
      >
        {list?.receiver && mayWrite() && (
          <Button icon="send" disabled={isTesting.value} onClick={() => void test()}>
            Send a test notice
          </Button>
        )}
      </Head>
      {error && <Failure error={error} again={loaded.again} isOld={list !== undefined} />}
      {!list && !error && <Loading rows={4} />}
      {alerts?.length === 0 && (
        <Empty title="No alert" icon="check">
          <p>Nothing is wrong now, and nothing was within the last day.</p>
        </Empty>
      )}
      {alerts && alerts.length > 0 && (
        <ul class="cards">
          {alerts.map((alert) => (
            <li key={alert.id}>
              <div class="card-head">
                <Badge tone={TONES[alert.status]}>{words(alert.status)}</Badge>
                <h2>{words(alert.rule)}</h2>
                <span class="grow" />
                {alert.status === "open" && mayWrite() && (
                  <Button
                    onClick={() =>
                      void change(`alerts/${part(alert.id)}/acknowledge`, "Acknowledged. No reminder follows.")
                    }
                  >
                    Acknowledge
                  </Button>
                )}
              </div>
              <p>
                <Text text={withLocalTimes(alert.text)} />
              </p>
              <p class="muted">
                {alert.source && (
                  <>
                    Source{" "}
                    <a href={href("sources", alert.source)}>
                      <Text text={alert.source} />
                    </a>
                  </>
                )}
                {alert.destination && (
                  <>
                    {" "}
                    → <Text text={address(alert.destination)} mono />
                  </>
                )}
                {alert.cause && <> · {words(alert.cause)}</>}
                {alert.source && (
                  <>
                    {" "}
                    · <a href={lookOf(alert)}>What is behind it</a>
                  </>
                )}
              </p>
              <Story alert={alert} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
