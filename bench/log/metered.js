// Wraps the built Worker in the runtime, and adds up what D1 says of each statement: its rows, which production bills, and
// its time.
import Worker from "./index.js";

export * from "./index.js";

/** By the table of the statement. An isolate outlives its requests. */
let tables = {};

function note(sql, { rows_read, rows_written, duration }) {
  const table = /\b(?:INTO|DELETE FROM|FROM) (\w+)/.exec(sql.replace(/\(SELECT [^()]*\bFROM/, "FROM"))?.[1] ?? "other";
  const sums = (tables[table] ??= { statements: 0, rows_read: 0, rows_written: 0, ms: 0 });
  sums.statements += 1;
  sums.rows_read += rows_read;
  sums.rows_written += rows_written;
  sums.ms += duration;
}

/** The database with a meter. The Worker only prepares statements and runs batches of them. */
class Metered {
  #database;

  constructor(database) {
    this.#database = database;
  }

  prepare(sql) {
    return this.#database.prepare(sql);
  }

  async batch(statements) {
    const results = await this.#database.batch(statements);
    results.forEach(({ meta }, at) => note(statements[at].statement, meta));
    return results;
  }
}

// The `worker` crate asks a binding for the name of its class.
const names = { constructor: { value: { name: "D1Database" } } };
const metered = (env) => (env.LOG ? { ...env, LOG: Object.defineProperties(new Metered(env.LOG), names) } : env);

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/.meter") {
      const answer = Response.json(tables);
      tables = {};
      return answer;
    }
    if (pathname === "/.cron") {
      await Worker.scheduled({ cron: "", scheduledTime: 0 }, metered(env), { waitUntil() {} });
      return new Response();
    }
    return Worker.fetch(request, metered(env), context);
  },

  queue(batch, env, context) {
    return Worker.queue(batch, metered(env), context);
  },
};
