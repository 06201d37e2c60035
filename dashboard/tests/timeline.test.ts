import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventDetail } from "../src/api.ts";
import { timelineOf } from "../src/timeline.ts";

const at = (seconds: number) => new Date(Date.parse("2026-11-28T12:00:00Z") + seconds * 1000).toISOString();
const attempt = (number: number, seconds: number, status: number | null, more = {}) => ({
  at: at(seconds),
  destination: "https://app.example.com/",
  error: null,
  ms: 20,
  next_attempt: null,
  number,
  redrive: 0,
  status,
  ...more,
});
const event = (more: Partial<EventDetail>): EventDetail =>
  ({
    received: at(0),
    updated: at(9),
    delivered: null,
    next_attempt: null,
    state: "delivered",
    history: [],
    ...more,
  }) as EventDetail;
const essence = (more: Partial<EventDetail>) => timelineOf(event(more)).map(({ title, tone }) => `${title} ${tone}`);

test("a delivered event ends with its attempt", () => {
  assert.deepEqual(essence({ history: [attempt(1, 1, 200)] }), ["Received neutral", "Attempt 1 good"]);
});

test("a failed attempt says so, also without an error's text", () => {
  const moments = timelineOf(
    event({
      state: "retrying",
      next_attempt: at(60),
      history: [attempt(1, 1, 503), attempt(2, 6, null, { error: "no connection" })],
    }),
  );
  assert.deepEqual(
    moments.map(({ tone }) => tone),
    ["neutral", "bad", "bad", "next"],
  );
  assert.deepEqual(
    moments.slice(1, 3).map(({ detail }) => detail),
    ["The destination answered 503.", "no connection"],
  );
  assert.deepEqual(
    moments.map(({ gap }) => gap),
    [undefined, 1000, 5000, 54_000],
  );
});

test("a redirect is no success", () => {
  assert.deepEqual(essence({ state: "dead", history: [attempt(1, 1, 301)] }), [
    "Received neutral",
    "Attempt 1 bad",
    "Dead letter bad",
  ]);
});

test("a redrive and a replay begin a new run", () => {
  const history = [
    attempt(1, 1, 410),
    attempt(1, 100, 500, { redrive: 1 }),
    attempt(2, 105, 200, { redrive: 1 }),
    attempt(1, 200, 200, { redrive: 1 }),
  ];
  assert.deepEqual(essence({ history }), [
    "Received neutral",
    "Attempt 1 bad",
    "Redriven neutral",
    "Attempt 1 bad",
    "Attempt 2 good",
    "Sent again neutral",
    "Attempt 1 good",
  ]);
});

test("the attempts of a replay have numbers of their own, beside those of the delivery, and also after a pause", () => {
  const history = [
    attempt(21, 1, 500),
    attempt(22, 5, 500),
    attempt(3, 6, 500, { replay: "a1" }),
    attempt(23, 8, 500),
    attempt(4, 9, 200, { replay: "a1" }),
  ];
  assert.deepEqual(essence({ history }), [
    "Received neutral",
    "Attempt 1 bad",
    "Attempt 2 bad",
    "Sent again neutral",
    "Attempt 1 bad",
    "Attempt 3 bad",
    "Attempt 2 good",
  ]);
});

test("each state without an attempt has its end", () => {
  const ends = {
    waiting: "Waiting next",
    paused: "Paused next",
    dead: "Dead letter bad",
    filtered: "Filtered neutral",
    delivered: "Delivered good",
  } as const;
  for (const [state, end] of Object.entries(ends)) {
    assert.equal(essence({ state: state as EventDetail["state"], delivered: at(1) }).at(-1), end, state);
  }
});
