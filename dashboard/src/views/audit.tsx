// The audit: who asked for which change.

import type { AuditPage } from "../api.ts";
import { Empty, Failure, Head, Loading, Text, Time } from "../components/basics.tsx";
import { Table } from "../components/table.tsx";
import { stamp, words } from "../format.ts";
import { useLoaded } from "../resource.ts";
import { href } from "../router.ts";
import { api, route } from "../state.ts";

export function Audit() {
  const before = route.value.params.get("before") ?? undefined;
  const loaded = useLoaded(
    `audit ${before}`,
    (signal) => api().get<AuditPage>("audit", { before, limit: 50 }, signal),
    before ? 0 : 10_000,
  );
  const page = loaded.value.value;
  const error = loaded.error.value;
  return (
    <>
      <Head title="Audit" about="Who asked for which change. An entry is stored before its change is made." />
      {error && <Failure error={error} again={loaded.again} isOld={page !== undefined} />}
      {!page && !error && <Loading />}
      {page?.audit.length === 0 && before && (
        <Empty title="No older entry" icon="search">
          <a class="button plain" href={href("audit")}>
            The newest entries
          </a>
        </Empty>
      )}
      {page?.audit.length === 0 && !before && (
        <Empty title="Nobody has changed anything" icon="audit">
          <p>A replay, a redrive, a test or another change has an entry here.</p>
        </Empty>
      )}
      {page && page.audit.length > 0 && (
        <Table label="Audit" kind="list" columns={["When", "Who", "Change", "Target", "Details"]}>
          {page.audit.map((entry) => (
            <tr key={entry.id}>
              <td class="when">
                <Time at={entry.at} /> <span class="muted wide-only">{stamp(entry.at)}</span>
              </td>
              <td>
                <Text text={entry.caller} />
              </td>
              <td>{words(entry.action)}</td>
              <td class="wide">
                <Text text={entry.target} mono />
              </td>
              <td class="wide">
                <Text text={entry.detail} mono />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {page?.next && (
        <p class="end">
          <a class="button plain" href={href("audit", null, { before: page.next })}>
            Older entries
          </a>
        </p>
      )}
    </>
  );
}
