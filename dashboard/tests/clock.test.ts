import assert from "node:assert/strict";
import { test } from "node:test";
import { learn, time } from "../src/clock.ts";

/** How far the gateway's time is from the time here, after an answer that took `ms`. */
function ahead(date: string | null, ms = 100): number {
  const here = Date.now();
  learn(date, here - ms, here);
  return time() - Date.now();
}
const from = (ms: number) => new Date(Date.now() + ms).toUTCString();
const about = (found: number, wanted: number) => assert.ok(Math.abs(found - wanted) <= 2000, `${found}, not ${wanted}`);

test("the clock of the reader's computer may be wrong by any time", () => {
  for (const wrong of [3_600_000, -3_600_000, 5000, -5000, 400 * 86_400_000]) about(ahead(from(wrong)), wrong);
});

test("a clock that may be right is right", () => {
  ahead(from(3_600_000));
  for (const date of [from(0), from(-900), from(900)]) assert.ok(Math.abs(ahead(date)) <= 5, date);
  assert.ok(Math.abs(ahead(from(-20_000), 30_000)) <= 5, "the answer took long, so its date proves nothing");
});

test("an answer without a date teaches nothing", () => {
  ahead(from(3_600_000));
  for (const date of [null, "", "soon"]) about(ahead(date), 3_600_000);
});
