// A test event of a source: a good, a repeated, a forged or a stale request, and what became of it.

import { useSignal } from "@preact/signals";
import { part, type Source, type TestKind, type TestReport } from "../api.ts";
import { Badge, Button, Choice, Panel, Problem, Select, Status, Text } from "../components/basics.tsx";
import { wantedType } from "../filters.ts";
import { words } from "../format.ts";
import { href } from "../router.ts";
import { useSending } from "../sending.ts";
import { api } from "../state.ts";

const KINDS: [TestKind, string][] = [
  ["good", "Good"],
  ["repeated", "Repeated"],
  ["forged", "Forged"],
  ["stale", "Stale"],
];
const ABOUT: Record<TestKind, string> = {
  good: "One signed request, which must be accepted. The destination gets it, with the header hookgate-test.",
  repeated: "The same request twice. The second one must be a duplicate.",
  forged: "A request with a wrong signature, which must be refused.",
  stale: "A signed request that is too old, which must be refused.",
};

export function Composer({ source }: { source: Source }) {
  const kind = useSignal<TestKind>("good");
  // A type that the source does not want would be filtered.
  const type = useSignal(wantedType(source.settings?.events ?? null));
  const secret = useSignal("");
  const report = useSignal<TestReport | undefined>(undefined);
  const { isBusy, problem, run } = useSending(async () => {
    report.value = undefined;
    report.value = await api().post<TestReport>(`sources/${part(source.name)}/test`, {
      kind: kind.value,
      ...(type.value && { type: type.value }),
      ...(secret.value && { secret: secret.value }),
    });
  });
  const pick = (picked: TestKind) => {
    kind.value = picked;
    report.value = undefined;
  };
  const send = (event: Event) => {
    event.preventDefault();
    void run();
  };
  return (
    <Panel title="Send a test event">
      <form class="composer" onSubmit={send}>
        <Choice label="Kind of test" value={kind.value} options={KINDS} onPick={pick} />
        <p class="muted">{ABOUT[kind.value]}</p>
        <div class="row">
          <label class="field">
            Type
            <input
              value={type.value}
              placeholder="hookgate.test"
              spellcheck={false}
              onInput={(event) => (type.value = event.currentTarget.value)}
            />
          </label>
          {source.secrets.length > 1 && (
            <label class="field">
              Signed with
              <Select
                label="Secret"
                value={secret.value}
                onPick={(picked) => (secret.value = picked)}
                options={[
                  ["", "The first secret"],
                  ...source.secrets.map(({ secret: name }): [string, string] => [name, name]),
                ]}
              />
            </label>
          )}
        </div>
        <Button kind="primary" type="submit" icon="send" disabled={isBusy.value}>
          {isBusy.value ? "Sending…" : "Send"}
        </Button>
      </form>
      <Problem text={problem.value} />
      <div role="status">{report.value && <Report report={report.value} source={source.name} />}</div>
    </Panel>
  );
}

function Report({ report, source }: { report: TestReport; source: string }) {
  if (report.impossible)
    return (
      <p class="notice warn">
        <span>
          <Text text={report.impossible} />
        </span>
      </p>
    );
  return (
    <div class="report">
      <p>{report.as_expected ? <Badge tone="good">As expected</Badge> : <Badge tone="bad">Not as expected</Badge>}</p>
      <ol>
        {report.requests.map((request, at) => (
          <li key={at}>
            <div>
              <Status status={request.status} />
              <b>{words(request.verdict)}</b>
              {request.reason && <span class="muted">{words(request.reason)}</span>}
            </div>
            {!request.as_expected && (
              <p class="problem">
                Expected: {words(request.expected.verdict)}
                {request.expected.reason && `, ${words(request.expected.reason)}`}
              </p>
            )}
            {request.detail && (
              <p class="muted">
                <Text text={request.detail} />
              </p>
            )}
            {request.key && (
              <p>
                <a class="link" href={href("events", null, { source, key: request.key })}>
                  Open the event
                </a>
              </p>
            )}
          </li>
        ))}
      </ol>
      {report.notes?.map((note) => (
        <p key={note} class="muted">
          <Text text={note} />
        </p>
      ))}
    </div>
  );
}
