// What an operator must look at: secrets, handshakes, alerts, and what is off.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Alert, Source, Stats } from "../src/api.ts";
import { concernsOf, offOf, verdictOf } from "../src/attention.ts";

const source = (more: object) =>
  ({ name: "shop", usable: true, secrets: [], handshake: null, ...more }) as unknown as Source;
const told = (...sources: Source[]) => concernsOf({ sources }).map(({ tone, title }) => `${tone} ${title}`);

test("a secret that came is a warning, one that is awaited or can go is no hurry", () => {
  assert.deepEqual(told(source({ handshake: "secret_waits" })), ["warn shop: a secret waits"]);
  assert.deepEqual(told(source({ handshake: "armed" })), ["info shop waits for a secret"]);
  assert.deepEqual(told(source({ handshake: "unknown" })), []);
  const secrets = [
    { secret: "OLD", state: "unused", text: "" },
    { secret: "NEW", state: "in_use", text: "" },
  ];
  assert.deepEqual(told(source({ secrets })), ["info shop: delete OLD"]);
});

test("an acknowledged alert stays in sight, and is no problem", () => {
  const alert = (status: Alert["status"]) =>
    ({ rule: "dead_letters", source: "shop", status, acknowledged_by: "on-call" }) as Alert;
  const of = (status: Alert["status"]) => concernsOf({ alerts: [alert(status)] });
  assert.deepEqual(
    [of("open")[0]?.tone, of("acknowledged")[0]?.tone, of("resolved"), of("pending")],
    ["bad", "info", [], []],
  );
  assert.match(of("acknowledged")[0]?.detail ?? "", /acknowledged by on-call/);
});

test("the alerts of one rule are one concern, with all that they are about", () => {
  const alert = (rule: Alert["rule"], source: string | null, cause: string | null, status: Alert["status"] = "open") =>
    ({ rule, source, cause, status, acknowledged_by: status === "open" ? null : "on-call" }) as Alert;
  const alerts = [
    alert("refusals", "shop", "too_old"),
    alert("backlog", "shop", null),
    alert("refusals", "billing", "signature_mismatch"),
    alert("refusals", null, null, "acknowledged"),
    alert("refusals", "old", null, "resolved"),
  ];
  assert.deepEqual(
    concernsOf({ alerts }).map(({ tone, title, detail }) => [tone, title, detail]),
    [
      ["bad", "Alert: Backlog", "shop"],
      ["bad", "2 alerts: Refusals", "shop: Too old, billing: Signature mismatch"],
      ["info", "Alert: Refusals", "Several sources · acknowledged by on-call"],
    ],
  );
});

const none = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, unreachable: 0 };
/** Numbers of a day in steps of half an hour, with the attempts of one destination so many minutes ago. */
function stats(ago: [number, Partial<typeof none>][]): Stats {
  const now = Date.parse("2026-11-28T12:00:00Z");
  const points = ago.map(([minutes, attempts]) => ({
    at: new Date(now - minutes * 60_000).toISOString(),
    source: "shop",
    destinations: { "https://app.example.com/x": { attempts: { ...none, ...attempts } } },
  }));
  const backlog = { dead_letters: [], events: [], paused: [] };
  return { until: "2026-11-28T12:00:00Z", step_seconds: 1800, points, totals: [], backlog } as unknown as Stats;
}

test("a destination fails now, or it is history", () => {
  const told = (ago: Parameters<typeof stats>[0]) => concernsOf({ stats: stats(ago) }).map(({ tone, title, detail }) => [tone, title, detail]);
  assert.deepEqual(told([[30, { "5xx": 12, "2xx": 8 }]]), [
    ["bad", "60.0 % of the attempts fail", "shop → app.example.com/x · 12 of 20 in the last 1 h"],
  ]);
  assert.equal(told([[30, { "5xx": 2, "2xx": 18 }]])[0]?.[0], "warn");
  assert.deepEqual(told([[300, { "5xx": 500 }], [30, { "2xx": 20 }]]), [], "an outage that is over");
  assert.equal(told([[60, { "5xx": 6 }], [0, { unreachable: 6 }]]).length, 1, "columns are added");
  assert.deepEqual(told([[0, { "5xx": 9 }]]), [], "too few to tell");
});

test("refusals come after what fails, because most are forged and do no harm", () => {
  const alert = { rule: "refusals", source: "shop", cause: "too_old", status: "open" } as Alert;
  const titles = concernsOf({ stats: stats([[0, { "5xx": 20 }]]), alerts: [alert] }).map(({ title }) => title);
  assert.deepEqual(titles, ["100 % of the attempts fail", "Alert: Refusals"]);
});

test("the verdict counts problems and warnings, and not what is for information", () => {
  const one = (tone: "bad" | "warn" | "info") => ({ tone, title: "", detail: "", href: "" });
  assert.deepEqual(verdictOf([one("info")]), { tone: "good", text: "Nothing needs attention" });
  assert.deepEqual(verdictOf([one("warn"), one("warn")]), { tone: "warn", text: "2 warnings" });
  assert.deepEqual(verdictOf([one("bad"), one("warn"), one("info")]), { tone: "bad", text: "1 problem, 1 warning" });
});

test("what is not read yet, or cannot be read, is no health", () => {
  assert.equal(verdictOf([], true).tone, "info");
  const unread = [{ name: "The alerts", problem: "The database fails." }];
  const concerns = concernsOf({ unread });
  assert.deepEqual(concerns.map(({ title }) => title), ["The alerts cannot be read"]);
  assert.equal(verdictOf(concerns).tone, "warn");
});

test("each feature that the Worker calls off has a block that turns it on", () => {
  const off = ["PAYLOADS: large events are answered 413", "LOG: no letters: none", "REJECTS: no limit"];
  const all = offOf({ name: "a", kind: "read", version: "1", off });
  assert.deepEqual(
    all.map(({ binding, without, block }) => [binding, without, block.includes(`"${binding}"`)]),
    [
      ["PAYLOADS", "large events are answered 413", true],
      ["LOG", "no letters: none", true],
      ["REJECTS", "no limit", true],
    ],
  );
});
