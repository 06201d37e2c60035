// Around the gateway, inside the runtime: the same Worker, with an object that can be filled, and an entrypoint of its own
// that fills it, and that claims and confirms in it without a request for each.
import { WorkerEntrypoint } from "cloudflare:workers";
import gateway, { Claims as Held } from "./index.js";

export default gateway;

const OBJECT = "1/0"; // the only one of a ring of one
const LEASE = 30; // seconds, as ingest has it
const TTL = 604800; // seconds, a source's default
const BATCHES = 16;

const FILL = `INSERT INTO claims (name, token, first_seen, leased_until, expires, confirmed)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1),
    names(name, age) AS MATERIALIZED (SELECT lower(hex(randomblob(32))), 60 + abs(random()) % (?3 - 3660) FROM n)
  SELECT name, lower(hex(randomblob(8))), ?2 - age, ?2 - age + 30, ?2 - age + ?3, 1 FROM names ORDER BY name`;

export class Claims extends Held {
  /** Makes it hold `count` confirmed claims: forgets those of the last minute, which the bench made, and adds what lacks. */
  async fill(count) {
    const { sql } = this.ctx.storage;
    const now = Math.floor(Date.now() / 1000);
    // What is filled in is from a minute to nearly a week old, so none of it expires meanwhile, and all of it earlier.
    this.horizon ??= now - 60 + TTL;
    sql.exec("DELETE FROM claims WHERE expires > ?", this.horizon);
    const lacking = count - sql.exec("SELECT count(*) AS held FROM claims").one().held;
    if (lacking > 0) await this.#add(lacking, now);
    return sql.exec("SELECT count(*) AS held FROM claims").one().held;
  }

  async #add(count, now) {
    const { sql } = this.ctx.storage;
    // The index comes last: in the end it is one that only ever grew at its end, and making it so row by row takes long.
    const { index } = sql.exec("SELECT sql AS 'index' FROM sqlite_master WHERE name = 'claims_by_expiry'").one();
    sql.exec("DROP INDEX claims_by_expiry");
    // Sorted, since rows that come in no order are written page by page; in batches, since pages that are filled in order
    // are full, and a real table's are not: each claim would split one.
    const batch = Math.ceil(count / BATCHES);
    for (let left = count; left > 0; left -= batch) {
      sql.exec(FILL, Math.min(batch, left), now, TTL);
      await this.ctx.storage.sync();
    }
    sql.exec(index);
    await this.ctx.storage.sync();
  }
}

const hex = (bytes) => crypto.getRandomValues(new Uint8Array(bytes)).toHex();

/** One event's claim, made and confirmed: how long it took. */
async function claimed(object) {
  const began = performance.now();
  const name = hex(32);
  const { first } = JSON.parse(await object.claim(name, LEASE, TTL));
  if (!(await object.confirm(name, first.token, TTL))) throw new Error("a claim was not confirmed");
  return performance.now() - began;
}

/** `/fill/COUNT` and `/claim/COUNT`, the latter over as many `?lanes=` at once. */
export class Driver extends WorkerEntrypoint {
  async fetch(request) {
    const url = new URL(request.url);
    const [, what, number] = url.pathname.split("/");
    const count = Number(number);
    const object = this.env.CLAIMS.get(this.env.CLAIMS.idFromName(OBJECT));
    if (what === "fill") return Response.json(await object.fill(count));
    const took = [];
    let left = count;
    const lane = async () => {
      while (left-- > 0) took.push(await claimed(object));
    };
    await Promise.all(Array.from({ length: Number(url.searchParams.get("lanes")) }, lane));
    return Response.json(took);
  }
}
