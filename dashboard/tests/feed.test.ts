import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_ROWS, admit, begin, extend, nextReading, reread, type Page } from "../src/feed.ts";

interface Row {
  id: string;
  state: string;
}
const row = (id: string, state = "waiting"): Row => ({ id, state });
const page = (rows: Row[], next: string | null = null): Page<Row> => ({ rows, next });
const ids = (rows: Row[]) => rows.map(({ id, state }) => `${id}${state === "waiting" ? "" : `:${state}`}`).join(" ");

test("new rows wait, and known rows are replaced in their places", () => {
  let feed = begin(page([row("b"), row("a")]));
  feed = reread(feed, page([row("c"), row("b", "dead"), row("a")]));
  assert.deepEqual([ids(feed.rows), ids(feed.fresh)], ["b:dead a", "c"]);
  feed = reread(feed, page([row("d"), row("c", "delivered"), row("b", "dead")], "after b"));
  assert.deepEqual([ids(feed.rows), ids(feed.fresh)], ["b:dead a", "d c:delivered"]);
  feed = admit(feed);
  assert.deepEqual([ids(feed.rows), ids(feed.fresh)], ["d c:delivered b:dead a", ""]);
});

test("rows that come to an empty list move nothing, so they are shown", () => {
  assert.equal(ids(reread(begin(page([])), page([row("a")])).rows), "a");
});

test("who looked further back in vain does not begin again", () => {
  let feed = reread(begin<Row>(page([])), page([], "after 1000"));
  assert.equal(feed.next, "after 1000");
  feed = reread(extend(feed, page([], "after 2000")), page([], "after 1000"));
  assert.equal(feed.next, "after 2000");
  assert.deepEqual(reread(feed, page([row("a")], "after a")).next, "after a");
});

test("an older page has no row twice", () => {
  const feed = extend(
    reread(begin(page([row("c"), row("b")], "after b")), page([row("d"), row("c")], "after c")),
    page([row("b"), row("a")]),
  );
  assert.equal(ids(feed.rows), "c b a");
  assert.equal(feed.next, null);
});

test("more new rows than a page has are a gap: the list begins anew, and goes on after its page", () => {
  let feed = begin(page([row("b"), row("a")], "after a"));
  feed = reread(feed, page([row("z"), row("y")], "after y"));
  assert.deepEqual([ids(feed.rows), ids(feed.fresh), feed.hasGap], ["b a", "z y", true]);
  feed = admit(feed);
  assert.deepEqual([ids(feed.rows), feed.next, feed.hasGap], ["z y", "after y", false]);
});

test("a list that is open for an hour stays bounded, asked for or not", () => {
  let asked = begin(page([row("0")], "after 0"));
  let unasked = asked;
  for (let at = 1; at < 2000; at += 1) {
    const next = page([row(String(at)), row(String(at - 1))], `after ${at - 1}`);
    asked = admit(reread(asked, next));
    unasked = reread(unasked, next);
    assert.ok(asked.rows.length <= MOST_ROWS && unasked.fresh.length <= MOST_ROWS);
  }
  assert.equal(asked.rows[0]?.id, "1999");
  const last = admit(unasked);
  assert.deepEqual([ids(last.rows), last.next], ["1999 1998", "after 1998"]);
});

test("failures slow the reading down, and a hidden page reads nothing", () => {
  const waits = [0, 1, 2, 5, 9].map((failures) => nextReading(3000, failures, false));
  assert.deepEqual(waits, [3000, 6000, 12_000, 60_000, 60_000]);
  assert.equal(nextReading(3000, 0, true), null);
});
