// The real stores keep the promises in `tests/contract/*.json`. tests/contract.rs holds the stand-ins to the same promises.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { seenFrom } from "../../proof/bindings.mjs";
import { Gateway } from "./gateway.mjs";
import { source } from "./providers.mjs";

const here = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const suite = (name) => JSON.parse(here(`../contract/${name}.json`));
const gateway = await Gateway.start({ sources: { exact: source("generic", { dedup: "exact" }) } });
after(() => gateway.close());

/** Runs the steps of a scenario. `act(step)` returns the value that the step saw. */
async function run({ steps }, act, fits = assert.deepEqual) {
  for (const step of steps) {
    const saw = await act(step);
    const told = `${JSON.stringify(step)} saw ${JSON.stringify(saw)}`;
    if ("sees" in step) fits(saw, step.sees, told);
    if ("may" in step) assert.ok(step.may.includes(saw), told);
  }
}

describe("Workers KV, which is stronger in the local runtime than in production", () => {
  const scenarios = suite("keys").filter(({ needs }) => needs !== "time");
  for (const [number, scenario] of scenarios.entries()) {
    test(scenario.name, async () => {
      const keys = await gateway.keys();
      await run(scenario, ({ do: what, key, value, ttl }) => {
        const name = `contract/${number}/${key}`;
        if (what === "put") return keys.put(name, value, { expirationTtl: ttl });
        return what === "get" ? keys.get(name) : keys.delete(name);
      });
    });
  }
});

/** A KV without any delay, with its own clock. */
function ideal(clock) {
  const held = new Map();
  const there = (key) => (held.get(key)?.until > clock.now ? held.get(key) : undefined);
  return {
    getWithMetadata: async (key) => ({ value: there(key)?.value ?? null, metadata: there(key)?.metadata ?? null }),
    put: async (key, value, { expirationTtl, metadata }) => {
      held.set(key, { value, metadata, until: clock.now + expirationTtl * 1000 });
    },
  };
}

describe("the KV of the storm, whose two views together are as late as KV may be", () => {
  for (const scenario of suite("keys").filter(({ needs }) => needs !== "values")) {
    test(scenario.name, async (t) => {
      const [shown, clock] = [new Map(), { now: 0 }];
      t.mock.method(Date, "now", () => clock.now);
      for (const view of ["elsewhere", "everywhere"]) {
        const kv = ideal(clock);
        const places = [0, 1].map(() => seenFrom(kv, { stale: 60_000, view }));
        await run(scenario, async (step) => {
          clock.now = step.at * 1000;
          const { do: what, key, value, ttl } = step;
          if (what !== "get") return void (await places[step.place][what](key, value, { expirationTtl: ttl }));
          const saw = await places[step.place].get(key);
          shown.set(step, [...(shown.get(step) ?? []), saw]);
          return saw;
        });
      }
      for (const [step, saw] of shown) {
        if ("weakest" in step) assert.ok(saw.includes(step.weakest), `${JSON.stringify(step)}: stronger than production`);
      }
    });
  }
});

describe("the Durable Object of claims", () => {
  const token = (letter) => letter.charCodeAt(0).toString(16).padStart(16, "0");
  let offset = 0;
  for (const [number, scenario] of suite("claims").entries()) {
    test(scenario.name, async () => {
      const [name, base] = [`contract ${number}`, Date.now() / 1000 + offset];
      // The expected times are multiples of 5 s, so the real time of the test is rounded away.
      const since = (seconds) => Math.round((seconds - base) / 5) * 5 + 0;
      const call = (method, ...args) => gateway.object("contract", method, name, ...args);
      const act = async (step) => {
        await gateway.ahead((base + step.at) * 1000 - Date.now());
        if (step.do === "forget") return call("forget");
        if (step.do === "release") return call("release", token(step.token));
        if (step.do === "confirm") return call("confirm", token(step.token), step.ttl);
        const { first, in_flight, duplicate } = JSON.parse(await call("claim", step.lease, step.ttl, token(step.token)));
        if (in_flight) return { in_flight: since(in_flight.until) };
        if (duplicate) return { duplicate: since(duplicate.first_seen) };
        assert.equal(first.token, token(step.token));
        return { first: String.fromCharCode(parseInt(first.acceptance, 16)), since: since(first.first_seen) };
      };
      await run(scenario, act);
      offset += 10_000;
    });
  }
  test("resets the clock", () => gateway.ahead(0));
});

describe("R2", () => {
  for (const scenario of suite("payloads")) {
    test(scenario.name, async () => {
      const bucket = await gateway.bucket();
      const began = Date.now();
      const listed = async ({ prefix, before }) => {
        const names = [];
        for (let page = { truncated: true }; page.truncated; ) {
          page = await bucket.list({ prefix, cursor: page.cursor, limit: 2 });
          const old = page.objects.filter(({ uploaded }) => uploaded.getTime() < began + before * 1000);
          names.push(...old.map(({ key }) => key));
        }
        return names;
      };
      const loaded = async (name) => {
        const found = await bucket.get(name);
        if (found === null) return "nothing";
        const bytes = await found.text();
        return bytes === "" ? "delivered" : { bytes };
      };
      await run(scenario, async (step) => {
        if (step.do === "store") await bucket.put(step.name, step.body);
        else if (step.do === "mark") await bucket.put(step.name, "");
        else if (step.do === "discard") await bucket.delete(step.names);
        else return step.do === "load" ? loaded(step.name) : listed(step);
      });
      await bucket.delete((await bucket.list()).objects.map(({ key }) => key));
    });
  }
});

/** The SQL statements over dead letters in the source of the Worker. */
function statements() {
  const rust = ["letter/waiting.rs", "edge/letters.rs"].map((file) => here(`../../src/${file}`)).join("").replace(/\\\n\s*/g, "");
  const literal = (from) => /"((?:[^"\\]|\\.)*)"/.exec(rust.slice(from))[1];
  const constant = (name) => literal(rust.indexOf("=", rust.indexOf(`const ${name}:`)));
  const number = (name) => /= ([0-9_]+);/.exec(rust.slice(rust.indexOf(`const ${name}:`)))[1].replaceAll("_", "");
  // The condition for the source: with a source, and without one.
  const scopes = /"(source = \?1)" } else { "(\?1 IS NULL)"/.exec(rust);
  const of = (name, { source = null } = {}) => {
    const at = rust.indexOf(`fn ${name}(`);
    assert.ok(at > 0, name);
    const places = {
      COLUMNS: constant("COLUMNS"), CONDITION: constant("CONDITION"), COUNTED: number("COUNTED"), MOST_GROUPS: number("MOST_GROUPS"),
      scope: scopes[source === null ? 2 : 1],
    };
    return literal(at).replace(/\{([A-Za-z_]+)\}/g, (_, place) => places[place] ?? assert.fail(place));
  };
  const files = ["0001_dead_letters", "0007_waiting_letters"].map((name) => here(`../../migrations/${name}.sql`));
  const schema = files.join("").replace(/^--.*$/gm, "").split(";");
  return { of, schema: schema.map((sql) => sql.trim()).filter((sql) => sql !== "") };
}

describe("D1, with the statements of the Worker", () => {
  const { of, schema } = statements();
  for (const scenario of suite("letters")) {
    test(scenario.name, async () => {
      const database = await gateway.database();
      for (const statement of [...schema, "DELETE FROM dead_letters"]) await database.prepare(statement).run();
      const rows = async (name, ...values) => (await database.prepare(of(name)).bind(...values).all()).results;
      const filtered = async (name, filter, ...more) => {
        const { source = null, type = null, reason = null, since = null, until = null } = filter;
        return (await database.prepare(of(name, filter)).bind(source, type, reason, since, until, ...more).all()).results;
      };
      const columns = ({ at, id, source = "", type = "", reason = "", redrives = 0, payload = null, expires = at + 1000 }, message) =>
        [id, source, "evt_1", type, "", "", at, reason, 2, payload, expires, message, redrives];
      const acts = {
        keep: (step) => rows("keep", ...columns(step, "{}")),
        redriven: ({ at, id, redrives }) => rows("redriven", id, at, redrives),
        replayed: (step) => rows("replayed", JSON.stringify([columns(step, "")]), step.at),
        has: async ({ id }) => (await rows("has", id)).length > 0,
        list: async ({ after = null, limit = 100, ...filter }) =>
          (await filtered("list", filter, after, limit)).map(({ id }) => id),
        groups: async ({ source = null, ...filter }) => {
          const groups = await filtered("groups", { source, ...filter });
          const [{ looked }] = (await database.prepare(of("looked", { source })).bind(source).all()).results;
          return {
            groups: groups.map((group) => [group.source, group.reason, group.count, group.oldest, group.newest]),
            letters: groups[0]?.letters ?? 0,
            complete: looked <= 20_000,
          };
        },
        take: async ({ at, id, until, expires = 0 }) => (await rows("take", id, at, until, expires)).length > 0,
        expire: async ({ at }) => (await rows("expire", at)).length,
        referred: async ({ names }) => (await rows("referred", JSON.stringify(names))).map(({ name }) => name),
      };
      await run(scenario, (step) => acts[step.do](step));
      await database.prepare("DELETE FROM dead_letters").run();
    });
  }
});
