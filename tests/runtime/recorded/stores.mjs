// Reads everything that the stores of a gateway hold, and writes it into empty stores. No part of the Worker runs here:
// a Durable Object's tables are read and written by a class of this file.
import { gunzipSync, gzipSync } from "node:zlib";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { QUIET } from "../gateway.mjs";

/** The objects of a gateway with `CLAIM_SHARDS = 2`. */
export const OBJECTS = ["rings", "handshakes", "2/0", "2/1"];
/** Bytes as text where they are text, else compressed. */
export function packed(bytes) {
  const text = bytes.toString("utf8");
  const isText = bytes.length < 10_000 && Buffer.from(text).equals(bytes);
  return isText ? { text } : { gzip: gzipSync(bytes, { level: 9 }).toString("base64") };
}

export const unpacked = ({ text, gzip }) => (gzip === undefined ? Buffer.from(text) : gunzipSync(Buffer.from(gzip, "base64")));

/** A value of a row, small enough for a record: a long text is compressed, and bytes are packed. */
function packedCell(value) {
  if (Array.isArray(value)) return { bytes: packed(Buffer.from(value)) };
  return typeof value === "string" && value.length >= 10_000 ? { long: packed(Buffer.from(value)) } : value;
}

/** The value that `packedCell` packed, as D1 takes it. */
function unpackedCell(cell) {
  if (cell?.bytes) return [...unpacked(cell.bytes)];
  return cell?.long ? unpacked(cell.long).toString() : cell;
}

const packedRow = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, packedCell(value)]));

/** Selects each row of a table. A number that JavaScript cannot hold is a text, which SQLite writes as the same number. */
async function everyRow(database, table) {
  const columns = (await database.prepare(`PRAGMA table_info(${table})`).all()).results.map(({ name }) => name);
  const exact = columns.map((name) => {
    const isLarge = `typeof(${name}) = 'integer' AND abs(${name}) > ${Number.MAX_SAFE_INTEGER}`;
    return `iif(${isLarge}, CAST(${name} AS TEXT), ${name}) AS ${name}`;
  });
  return (await database.prepare(`SELECT ${exact} FROM ${table}`).all()).results;
}

/** What SQLite and the runtime keep for themselves. */
const FOREIGN = /^(_cf_|sqlite_|d1_)/;

const SCRIPT = `
import { DurableObject } from "cloudflare:workers";
export class Claims extends DurableObject {
  async read() {
    const rows = (sql) => this.ctx.storage.sql.exec(sql).toArray();
    const all = rows("SELECT type, name, tbl_name AS 'table', sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid");
    const made = all.filter(({ name, table }) => !${FOREIGN}.test(name) && !${FOREIGN}.test(table));
    const tables = made.filter(({ type }) => type === "table").map(({ name }) => [name, rows("SELECT * FROM " + name)]);
    const alarm = await this.ctx.storage.getAlarm();
    return { schema: made.map(({ sql }) => sql), rows: Object.fromEntries(tables), alarm };
  }
  async write({ schema, rows, alarm }) {
    const { sql } = this.ctx.storage;
    for (const statement of schema) sql.exec(statement);
    for (const [table, all] of Object.entries(rows)) {
      for (const row of all) {
        const names = Object.keys(row);
        sql.exec("INSERT INTO " + table + " (" + names + ") VALUES (" + names.map(() => "?") + ")", ...Object.values(row));
      }
    }
    if (alarm !== null) await this.ctx.storage.setAlarm(alarm);
  }
  alarm() {}
}
export default {
  async fetch(request, { CLAIMS }) {
    const { name, content } = await request.json();
    const object = CLAIMS.get(CLAIMS.idFromName(name));
    return Response.json((content ? await object.write(content) : await object.read()) ?? null);
  },
};
`;

/** Calls `use` with the stores of a gateway in the directory `state`. Returns its value. */
async function withStores(state, use) {
  const stores = new Miniflare(convertV4MiniflareOptions({
    name: "hookgate",
    ...QUIET,
    modules: true,
    script: SCRIPT,
    compatibilityDate: "2026-11-01",
    kvNamespaces: ["DEDUP"],
    d1Databases: ["LOG"],
    r2Buckets: ["PAYLOADS"],
    durableObjects: { CLAIMS: { className: "Claims", useSQLite: true } },
    resourcePersistencePath: state,
  }));
  const object = async (order) =>
    (await stores.dispatchFetch("http://stores/", { method: "POST", body: JSON.stringify(order) })).json();
  try {
    const [keys, database, bucket] = await Promise.all(
      [stores.getKVNamespace("DEDUP"), stores.getD1Database("LOG"), stores.getR2Bucket("PAYLOADS")],
    );
    return await use({ keys, database, bucket, object });
  } finally {
    await stores.dispose();
  }
}

/** Everything in the stores. Of a key in KV it tells for how many seconds it is kept from now on. */
export function readStores(state) {
  return withStores(state, async ({ keys, database, bucket, object }) => {
    const now = Date.now() / 1000;
    const kv = [];
    for (const { name, expiration } of (await keys.list()).keys) {
      const { value, metadata } = await keys.getWithMetadata(name);
      kv.push({ name, value, metadata, ttl: Math.round(expiration - now) });
    }
    const objects = {};
    for (const name of OBJECTS) objects[name] = await object({ name });
    const query = async (sql) => (await database.prepare(sql).all()).results;
    const all = await query("SELECT type, name, tbl_name AS 'table', sql FROM sqlite_master WHERE sql IS NOT NULL");
    const made = all.filter(({ name, table }) => !FOREIGN.test(name) && !FOREIGN.test(table));
    const rows = {};
    for (const { name } of made.filter(({ type }) => type === "table")) {
      rows[name] = (await everyRow(database, name)).map(packedRow);
    }
    const r2 = [];
    for (const { key } of (await bucket.list()).objects) {
      const bytes = Buffer.from(await (await bucket.get(key)).arrayBuffer());
      r2.push({ key, body: packed(bytes) });
    }
    return { kv, objects, d1: { schema: made.map(({ sql }) => sql), rows }, r2 };
  });
}

/** Puts what was read into the empty stores in `state`. */
export function writeStores(state, { kv, objects, d1, r2 }) {
  return withStores(state, async ({ keys, database, bucket, object }) => {
    for (const { name, value, metadata, ttl } of kv) await keys.put(name, value, { metadata, expirationTtl: ttl });
    for (const [name, content] of Object.entries(objects)) await object({ name, content });
    for (const sql of d1.schema) await database.prepare(sql).run();
    for (const [table, rows] of Object.entries(d1.rows)) {
      for (const row of rows) {
        const names = Object.keys(row);
        const sql = `INSERT INTO ${table} (${names}) VALUES (${names.map(() => "?")})`;
        await database.prepare(sql).bind(...Object.values(row).map(unpackedCell)).run();
      }
    }
    for (const { key, body } of r2) await bucket.put(key, unpacked(body));
  });
}
