import assert from "node:assert/strict";
import { test } from "node:test";
import { aheadOf } from "../src/clock.ts";

const NOW = Date.parse("2026-11-28T12:00:00.700Z");
const DATE = Date.parse("2026-11-28T12:00:00Z");
const HOUR = 3_600_000;

test("two clocks that differ by less than an answer can tell are one", () => {
  assert.equal(aheadOf(DATE, NOW, 0), 0);
  assert.equal(aheadOf(DATE + 1000, NOW, 0), 0);
  assert.equal(aheadOf(DATE - 1000, NOW, 0), 0);
});

test("a browser whose clock is wrong knows by how much, and the noise of answers changes nothing", () => {
  const ahead = aheadOf(DATE + HOUR, NOW, 0);
  assert.equal(ahead, HOUR - 200);
  assert.equal(aheadOf(DATE + HOUR + 1000, NOW + 1000, ahead), ahead);
  assert.equal(aheadOf(DATE + HOUR + 1000, NOW, ahead), ahead);
  assert.equal(aheadOf(DATE - HOUR, NOW, ahead), -HOUR - 200);
  assert.equal(aheadOf(DATE, NOW, ahead), 0, "the operator has set the clock");
});
