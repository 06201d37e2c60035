// What the API shows of the rows of a record.
import { unpacked } from "./stores.mjs";

/** Seconds since 1970 in RFC 3339. */
export const time = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");
const timeOrNull = (seconds) => (seconds === null ? null : time(seconds));
/** The members of `value` that `like` has. A later build may show more. */
export const same = (value, like) => Object.fromEntries(Object.keys(like).map((name) => [name, value[name]]));
/** The bytes of a body in a row, or `null`. `stores.mjs` packs a long text and bytes. */
function bytesOf(cell) {
  if (cell === null) return null;
  return typeof cell === "string" ? Buffer.from(cell) : unpacked(cell.bytes ?? cell.long);
}

/** A body as a text, or else in base64. */
export function shownBody(cell) {
  const bytes = bytesOf(cell);
  const isText = bytes !== null && Buffer.from(bytes.toString()).equals(bytes);
  return { body: isText ? bytes.toString() : null, body_base64: bytes === null || isText ? null : bytes.toString("base64") };
}

/** The order of ids that are texts. */
export const byId = (one, other) => (one.id < other.id ? -1 : 1);
const newestFirst = (one, other) => (BigInt(one.id) < BigInt(other.id) ? 1 : -1);

/** The id of an event in the API. */
export const idOf = ({ received, name }) => `${received}-${name}`;

/** The list of events. */
export function events({ log_events: rows, duplicates }) {
  return [...rows].sort(newestFirst).map((row) => ({
    id: idOf(row),
    source: row.source,
    state: row.state,
    reason: row.reason,
    event_id: row.event_id,
    type: row.type,
    received: time(row.received),
    updated: time(row.updated),
    bytes: row.bytes,
    attempts: row.tries,
    status: row.status,
    destination: row.destination,
    next_attempt: timeOrNull(row.next),
    delivered: timeOrNull(row.delivered),
    duplicates: duplicates.find(({ key }) => row.name.startsWith(key))?.count ?? 0,
  }));
}

/** What the API tells of one event beside the list. */
export function event(row) {
  const head = JSON.parse(row.head);
  const history = JSON.parse(row.attempts).map((one) => ({
    number: one.number,
    at: time(one.at),
    destination: one.destination,
    status: one.status ?? null,
    ms: one.ms,
    error: one.error ?? null,
    next_attempt: one.next === undefined ? null : time(one.next),
    redrive: one.redrive ?? 0,
    replay: one.replay ?? null,
  }));
  const [, trace] = head.traceparent.split("-");
  const about = { key: head.dedupkey, provider: head.provider, trace, headers: JSON.parse(head.headers), kept: row.kept };
  // The API reads a body in R2 from there.
  return { ...about, history, ...(row.kept === "bucket" ? {} : shownBody(row.body)) };
}

/** The audit, the newest entry first. */
export const audit = ({ audit: rows }) => rows.map((row) => ({ ...row, at: time(row.at) })).sort(byId).reverse();

/** The list of jobs, by id. */
export const jobs = ({ jobs: rows }) => rows.map((row) => ({
  id: row.id,
  state: row.state,
  rate: row.rate,
  selected: row.total,
  enqueued: row.enqueued,
  skipped: row.skipped,
  by: row.caller,
  created: time(row.created),
  ended: timeOrNull(row.ended),
  problem: row.problem,
})).sort(byId);

/** The alerts, in the order of the state. */
export const alerts = ({ alerts: [{ state }] }) => JSON.parse(state).alerts.map((alert) => ({
  id: alert.id,
  ...alert.group,
  status: alert.status,
  since: time(alert.since),
  ended: alert.ended === undefined ? null : time(alert.ended),
  acknowledged_by: alert.acknowledged?.[0] ?? null,
  acknowledged: alert.acknowledged ? time(alert.acknowledged[1]) : null,
  measured: alert.measured,
}));

/** The samples of a source's refused requests, by number. */
export const refused = ({ refused: rows }, name) => rows.filter(({ source }) => source === name).map((row) => ({
  at: time(row.at),
  source: row.source,
  status: row.status,
  reason: row.reason,
  detail: row.detail,
  method: row.method,
  path: row.path,
  headers: JSON.parse(row.headers),
  bytes: row.bytes,
  ...shownBody(row.body),
}));

const add = (sums, name, count) => { sums[name] = (sums[name] ?? 0) + count; };

/** The numbers of a source. */
export function numbers({ counts, deliveries }, name) {
  const [verdicts, reasons, destinations] = [{}, {}, {}];
  for (const { source, verdict, reason, count } of counts) {
    if (source !== name) continue;
    add(verdicts, verdict, count);
    if (reason !== "") add(reasons, reason, count);
  }
  for (const row of deliveries.filter(({ source }) => source === name)) {
    add(verdicts, "accepted", row.accepted);
    const sums = (destinations[row.destination] ??= { attempts: {} });
    for (const kind of ["accepted", "delivered", "dead"]) add(sums, kind, row[kind]);
    for (const kind of ["2xx", "3xx", "4xx", "5xx"]) add(sums.attempts, kind, row[`s${kind}`]);
    add(sums.attempts, "unreachable", row.unreachable);
  }
  return { source: name, verdicts, reasons, destinations };
}
