// Answers of the API with something in every place, for the pages of tests. The types are those of docs/openapi.json, so
// `make check` finds an answer that the API does not give anymore.
import type {
  Alert,
  AlertList,
  AuditPage,
  Caller,
  DeadLetter,
  DeadLetterPage,
  DestinationStats,
  DryRun,
  EventDetail,
  EventPage,
  EventSummary,
  LetterGroups,
  Progress,
  RefusedPage,
  Source,
  State,
  Stats,
  TestReport,
} from "../../src/api.ts";

const KEY = "3f29a1c8e07b4d5692fe10ab37c6d8450918273645afbecd1029384756abcdef";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const MINUTE = 60_000;
const STATES: State[] = ["delivered", "dead", "retrying", "waiting", "paused", "filtered", "delivered", "delivered"];

/** The answers by the path under /api, `{id}` for any part, perhaps after a method. `now` is the time; `text` makes each text from outside. */
export function answersAt(now: number, text: (plain: string) => string): Record<string, unknown> {
  const ago = (minutes: number) => new Date(now - minutes * MINUTE).toISOString().replace(".000Z", "Z");
  const event = (at: number): EventSummary => {
    const state = STATES[at % STATES.length]!;
    return {
      id: `${1_796_000_000 - at}-${KEY.slice(0, 32)}`,
      received: ago(3 * at + 1),
      updated: ago(3 * at),
      source: text(at % 3 === 0 ? "billing" : "shop"),
      type: at % 5 === 4 ? "" : text(`invoice.${state}`),
      event_id: text(`evt_${1000 + at}`),
      state,
      status: { delivered: 200, dead: 410, retrying: 503, waiting: null, paused: null, filtered: null }[state],
      attempts: { delivered: 1, dead: 1, retrying: 4, waiting: 0, paused: 0, filtered: 0 }[state],
      duplicates: at % 4,
      next_attempt: state === "retrying" ? ago(-12) : null,
      delivered: state === "delivered" ? ago(3 * at) : null,
      destination: text("https://app.example.com/billing"),
      reason: state === "dead" ? "origin_refused" : state === "retrying" ? "origin_failed" : null,
      bytes: 512 + at,
    };
  };
  const numbers = (failed: number): DestinationStats => ({
    accepted: 900,
    delivered: 880,
    dead: failed > 0 ? 3 : 0,
    attempts: { "2xx": 880, "3xx": 0, "4xx": failed, "5xx": failed * 9, unreachable: failed },
    latency_ms: { p50: 41, p95: 212, p99: 1300 },
  });
  const waiting = (state: State, source: string, count: number, minutes: number) => ({
    source: text(source),
    state,
    count,
    oldest: ago(minutes),
    oldest_seconds: minutes * 60,
  });
  const pause = { by: text("on-call"), since: ago(12), reason: text("the database moves"), configured: false };
  const events = Array.from({ length: 12 }, (_, at) => event(at));
  const body = JSON.stringify({ id: text("evt_1001"), [text("name")]: text("value"), numbers: [1, 2.5, 1e30] });
  const headers: [string, string][] = [
    ["content-type", "application/json"],
    ["user-agent", text("Example/1.0")],
    [text("x-webhook-note"), text("a note")],
  ];
  const detail: EventDetail = {
    ...event(1),
    provider: "generic",
    key: KEY,
    trace: TRACE,
    why: text("The destination answered 410, which says that it will never want the event."),
    headers,
    body,
    body_base64: null,
    kept: "exact",
    history: [503, null, 410].map((status, at) => ({
      number: at + 1,
      at: ago(4 - at),
      destination: text("https://app.example.com/billing"),
      status,
      error: text(status === null ? "the destination did not answer within 10 s" : `the origin answered ${status}`),
      ms: 87 + at,
      redrive: 0,
      replay: null,
      next_attempt: null,
    })),
  };
  const stats: Stats = {
    since: ago(24 * 60),
    until: ago(0),
    step_seconds: 1800,
    partial_before: null,
    totals: ["billing", "shop", ""].map((source, at) => ({
      source: source && text(source),
      verdicts: { accepted: 900, duplicate: 31, filtered: 12, rejected: at * 7, failed: at },
      reasons: { signature_mismatch: at * 6, body_too_large: at },
      destinations: source ? { [text("https://app.example.com/billing")]: numbers(at * 20) } : {},
    })),
    points: Array.from({ length: 40 }, (_, at) => ({
      at: ago(30 * at + 30),
      source: text("billing"),
      verdicts: { accepted: 10 + ((at * 7) % 13), duplicate: at % 3, rejected: at % 5, failed: at % 11 === 0 ? 2 : 0 },
      reasons: { signature_mismatch: at % 5 },
      destinations: { [text("https://app.example.com/billing")]: numbers(at % 4) },
    })),
    backlog: {
      dead_letters: [waiting("dead", "billing", 3, 200)],
      dead_letters_complete: true,
      events: [
        waiting("retrying", "shop", 7, 40),
        waiting("paused", "billing", 4, 12),
      ],
      events_partial_before: null,
      paused: [{ ...pause, source: text("billing") }],
      queue: null,
    },
  };
  const source = (name: string, more: Partial<Source> = {}): Source => ({
    name: text(name),
    handshake: null,
    usable: true,
    error: null,
    pause: null,
    last_event: ago(2),
    last_24h: {
      verdicts: { accepted: 900, rejected: 7 },
      reasons: { signature_mismatch: 7 },
      delivered: 880,
      dead: 3,
      failed_attempts: 20,
    },
    secrets: [
      { secret: "BILLING_SECRET", state: "in_use", last_matched: ago(5), text: text("in use, last matched 5m ago") },
      { secret: "BILLING_OLD", state: "never_matched", text: text("never matched: compare it with the provider's") },
    ],
    settings: {
      provider: text("generic"),
      strength: "weak",
      weakness: text("no signature covers the time of the request"),
      destination: text("https://app.example.com/billing"),
      deliver: "queue",
      dedup: "kv",
      dedup_ttl_seconds: 259_200,
      events: [text("invoice.*"), text("customer.created")],
      max_body_bytes: 1_048_576,
      log_bodies_seconds: 604_800,
      redact_rules: 2,
    },
    ...more,
  });
  const broken = source("broken", {
    usable: false,
    error: text("the secret BROKEN_SECRET is not set"),
    settings: null,
    secrets: [],
    last_24h: null,
    last_event: null,
  });
  const alert = (status: Alert["status"], rule: Alert["rule"]): Alert => ({
    id: `${status}-0f6d21c7b39a4e58`,
    rule,
    status,
    source: text("billing"),
    destination: text("https://app.example.com/billing"),
    cause: "signature_mismatch",
    since: ago(45),
    ended: status === "resolved" ? ago(5) : null,
    acknowledged: status === "acknowledged" ? ago(10) : null,
    acknowledged_by: status === "acknowledged" ? text("on-call") : null,
    measured: { kind: "share", all: 50, failed: 40, seconds: 900 },
    text: text("The source billing refused 40 of 50 requests in the last 15m. Look at the refused requests of the source."),
  });
  const letter = (at: number): DeadLetter => ({
    id: KEY.replace("3", String(at)),
    key: KEY,
    source: text(at === 2 ? "shop" : "billing"),
    type: text("invoice.paid"),
    event_id: text(`evt_${2000 + at}`),
    reason: text("the origin answered 410"),
    received: ago(300 + at),
    died: ago(200 + at),
    expires: ago(-40_000),
    redrives: at,
    bytes: 512,
  });
  const job: Progress = {
    id: "9b1f0a4c7d2e8365",
    state: "running",
    by: text("on-call"),
    created: ago(3),
    ended: null,
    selected: 3000,
    enqueued: 1200,
    skipped: 100,
    delivered: 1180,
    failed: 2,
    rate: 50,
    problem: text("the queue refused a batch, and is asked again"),
  };
  const refused: RefusedPage = {
    counts: [
      { source: text("billing"), reason: "signature_mismatch", verdict: "rejected", count: 40 },
      { source: "", reason: "not_found", verdict: "rejected", count: 3 },
    ],
    counts_partial_before: null,
    next: null,
    refused: [401, 413, 404].map((status, at) => ({
      id: `1796000000.${at}.signature_mismatch.billing`,
      at: ago(7 * at + 2),
      source: at === 2 ? "" : text("billing"),
      reason: ["signature_mismatch", "body_too_large", "not_found"][at]!,
      status,
      detail: text("no secret proves the signature"),
      why: text("The signature does not match the secret. Compare the secret with the provider's page."),
      method: text("POST"),
      path: text("/webhooks/billing"),
      headers,
      bytes: at === 1 ? null : body.length,
      body: at === 1 ? null : body,
      body_base64: null,
    })),
  };
  const tested: TestReport = {
    source: text("billing"),
    kind: "good",
    secret: text("BILLING_SECRET"),
    as_expected: false,
    notes: [text("The destination gets the event too.")],
    requests: [
      {
        as_expected: false,
        expected: { verdict: "accepted" },
        status: 401,
        answer: text("no"),
        verdict: "rejected",
        reason: "signature_mismatch",
        detail: text("no secret proves the signature"),
        key: KEY,
      },
    ],
  };
  const dryRun: DryRun = {
    dry_run: true,
    token: "1768480200-9b1f0a4c7d2e836541c07a95be83d2f6",
    selected: 3000,
    delivered: 2000,
    seconds: 60,
    first: ago(600),
    last: ago(2),
    until: ago(0),
    destinations: [
      { source: text("billing"), destination: text("https://app.example.com/billing"), selected: 3000 },
    ],
    skipped: { delivered: 2000, under_way: 4, filtered: 2 },
    cannot: [{ source: text("shop"), count: 2, reason: text("the log has no body of it") }],
    problem: text("the job would take more than a day"),
  };
  return {
    caller: {
      name: text("on-call"),
      kind: "write",
      version: "0.1.0",
      off: [text("PAYLOADS: large events are answered 413")],
    } satisfies Caller,
    events: { events, next: null } satisfies EventPage,
    "events/{id}": detail,
    stats,
    sources: { sources: [source("billing", { pause }), source("shop"), broken] },
    "sources/{id}": source("billing", { pause }),
    "sources/shop": source("shop"),
    "sources/{id}/test": tested,
    alerts: {
      receiver: text("hooks.example.com"),
      alerts: [
        alert("open", "refusals"),
        alert("pending", "silent"),
        alert("acknowledged", "backlog"),
        alert("resolved", "failed_attempts"),
      ],
    } satisfies AlertList,
    audit: {
      next: null,
      audit: ["redrive", "pause", "forget_key"].map((action, at) => ({
        id: `006968ddc8000000000000000${at}`,
        at: ago(20 * at + 4),
        caller: text("on-call"),
        action,
        target: text("billing"),
        detail: text(at === 1 ? "the database moves" : "id=evt_1"),
      })),
    } satisfies AuditPage,
    "dead-letters": { dead_letters: [0, 1, 2].map(letter) } satisfies DeadLetterPage,
    "dead-letters/groups": {
      groups: [
        { source: text("billing"), reason: text("the origin answered 410"), count: 2, oldest: ago(201), newest: ago(200) },
        { source: text("shop"), reason: text("the origin answered 410"), count: 1, oldest: ago(202), newest: ago(202) },
      ],
      letters: 3,
      complete: true,
    } satisfies LetterGroups,
    refused,
    replay: { jobs: [job, { ...job, state: "done", ended: ago(1), problem: null }] },
    "POST replay": dryRun,
    "replay/{id}": job,
  };
}
