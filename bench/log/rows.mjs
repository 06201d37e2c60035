// Counts the rows that the log writes for each kind of request, by D1's own `rows_written`, and the bytes that it stores.
import { LoggedGateway, event } from "./runtime.mjs";

const generic = (more = {}) => ({ provider: "generic", secrets: ["GENERIC_SECRET"], ...more });
const SOURCES = {
  warm: generic(),
  full: generic(),
  bare: generic({ log_bodies: "none" }),
  failing: generic(),
  picky: generic({ events: ["invoice.voided"] }),
  flood: generic(),
};
const FORGED = { headers: { "content-type": "application/json", "x-webhook-signature": "0".repeat(64) } };
const COPIES = 20_000;

/** Copies of the row of a delivered event, one a second. */
const COPY = `
INSERT INTO log_events SELECT * FROM (
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${COPIES})
  SELECT ((CAST(?2 AS INTEGER) + i) << 28) | (random() & 268435455), lower(hex(randomblob(16))), received, updated, source, state, reason, status, tries, next, delivered,
    destination, event_id, type, bytes, days, payload, kept, detail, attempts, head, body
  FROM n CROSS JOIN (SELECT * FROM log_events WHERE source = ?1 LIMIT 1))`;

let number = 0;
const fresh = () => event(`evt_${String((number += 1)).padStart(20, "0")}`);

/** Runs `work`, and prints the rows that the log wrote for each of `count`. */
async function counted(gateway, name, count, work) {
  await gateway.meter();
  await work();
  const tables = Object.entries(await gateway.meter()).filter(([, { rows_written }]) => rows_written > 0);
  const sum = tables.reduce((all, [, { rows_written }]) => all + rows_written, 0);
  const parts = tables.map(([table, { rows_written, statements }]) => `${table} ${rows_written} in ${statements}`).join(", ");
  console.log(`${name.padEnd(46)}${(sum / count).toFixed(3).padStart(9)}  ${parts}`);
}

async function accepted(gateway, source, count) {
  const [{ before }] = await gateway.rows("SELECT count(*) AS before FROM log_events WHERE source = ?1", source);
  await Promise.all(Array.from({ length: count }, () => gateway.post(source, fresh())));
  await gateway.settled(source, "delivered", before + count);
}

/** The bytes of the database for each copy of the row of `source`. */
async function stored(gateway, source) {
  const size = async () => (await gateway.database.prepare("SELECT 1").run()).meta.size_after;
  const before = await size();
  const { meta } = await gateway.database.prepare(COPY).bind(source, 1_000_000).run();
  const name = `stored for an event of ${source}, in bytes`;
  console.log(`${name.padEnd(46)}${String(Math.round(((await size()) - before) / COPIES)).padStart(9)}  ${meta.rows_written} rows written for ${COPIES}`);
}

export async function countRows() {
  console.log("\nrows written by the log for each                       D1 says, by table");
  await LoggedGateway.with(SOURCES, async (gateway) => {
    await gateway.post("warm", fresh());
    await gateway.settled("warm", "delivered", 1);
    await counted(gateway, "the first event of a source, alone", 1, () => accepted(gateway, "full", 1));
    await counted(gateway, "accepted and delivered, alone", 1, () => accepted(gateway, "full", 1));
    await counted(gateway, "accepted and delivered, ten at once", 10, () => accepted(gateway, "full", 10));
    await counted(gateway, "accepted and delivered, 500 at once", 500, () => accepted(gateway, "full", 500));
    await accepted(gateway, "bare", 1);
    await counted(gateway, "the same without bodies, ten at once", 10, () => accepted(gateway, "bare", 10));
    await failing(gateway);
    const again = fresh();
    await gateway.post("full", again);
    await gateway.settled("full", "delivered", 513);
    await counted(gateway, "a duplicate, alone", 1, () => gateway.post("full", again));
    const copies = () => Promise.all(Array.from({ length: 100 }, () => gateway.post("full", again)));
    await counted(gateway, "a duplicate, 100 of one event at once", 100, copies);
    await gateway.post("picky", fresh());
    await counted(gateway, "filtered, alone", 1, () => gateway.post("picky", fresh()));
    const unwanted = () => Promise.all(Array.from({ length: 100 }, () => gateway.post("picky", fresh())));
    await counted(gateway, "filtered, 100 at once", 100, unwanted);
    const forged = () => gateway.post("flood", { ...fresh(), ...FORGED }, 401);
    await counted(gateway, "refused, alone", 1, forged);
    await counted(gateway, "refused, 2,000 at once", 2_000, async () => {
      for (let sent = 0; sent < 2_000; sent += 50) await Promise.all(Array.from({ length: 50 }, forged));
    });
    await counted(gateway, "a change by the API (audit)", 1, () => gateway.api("keys?source=full&id=evt_1", "DELETE"));
    await stored(gateway, "full");
    await stored(gateway, "bare");
    await counted(gateway, "deleted by the cron, each row", 2 * COPIES, () => gateway.cron());
  });
}

async function failing(gateway) {
  gateway.destination.status = 503;
  await counted(gateway, "accepted, and its first attempt failed", 1, async () => {
    await gateway.post("failing", fresh());
    await gateway.settled("failing", "retrying", 1);
  });
  gateway.destination.status = 200;
  await counted(gateway, "the next attempt", 1, () => gateway.settled("failing", "delivered", 1));
}
