import assert from "node:assert/strict";
import { test } from "node:test";
import { admit, extend, nextReading, reread, type Feed } from "../src/feed.ts";

interface Row {
  id: string;
  state: string;
}
const row = (id: string, state = "waiting"): Row => ({ id, state });
const ids = (rows: Row[]) => rows.map(({ id, state }) => `${id}${state === "waiting" ? "" : `:${state}`}`).join(" ");

test("new rows wait, and known rows are replaced in their places", () => {
  let feed: Feed<Row> = { rows: [row("b"), row("a")], fresh: [] };
  feed = reread(feed, [row("c"), row("b", "dead"), row("a")]);
  assert.deepEqual([ids(feed.rows), ids(feed.fresh)], ["b:dead a", "c"]);
  feed = reread(feed, [row("d"), row("c", "delivered"), row("b", "dead")]);
  assert.deepEqual([ids(feed.rows), ids(feed.fresh)], ["b:dead a", "d c:delivered"]);
  assert.deepEqual([ids(admit(feed).rows), admit(feed).fresh], ["d c:delivered b:dead a", []]);
});

test("an older page has no row twice", () => {
  const feed = extend({ rows: [row("c"), row("b")], fresh: [row("d")] }, [row("b"), row("a")]);
  assert.equal(ids(feed.rows), "c b a");
});

test("a list that is open for an hour stays bounded", () => {
  let feed: Feed<Row> = { rows: [], fresh: [] };
  for (let at = 0; at < 2000; at += 1) feed = admit(reread(feed, [row(String(at))]));
  assert.equal(feed.rows.length, 500);
  assert.equal(feed.rows[0]?.id, "1999");
});

test("failures slow the reading down, and a hidden page reads nothing", () => {
  assert.deepEqual(
    [0, 1, 2, 5, 9].map((failures) => nextReading(3000, failures, false)),
    [3000, 6000, 12_000, 60_000, 60_000],
  );
  assert.equal(nextReading(3000, 0, true), null);
});
