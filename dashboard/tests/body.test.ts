import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { bodyOf, claimedSize, hex, pretty, whereBodyIs, withBody } from "../src/body.ts";
import { curlOf, word } from "../src/curl.ts";

test("pretty JSON has the same tokens: large numbers, double keys and escapes stay", () => {
  const text = '{"id":12345678901234567890,"a":1.50,"a":"\\u00e9, [x] {y}","list":[1,2,{}],"none":[]}';
  const made = pretty(text, 1000)!;
  assert.ok(
    made.includes('"id": 12345678901234567890') && made.includes('"a": 1.50') && made.includes('"\\u00e9, [x] {y}"'),
  );
  assert.equal(made.replace(/\n */g, "").replace(/": /g, '":'), text);
  assert.match(made, /"list": \[\n {4}1,\n {4}2,\n {4}\{\}\n {2}\],\n {2}"none": \[\]\n\}$/);
  assert.equal(pretty("<xml>", 1000), null);
  assert.equal(pretty("{", 1000), null);
  assert.equal(pretty('"a\\\\"', 1000), '"a\\\\"');
});

test("a deep document costs no more than its length, and a long one is cut", () => {
  const deep = `${"[".repeat(40_000)}${"]".repeat(40_000)}`;
  assert.ok(pretty(deep, 100_000_000)!.length < 100 * deep.length);
  assert.ok(pretty(deep, 1000)!.length < 1200);
});

test("bytes in hex and as text, cut at a limit", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, at) => at + 0x5a);
  assert.equal(
    hex(bytes).split("\n")[0],
    "000000  5a 5b 5c 5d 5e 5f 60 61  62 63 64 65 66 67 68 69  Z[\\]^_`abcdefghi",
  );
  assert.match(hex(bytes), /^000010 {2}6a 6b 6c 6d {39}jklm$/m);
  assert.match(hex(new Uint8Array(5000)), /… and 904 bytes more$/);
});

test("the page says where a body is that it does not show", () => {
  const mebibyte = 1024 * 1024;
  const cases: [string, number, RegExp][] = [
    ["bucket", mebibyte + 1, /more than 1 MiB.*R2.*can be replayed/],
    ["bucket", mebibyte, /in R2, and can be replayed. It is not shown/],
    ["delivered", 1, /until the delivery.*cannot be replayed/],
    ["missing", 1, /not there anymore.*cannot be replayed/],
    ["none", 1, /log_bodies/],
    ["not_json", 1, /has no body/],
  ];
  for (const [kept, bytes, told] of cases) assert.match(whereBodyIs({ kept, bytes }), told, kept);
});

test("a body is a text or bytes, or the log has none", () => {
  assert.equal(bodyOf({ body: "Zoë", body_base64: null })?.bytes.length, 4);
  assert.deepEqual(bodyOf({ body: null, body_base64: "/wAK" }), { bytes: Uint8Array.of(255, 0, 10), text: null });
  assert.equal(bodyOf({ body: null, body_base64: null }), null);
});

// The shell itself says which words it reads. `curl` is a function that prints its words.
const run = (command: string) =>
  execFileSync("sh", [
    "-c",
    `curl() { for one in "$@"; do printf '%s\\036' "$one"; done; if [ "$one" = @- ]; then cat; fi; }\n${command}`,
  ])
    .toString("latin1")
    .split("\x1e");

test("nothing in an event becomes a command", () => {
  const hostile = `'; touch /tmp/owned; echo $(id) \`id\` "$HOME" \\ '\nnext\u202e`;
  const words = run(
    curlOf(`https://x/?a=${hostile}`, [["x-name", hostile]], { bytes: new Uint8Array(), text: hostile }, "k"),
  );
  const latin = (text: string) => Buffer.from(text).toString("latin1");
  assert.ok(words.includes(latin(hostile)), "the body is one word, byte for byte");
  assert.ok(words.includes(latin(`x-name: ${hostile.replace("\n", " ")}`)));
  assert.ok(words.includes("idempotency-key: k"));
  assert.equal(word("plain-1.0"), "plain-1.0");
});

test("no control character is pasted into a terminal, and no byte of the body changes", () => {
  // Ctrl-C, Ctrl-U, Escape and the end of a pasted text in both its forms, and what a terminal completes or changes.
  for (const key of ["\x03", "\x15", "\x1b[201~", "\u009b201~", "\x7f", "\t", "\r\n", "\0"]) {
    const text = `{"a":1}${key}\ntouch /tmp/owned\n`;
    const bytes = new TextEncoder().encode(text);
    const command = curlOf("https://x/", [["x-note", `a${key}b`]], { bytes, text }, "k");
    assert.doesNotMatch(command, /(?!\n)\p{Cc}/u, JSON.stringify(key));
    assert.equal(run(command).at(-1), Buffer.from(bytes).toString("latin1"), JSON.stringify(key));
  }
});

test("a body that is no text is sent by its bytes", () => {
  const words = run(curlOf("https://x/", [], { bytes: Uint8Array.of(255, 0, 39, 10), text: null }, "k"));
  assert.equal(words.at(-1), "\xff\0'\n");
});

test("an event that is read again without its body keeps the body that was read before", () => {
  const before = { state: "retrying", kept: "exact", body: "{}", body_base64: null };
  const again = { state: "delivered", kept: "exact", body: null, body_base64: null };
  assert.deepEqual(withBody(again, before), { ...before, state: "delivered" });
  const missing = { ...before, kept: "missing", body: null };
  assert.equal(withBody({ ...again, kept: "bucket" }, missing).kept, "missing");
});

test("the size that a sender claims is a number, or nothing", () => {
  assert.equal(claimedSize([["accept", "*/*"], ["Content-Length", "2000000"]]), 2_000_000);
  for (const value of ["[withheld]", "", "1e9", "-1", "9".repeat(16)]) assert.equal(claimedSize([["content-length", value]]), undefined);
  assert.equal(claimedSize([]), undefined);
});
