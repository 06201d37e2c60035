import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, part } from "../src/api.ts";
import { href, parse } from "../src/router.ts";

test("an address is read back", () => {
  const route = parse(href("events", "a/b?c#d", { state: "dead", text: "x&y=z", empty: "" }));
  assert.deepEqual(
    [route.view, route.id, [...route.params]],
    [
      "events",
      "a/b?c#d",
      [
        ["state", "dead"],
        ["text", "x&y=z"],
      ],
    ],
  );
});

test("an address that nobody wrote is the overview", () => {
  for (const hash of ["", "#", "#/", "#/nothing", "#/__proto__", "#/constructor/x"])
    assert.equal(parse(hash).view, "overview", hash);
  assert.equal(parse("#/events/%E0%A4%A").id, "%E0%A4%A", "a broken escape is no crash");
  assert.equal(parse("#/events?text=a?b").params.get("text"), "a?b");
});

test("a part of a path never leaves its place", () => {
  assert.equal(part("a/../b?c#d"), "a%2F..%2Fb%3Fc%23d");
  assert.equal(part("\ud800x"), "%EF%BF%BDx", "half a character is no crash");
  for (const dots of [".", ".."]) assert.throws(() => part(dots), ApiError, dots);
});
