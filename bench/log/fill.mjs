// Fills the log with events that look like those of real requests: copies of events that the Worker itself has logged.
import { event } from "./runtime.mjs";

const SOURCES = 8;
const TYPES = ["invoice.paid", "invoice.created", "customer.updated", "charge.failed", "order.shipped"];
export const STATES = ["delivered", "dead", "retrying", "waiting", "paused"];
const BATCH = 5_000;
export const sourceNames = Array.from({ length: SOURCES }, (_, at) => `source-${at}`);
export const fillSources = Object.fromEntries(
  sourceNames.map((name) => [name, { provider: "generic", secrets: ["GENERIC_SECRET"] }]),
);

// D1 binds each number as a double. Of 20 events, 16 are delivered, and one is in each other state. Events have 1 to 5 attempts, 3 on the average.
const FILL = `
INSERT INTO log_events (id, name, received, updated, source, state, reason, status, tries, next, delivered, destination,
  event_id, type, bytes, days, payload, kept, detail, attempts, head, body)
WITH RECURSIVE n (i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2),
made AS (
  SELECT i, CAST(?3 + i * ?4 / ?5 AS INTEGER) AS received, ?6 ->> ('$[' || (i % ${SOURCES}) || ']') AS template,
    ?7 ->> ('$[' || (i * 7 % ${TYPES.length}) || ']') AS type, ?8 ->> ('$[' || max(0, i % 20 - 15) || ']') AS state,
    printf('evt_%08x-%012x', i, i * 2654435761 % 281474976710597) AS id, i * 3 % 5 + 1 AS tries,
    i * 2654435761 % 268435399 AS last
  FROM n
)
SELECT (received << 28) | last, lower(hex(randomblob(8))) || printf('0%07x00000000', last), received, received + tries * 5, template ->> 'source', state,
  iif(state = 'delivered', NULL, 'origin_status'), iif(state = 'delivered', 200, 500 + i % 4), tries, NULL,
  iif(state = 'delivered', received + tries * 5, NULL), template ->> 'destination', id, type, 900, 7, NULL, 'exact',
  iif(state = 'delivered', NULL, 'the destination answered 503 Service Unavailable'),
  replace(substr('[' || replace(printf('%.*c', tries, 'x'), 'x', substr(template ->> 'attempts', 2,
    length(template ->> 'attempts') - 2) || ','), 1, 1 + tries * (length(template ->> 'attempts') - 1) - 1) || ']',
    '"status":200', '"status":503'),
  replace(replace(template ->> 'head', template ->> 'event_id', id), 'invoice.paid', type),
  replace(replace(template ->> 'body', template ->> 'event_id', id), 'invoice.paid', type)
FROM made`;

/** Fills the log with `count` events of the last `span` seconds. Returns the database's bytes an event. */
export async function fill(gateway, count, span) {
  for (const name of sourceNames) await gateway.post(name, event(`evt_template-${"0".repeat(12)}`));
  for (const name of sourceNames) await gateway.settled(name, "delivered", 1);
  const columns = "source, destination, event_id, attempts, head, body";
  const templates = await gateway.rows(`SELECT ${columns} FROM log_events ORDER BY source`);
  const first = Math.floor(Date.now() / 1000) - span - 60;
  const given = [templates, TYPES, STATES].map((value) => JSON.stringify(value));
  let sizes;
  for (let from = 0; from < count; from += BATCH) {
    const values = [from, Math.min(from + BATCH, count), first, span, count, ...given];
    const { meta } = await gateway.database.prepare(FILL).bind(...values).run();
    sizes = { begin: sizes?.begin ?? meta.size_after, end: meta.size_after };
  }
  return (sizes.end - sizes.begin) / (count - BATCH);
}

// A row of each table for each minute and source, from the newest minute on: 31 days of two sources.
const COUNTS = 90_000;
const MINUTES = `
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${COUNTS})
SELECT CAST(?1 AS INTEGER) - i % 44640 AS slot, 'source-' || (i / 44640) AS source FROM n`;
const FILL_COUNTS = `INSERT OR IGNORE INTO counts SELECT slot, source, 'duplicate', '', 3 FROM (${MINUTES})`;
const FILL_DELIVERIES = `
INSERT OR IGNORE INTO deliveries
SELECT slot, source, 'http://127.0.0.1/' || source, 9, 8, 1, 8, 0, 0, 1, 0, 0, 3, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM (${MINUTES})`;

/** Fills the numbers for each minute of the last 31 days. */
export async function fillCounts(gateway) {
  const now = Math.floor(Date.now() / 60_000);
  for (const sql of [FILL_COUNTS, FILL_DELIVERIES]) await gateway.database.prepare(sql).bind(now).run();
}
