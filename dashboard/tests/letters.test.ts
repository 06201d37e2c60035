import assert from "node:assert/strict";
import { test } from "node:test";
import { oldestOf, sizesOf, untilOf } from "../src/letters.ts";

const letter = (source: string, reason: string) => ({ source, reason });

test("the oldest letters are counted by source and reason, the largest group first", () => {
  const letters = [
    letter("billing", "the origin answered 410"),
    letter("shop", "its retries ran out"),
    letter("shop", "its retries ran out"),
    letter("shop", "the origin answered 410"),
  ];
  const told = (most: number) => oldestOf(letters, most).map(({ source, reason, count }) => `${count} ${source}: ${reason}`);
  assert.deepEqual(told(4), [
    "2 shop: its retries ran out",
    "1 billing: the origin answered 410",
    "1 shop: the origin answered 410",
  ]);
  assert.deepEqual(told(1), ["1 billing: the origin answered 410"]);
  assert.deepEqual(told(0), []);
});

test("two pairs of texts with the same letters are two groups", () => {
  assert.equal(oldestOf([letter("a", "bc"), letter("ab", "c")], 2).length, 2);
});

test("a few letters are offered before all", () => {
  assert.deepEqual(sizesOf(0), []);
  assert.deepEqual(sizesOf(1), [1]);
  assert.deepEqual(sizesOf(7), [1, 7]);
  assert.deepEqual(sizesOf(342), [1, 10, 100, 342]);
});

test("the selection ends after its newest letter, by the clock of the gateway", () => {
  assert.equal(untilOf([]), undefined);
  const groups = [{ newest: "2026-11-28T11:00:00Z" }, { newest: "2026-11-28T12:00:00Z" }, { newest: "2026-11-28T10:00:00Z" }];
  assert.equal(untilOf(groups), "2026-11-28T12:00:01.000Z");
});
