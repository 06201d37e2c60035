// The mistakes of an operator at each route of /api: each one is answered with a problem that names it, and changes nothing.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { Operator } from "./operator.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: sourcesOf(["fine", "gone"], "generic"),
  secrets: { ...SECRETS, ADMIN_TOKEN },
  plain: true,
});
after(() => gateway.close());
const operator = new Operator(gateway);

const ID = "29474670-0123456789abcdef0123456789abcdef";
const READ = [
  "alerts", "audit", "caller", "dead-letters", "dead-letters/groups", "events", `events/${ID}`, "metrics", "refused",
  "replay", "replay/0123456789abcdef", "sources", "sources/fine", "stats",
];
const WRITE = [
  "alerts/0123456789abcdef/acknowledge", "alerts/test", "dead-letters/redrive", `dead-letters/${ID}/redrive`,
  `events/${ID}/replay`, "replay", "replay/0123456789abcdef/cancel", "sources/fine/test",
];
const HUGE = "x".repeat(8000);
/** What people and their tools put into a value. */
const ODD = [
  "%00", "%FF%FE", "%ED%A0%80", "%", "%zz", "%F0%9F%A6%80", "'%20OR%201=1--", "%22", "*", "-1", "0", "1e9", "9".repeat(30),
  "9223372036854775807", "9223372036854775808", "2026-02-30T00:00:00Z", "99999-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
  "NaN", "null", "undefined", "[object%20Object]", "a,,b", ",", "%2C".repeat(30), HUGE,
];

/** The names of the parameters that a refusal of an unknown parameter lists. */
async function parametersOf(path) {
  const { detail } = (await gateway.api(`${path}?colour=blue`)).json();
  return /the parameters are (.*)$/.exec(detail)?.[1].split(/, | and /) ?? [];
}

async function answersWell(path, request) {
  const answer = await gateway.api(path, request);
  const text = answer.body.toString();
  const asked = `${request?.method ?? "GET"} ${path.slice(0, 200)} ${request?.body?.toString().slice(0, 200) ?? ""}`;
  const shown = `${asked}: ${answer.status} ${text.slice(0, 300)}`;
  assert.ok(answer.status < 500, shown);
  if (answer.status >= 400) {
    assert.equal(answer.headers["content-type"], "application/problem+json", shown);
    assert.equal(JSON.parse(text).status, answer.status, shown);
  }
  assert.ok(text.length < 20_000, `${shown.slice(0, 300)}: ${text.length} bytes`);
  return answer;
}

let kept;
const state = async () => [await operator.events(""), await operator.letters("gone"), gateway.origin.requests.length];

before(async () => {
  gateway.origin.answers("gone", (response) => response.writeHead(410).end());
  const sent = [delivery("generic"), delivery("generic")];
  for (const [at, name] of ["fine", "gone"].entries()) assert.equal((await gateway.post(name, sent[at])).status, 200);
  await operator.finds("state=delivered,dead", sent.map(({ id }) => id));
  await eventually("the letter", async () => (await operator.letters("gone")).length === 1);
  await operator.quiet();
  kept = await state();
});

describe("mistakes", () => {
  test("an odd value of any parameter is answered", async () => {
    for (const path of READ) {
      for (const name of [...(await parametersOf(path)), "colour", "", "%00", "source%5B%5D"]) {
        await Promise.all(ODD.map((value) => answersWell(`${path}?${name}=${value}`)));
      }
      await answersWell(`${path}?`);
      await answersWell(`${path}?&&&=&`);
    }
  });

  test("a parameter that does not exist is refused at each route", async () => {
    for (const path of [...READ, ...WRITE]) {
      const method = WRITE.includes(path) ? "POST" : "GET";
      const { status, body } = await answersWell(`${path}?colour=blue`, { method });
      assert.ok([404, 422].includes(status), `${path}: ${status} ${body}`);
    }
  });

  test("another path or method changes nothing", async () => {
    for (const path of [...READ, ...WRITE]) {
      const coded = path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
      const odd = [
        `${path}/`, `/${path}`, `${path}%2F`, `${path}%00`, `${path}//`, `./${path}/.`, path.toUpperCase(), `${path};a=b`,
        path.replace("/", "%2F"), coded, `${path}.json`,
      ];
      for (const other of odd.filter((other) => ![...READ, ...WRITE].includes(other))) {
        for (const method of ["GET", "POST"]) {
          const { status } = await answersWell(other, { method });
          assert.ok([404, 405, 422].includes(status), `${method} ${other}: ${status}`);
        }
      }
      for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", ...(READ.includes(path) ? ["POST"] : ["GET"])]) {
        if (READ.includes(path) && WRITE.includes(path)) continue;
        const { status, headers } = await answersWell(path, { method });
        if (status === 200) assert.fail(`${method} ${path}`);
        if (status === 405) assert.ok(headers.allow, path);
      }
    }
    assert.deepEqual(await state(), kept);
  });

  test("an odd body changes nothing", async () => {
    const bodies = [
      "null", "[]", "1", "\"source\"", "{", "{}}", "{\"source\":null}", "{\"sorce\":\"gone\"}", "{\"limit\":0}",
      "{\"limit\":1e9}", "{\"dry_run\":false}", "{\"source\":\"\\u0000\"}", "{\"kind\":\"god\"}",
      "{\"kind\":\"good\",\"extra\":1}", "\u0000", "\ufeff{}", `{"a":${"[".repeat(5000)}`,
      `{"source":"${"x".repeat(15_000)}"}`, "x".repeat(20_000), Buffer.from([0xff, 0xfe]), "source=gone", "{\"source\":\"nobody\"}",
    ];
    for (const path of WRITE) {
      await Promise.all(bodies.map((body) => answersWell(path, { method: "POST", body })));
    }
    assert.deepEqual(await state(), kept);
  });
});
