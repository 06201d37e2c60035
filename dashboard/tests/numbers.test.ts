import assert from "node:assert/strict";
import { test } from "node:test";
import type { Alert, DestinationStats, Source, Stats } from "../src/api.ts";
import { concernsOf } from "../src/attention.ts";
import { columnsOf, ranked, roundUp } from "../src/chart.ts";

const stats = (more: object): Stats =>
  ({
    since: "2026-11-28T12:00:00Z",
    until: "2026-11-28T12:30:00Z",
    step_seconds: 600,
    points: [],
    totals: [],
    partial_before: null,
    backlog: {
      dead_letters: [],
      dead_letters_complete: true,
      events: [],
      events_partial_before: null,
      paused: [],
      queue: null,
    },
    ...more,
  }) as Stats;

test("a chart has a column for each step, also without numbers, and adds up the sources", () => {
  const point = (at: string, accepted: number) => ({
    at,
    source: "x",
    verdicts: { accepted },
    reasons: {},
    destinations: {},
  });
  const columns = columnsOf(
    stats({
      points: [point("2026-11-28T12:10:00Z", 2), point("2026-11-28T12:10:00Z", 3), point("2030-01-01T00:00:00Z", 9)],
    }),
    ["accepted", "rejected"],
    ({ verdicts }, name) => verdicts[name] ?? 0,
  );
  assert.deepEqual(
    columns.map(({ values }) => values),
    [
      [0, 0],
      [5, 0],
      [0, 0],
    ],
  );
});

test("a scale ends at a round number", () => {
  assert.deepEqual([0, 1, 3, 5, 11, 50, 51, 1200].map(roundUp), [1, 1, 3, 5, 20, 50, 100, 2000]);
});

test("counts are added up by name, the largest first", () => {
  assert.deepEqual(
    ranked([
      { a: 1, b: 2 },
      { a: 3, none: 0 },
    ]),
    [
      ["a", 4],
      ["b", 2],
    ],
  );
});

test("nothing is wrong, so nothing needs attention", () => {
  const source = {
    name: "fine",
    usable: true,
    secrets: [{ secret: "S", state: "in_use", text: "" }],
  } as unknown as Source;
  assert.deepEqual(
    concernsOf({
      stats: stats({}),
      sources: [source],
      alerts: [],
      caller: { name: "a", kind: "read", version: "1", off: [] },
    }),
    [],
  );
});

test("what needs attention, the worst first", () => {
  const backlog = {
    ...stats({}).backlog,
    dead_letters: [{ source: "shop", state: "dead", count: 3, oldest: "", oldest_seconds: 60 }],
    events: [
      { source: "shop", state: "retrying", count: 2, oldest: "", oldest_seconds: 10 },
      { source: "slow", state: "retrying", count: 5, oldest: "", oldest_seconds: 4000 },
      { source: "held", state: "paused", count: 1, oldest: "", oldest_seconds: 5 },
    ],
  };
  const attempts = { "2xx": 8, "3xx": 0, "4xx": 0, "5xx": 2, unreachable: 0 };
  const destinations = {
    "https://app.example.com/": { accepted: 9, attempts, dead: 0, delivered: 8, latency_ms: null } as DestinationStats,
  };
  const paused = [{ source: "held", since: "", by: "on-call", reason: "the database moves", configured: false }];
  const concerns = concernsOf({
    stats: stats({
      backlog: { ...backlog, paused },
      points: [{ at: stats({}).until, source: "shop", verdicts: {}, reasons: {}, destinations }],
    }),
    sources: [{ name: "broken", usable: false, error: "no secret", secrets: [] } as unknown as Source],
    alerts: [
      { status: "open", rule: "refusals", source: "shop" } as unknown as Alert,
      { status: "resolved", rule: "silent" } as unknown as Alert,
    ],
    caller: { name: "a", kind: "read", version: "1", off: ["REJECTS: refused requests are not limited"] },
  });
  assert.deepEqual(
    concerns.map(({ tone, title }) => `${tone} ${title}`),
    [
      "bad broken refuses every request",
      "bad 3 dead letters",
      "bad Alert: Refusals",
      "warn 20.0 % of the attempts fail",
      "warn held is paused",
      "warn 5 events retrying",
      "warn 1 event paused",
      "info REJECTS is not bound",
    ],
  );
  assert.equal(concerns[5]?.href, "#/events?source=slow&state=retrying&range=7d");
});
