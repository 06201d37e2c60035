// Sends a flood of forged requests to the built Worker, in the real runtime, and counts what the log holds afterwards. It
// fails if a count is wrong, or if there are more rows than the bound. Prints one line of JSON. REQUESTS, CONCURRENT. See
// README.md.
import { LoggedGateway, event } from "../bench/log/runtime.mjs";

const { REQUESTS = "100000", CONCURRENT = "48" } = process.env;
const total = Number(REQUESTS);
const SAMPLES = 5; // for each minute, source and reason
const forged = { ...event("evt_forged"), headers: { "x-webhook-signature": "0".repeat(64) } };
const sources = Object.fromEntries(["a", "b"].map((name) => [name, { provider: "generic", secrets: ["GENERIC_SECRET"] }]));
/** Each kind of request, and the status of its answer. */
const KINDS = [["a", forged, 401], ["b", forged, 401], ["b", { ...forged, headers: {} }, 401], ["unknown", forged, 404]];

const result = await LoggedGateway.with(sources, async (gateway) => {
  const began = Date.now();
  let sent = 0;
  const sending = async () => {
    while (sent < total) {
      const kind = KINDS[sent % KINDS.length];
      sent += 1;
      await gateway.post(...kind);
    }
  };
  await Promise.all(Array.from({ length: Number(CONCURRENT) }, sending));
  const minutes = Math.floor(Date.now() / 60_000) - Math.floor(began / 60_000) + 1;
  const seconds = (Date.now() - began) / 1000;
  const written = await gateway.meter(); // this call also makes the Worker write what waits
  const counts = await gateway.rows("SELECT source, reason, sum(count) AS count FROM counts GROUP BY 1, 2 ORDER BY 1, 2");
  const rows = {};
  for (const table of ["counts", "refused", "log_events"]) {
    rows[table] = (await gateway.rows(`SELECT count(*) AS count FROM ${table}`))[0].count;
  }
  const kinds = counts.length;
  const counted = counts.reduce((sum, { count }) => sum + count, 0);
  const most = { counts: kinds * minutes, refused: kinds * minutes * SAMPLES, log_events: 0 };
  const rowsWritten = Object.values(written).reduce((sum, { rows_written }) => sum + rows_written, 0);
  const failures = Object.entries(rows).filter(([table, count]) => count > most[table]).map(([table]) => `${table} has too many rows`);
  if (counted !== total) failures.push(`${counted} requests are counted`);
  return { requests: total, seconds, minutes, counted, counts, rows, most, rows_written: rowsWritten, failures };
});
console.log(JSON.stringify(result));
if (result.failures.length > 0) process.exitCode = 1;
