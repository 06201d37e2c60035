import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytes,
  count,
  duration,
  millis,
  plural,
  relative,
  share,
  shown,
  shownLines,
  stamp,
  withLocalTimes,
  words,
} from "../src/format.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");

test("numbers", () => {
  assert.deepEqual([0, 999, 1234, 99_999, 123_456, 1_250_000, 12_345_678].map(count), [
    "0",
    "999",
    "1,234",
    "99,999",
    "123k",
    "1.3M",
    "12M",
  ]);
  assert.deepEqual([0, 999, 1234, 56_789, 1_048_576].map(bytes), ["0 B", "999 B", "1.2 kB", "57 kB", "1.0 MB"]);
  assert.deepEqual([plural(1, "event"), plural(2, "event"), plural(0, "event")], ["1 event", "2 events", "0 events"]);
});

test("a share that is not all or nothing is never printed as all or nothing", () => {
  assert.deepEqual([share(0, 5), share(5, 5), share(1, 2), share(0, 0)], ["0 %", "100 %", "50.0 %", "–"]);
  assert.equal(share(99_999, 100_000), "> 99.9 %");
  assert.equal(share(1, 100_000), "< 0.1 %");
});

test("durations", () => {
  assert.deepEqual([0, 42, 60, 75, 600, 3600, 7500, 90_000, -5].map(duration), [
    "0 s",
    "42 s",
    "1 min",
    "1 min 15 s",
    "10 min",
    "1 h",
    "2 h 5 min",
    "1 d 1 h",
    "0 s",
  ]);
  assert.deepEqual([41, 999, 1240, 61_000].map(millis), ["41 ms", "999 ms", "1.2 s", "1 min 1 s"]);
});

test("a text of the API has its times as the rest of the page shows them", () => {
  const at = "2026-11-28T12:00:00Z";
  assert.equal(withLocalTimes(`It came at ${at}. It went at ${at}, twice.`), `It came at ${stamp(at)}. It went at ${stamp(at)}, twice.`);
  assert.equal(withLocalTimes("2026-11-28T12:00:00.123Z"), stamp(at));
  assert.equal(withLocalTimes("99:99 and 2026-11-28 stay"), "99:99 and 2026-11-28 stay");
});

test("times are told from now, in the past and in the future", () => {
  const at = (seconds: number) => relative(new Date(NOW + seconds * 1000).toISOString(), NOW);
  assert.deepEqual([0, -2, -12, -240, -7200, -200_000, 30, 3600].map(at), [
    "just now",
    "just now",
    "12 s ago",
    "4 min ago",
    "2 h ago",
    "2 d ago",
    "in 30 s",
    "in 1 h",
  ]);
  assert.equal(relative("no time", NOW), "no time");
});

test("hidden characters become visible, so that a text cannot look like another one", () => {
  assert.equal(shown("evt\u202e1\u2066x"), "evt[U+202E]1[U+2066]x");
  assert.equal(shown("a\nb\0c\u200b\ufeff\u007f\u0085"), "a␊b␀c[U+200B][U+FEFF]␡[U+0085]");
  assert.equal(shown("Zoë <b>&amp; שלום"), "Zoë <b>&amp; שלום");
  assert.equal(shownLines("a\r\n\tb\u202ec"), "a\n\tb[U+202E]c");
  assert.equal(shown("a\u034fb\u3164\ufe00\u{e0041}\u2029"), "a[U+034F]b[U+3164][U+FE00][U+E0041][U+2029]");
  assert.equal(shown("\u2764\ufe0f 1\ufe0f"), "\u2764\ufe0f 1[U+FE0F]", "an emoji keeps its colours");
  assert.equal(shown("\ud800x\udc00"), "[U+D800]x[U+DC00]");
  assert.equal(shown(`${"x".repeat(9)}\u{1f600}`, 10), "xxxxxxxxx…", "no half of a character is left");
  assert.equal(shown(`e${"\u0301".repeat(100)}!`), `e${"\u0301".repeat(8)}[+92 marks]!`);
  assert.equal(shown("x".repeat(1_048_576)).length, 301);
});

test("codes as words", () => assert.equal(words("signature_mismatch"), "Signature mismatch"));
