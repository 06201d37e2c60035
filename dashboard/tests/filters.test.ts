import assert from "node:assert/strict";
import { test } from "node:test";
import { fromAddress, parseTyped, printTyped, toQuery, unnamedIn, wantedType, type Filter } from "../src/filters.ts";

test("words with a name are filters, other words are a text", () => {
  const { filter, problems } = parseTyped('state:dead status:5xx type:invoice.* id:evt_1 "two words" cus_42');
  assert.deepEqual(filter, { state: "dead", status: "5xx", type: "invoice.*", id: "evt_1", text: "two words cus_42" });
  assert.deepEqual(problems, []);
});

test("a second value of a list is another choice", () => {
  assert.deepEqual(parseTyped("state:dead state:retrying").filter, { state: "dead,retrying" });
  assert.deepEqual(parseTyped("id:a id:b").filter, { id: "b" });
});

test("an unknown name is a text, because ids have colons too", () => {
  assert.deepEqual(parseTyped("evt:42 http://x").filter, { text: "evt:42 http://x" });
});

test("a value that the API would refuse is named, and selects nothing", () => {
  for (const [typed, problem] of [
    ["state:gone", /^state: expected one of waiting/],
    ["status:99", /^status: expected a status/],
    ["key:ab", /^key: expected 64 hex/],
  ] as const) {
    const read = parseTyped(typed);
    assert.deepEqual(read.filter, {}, typed);
    assert.match(read.problems[0]!, problem);
  }
});

test("what is printed is read back", () => {
  const filters: Filter[] = [
    {},
    { state: "dead,retrying" },
    { text: "cus 42" },
    { text: "state:dead" },
    { type: "a b", text: "x" },
    { id: "evt:1", destination: "https://app.example.com/x", source: "billing" },
  ];
  for (const filter of filters) {
    assert.deepEqual(parseTyped(printTyped(filter)).filter, filter, printTyped(filter));
  }
});

test("an address has only what the API takes, and says what it has beside that", () => {
  const params = new URLSearchParams("state=dead&status=999&evil=1&text=%3Cb%3E&key=zz&range=99d&type=");
  assert.deepEqual(fromAddress(params), {
    filter: { state: "dead", text: "<b>" },
    problems: [
      "status: expected a status such as 503, or a class such as 5xx",
      "evil: there is no such filter",
      "key: expected 64 hex digits",
      "range: expected one of 15m, 1h, 6h, 24h, 7d, 30d",
    ],
  });
  assert.deepEqual(fromAddress(new URLSearchParams("state=dead&range=7d")).problems, []);
  const now = Date.parse("2026-11-28T12:00:00.500Z");
  assert.deepEqual(toQuery({ state: "dead" }, "1h", now), { state: "dead", since: "2026-11-28T11:00:00Z" });
  assert.deepEqual(toQuery({}, undefined, now), {});
});

test("a word that looks like a named one and is none is told", () => {
  assert.deepEqual(unnamedIn("sate:dead evt:42 state:dead text:x type: plain https://x"), ["sate", "evt", "https"]);
});

test("a test event has a type that the source wants", () => {
  assert.equal(wantedType(null), "");
  assert.equal(wantedType(["alarm.*", "x"]), "alarm.test");
  assert.equal(wantedType(["invoice.paid"]), "invoice.paid");
});
