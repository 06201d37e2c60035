// The handshakes of providers. A handshake is never an event, and its answer is of no use to an attacker.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { ADMIN_TOKEN } from "./providers.mjs";

const SECRET = "canary-handshake-secret-5d2c";
const named = (provider, more = {}) => ({ provider, secrets: ["SECRET"], deliver: "origin", dedup: "none", ...more });
const armed = (provider) => ({ provider, handshake: "armed", deliver: "origin", dedup: "none" });
const PLAIN = ["slack", "x_twitter", "dropbox", "ms_graph", "monday"];

/** The time of the cases in tests/handshakes/. */
const THEN = Date.parse("2026-01-15T12:30:00Z");
const DIRECTORY = new URL("../handshakes/", import.meta.url);
const CASES = readdirSync(DIRECTORY).flatMap((file) => {
  const provider = file.replace(".json", "");
  const cases = JSON.parse(readFileSync(new URL(file, DIRECTORY), "utf8"));
  return cases.map((one) => ({ ...one, provider }));
}).map((one, number) => ({ ...one, name: `case-${number}`, SECRET: `SECRET_${number}`, TOKEN: `TOKEN_${number}` }));
const sourceOf = ({ provider, armed: isArmed, token, url, account, ...secret }) => ({
  ...(isArmed ? armed(provider) : named(provider, { secrets: [secret.SECRET] })),
  ...(token && { handshake_secret: secret.TOKEN }),
  ...(url && { url }),
  ...(account && { account }),
});
const secretsOf = (one) => ({ [one.SECRET]: one.secret, ...(one.token && { [one.TOKEN]: one.token }) });

const gateway = await Gateway.start({
  sources: {
    ...Object.fromEntries(CASES.map((one) => [one.name, sourceOf(one)])),
    ...Object.fromEntries(PLAIN.map((name) => [name, named(name)])),
    meta_tokenless: named("meta"),
    asana_armed: armed("asana"),
    asana_raced: armed("asana"),
    notion_armed: armed("notion"),
  },
  secrets: { SECRET, ADMIN_TOKEN, ...Object.assign({}, ...CASES.map(secretsOf)) },
});
after(() => gateway.close());

const hmac = (text, key = SECRET) => createHmac("sha256", key).update(text).digest("hex");

function assertHarmless({ headers }, type) {
  assert.match(headers["content-type"], type);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cache-control"], "no-store");
}

describe("a documented handshake is answered, and no event is forwarded:", () => {
  for (const { name, provider, id, method = "POST", query, headers, body = "", armed: isArmed, answer: expected } of CASES) {
    test(`${provider}, ${id}`, async () => {
      await gateway.ahead(THEN - Date.now());
      const before = (await gateway.operations()).length;
      const path = `/webhooks/${name}${query ? `?${query}` : ""}`;
      const answer = await gateway.request(path, { method, headers, ...(method === "POST" && { body }) });
      if (expected === "event") {
        assert.equal(answer.status, 200);
        return void (await gateway.logged({ source: name, verdict: "accepted" }));
      }
      assert.equal(answer.status, expected.status, answer.body.toString());
      for (const [header, value] of Object.entries(expected.headers ?? {})) assert.equal(answer.headers[header], value);
      if ("json" in expected) {
        assertHarmless(answer, /^application\/json/);
        assert.deepEqual(answer.json(), expected.json);
      }
      if ("text" in expected) {
        assertHarmless(answer, /^text\/plain/);
        assert.equal(answer.body.toString(), expected.text);
      }
      await gateway.logged({ source: name, verdict: expected.status < 400 ? "handshake" : "rejected" });
      assert.deepEqual(gateway.origin.of(name), []);
      if (!isArmed) assert.deepEqual(await gateway.stored(before), []);
    });
  }
  test("resets the clock", () => gateway.ahead(0));
});

describe("a challenge is not answered", () => {
  const unsigned = JSON.stringify({ type: "url_verification", challenge: "abc" });
  const oldMac = hmac(`v0:1700000000:${unsigned}`);
  const markup = "<script>alert(1)</script>";
  const REFUSED = {
    "that was signed long ago": [
      "slack",
      { body: unsigned, headers: { "x-slack-request-timestamp": "1700000000", "x-slack-signature": `v0=${oldMac}` } },
    ],
    "with a token, if no token is configured": [
      "meta_tokenless",
      { method: "GET", query: "?hub.mode=subscribe&hub.verify_token=&hub.challenge=1" },
    ],
    "that a browser could run (text)": ["dropbox", { method: "GET", query: `?challenge=${encodeURIComponent(markup)}` }],
    "that a browser could run (sentence)": [
      "ms_graph",
      { query: `?validationToken=${encodeURIComponent(markup)}`, body: "" },
    ],
    "that a browser could run (JSON)": ["monday", { body: JSON.stringify({ challenge: markup }) }],
    "that is longer than any challenge": ["dropbox", { method: "GET", query: `?challenge=${"a".repeat(257)}` }],
    "that looks like a signed body": [
      "x_twitter",
      { method: "GET", query: `?crc_token=${encodeURIComponent('{"for_user_id":"1"}')}` },
    ],
    "that occurs twice in the body": ["monday", { body: '{"challenge":"a","challenge":"b"}' }],
    "in a body of megabytes": ["monday", { body: JSON.stringify({ challenge: "a", more: "x".repeat(20_000) }) }],
  };
  for (const [what, [source, { query = "", ...request }]] of Object.entries(REFUSED)) {
    test(what, async () => {
      const before = (await gateway.operations()).length;
      const answer = await gateway.request(`/webhooks/${source}${query}`, request);
      assert.ok([401, 405, 413].includes(answer.status), `${answer.status}: ${answer.body}`);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      for (const text of ["alert", "abc"]) assert.ok(!answer.body.toString().includes(text));
      assert.deepEqual(await gateway.stored(before), []);
    });
  }
});

test("a secret that a provider sends is shown only to the operator, and no other secret replaces it", async () => {
  const secret = "canary-sent-by-asana-19f0";
  const install = (text) => gateway.post("asana_armed", { body: "{}", headers: { "x-hook-secret": text } });
  const ask = (source, token) => gateway.api(`handshakes/${source}`, { token });
  assert.equal((await ask("asana_armed")).status, 404, "no secret was sent");
  const answer = await install(secret);
  assert.deepEqual([answer.status, answer.headers["x-hook-secret"]], [200, secret]);
  assert.equal((await install(secret)).status, 200, "the same secret again");
  assert.equal((await install("another-secret")).status, 503, "another secret");
  assert.deepEqual((await ask("asana_armed")).json(), { source: "asana_armed", secret });
  assert.equal((await ask("asana_armed", "somebody-else-s-token")).status, 401);
  const stored = (await gateway.stored()).filter(({ operation }) => operation.startsWith("DEDUP."));
  assert.deepEqual(stored, [], "KV may show an old state for a minute, so it is not used");
  const token = '{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}';
  assert.equal((await gateway.post("notion_armed", { body: token })).status, 200);
  assert.match((await ask("notion_armed")).json().secret, /^secret_tMrl/);
  const event = { body: '{"events":[]}', headers: { "x-hook-signature": hmac('{"events":[]}', secret) } };
  assert.equal((await gateway.post("asana_armed", event)).status, 401, "the secret counts only after the operator has set it");
});

test("of many secrets offered at once, one is kept", async () => {
  const offer = (at) => gateway.post("asana_raced", { body: "{}", headers: { "x-hook-secret": `offered-${at}` } });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => offer(at)));
  const taken = answers.filter(({ status }) => status === 200);
  assert.equal(taken.length, 1);
  assert.ok(answers.every(({ status }) => [200, 503].includes(status)));
  const kept = await gateway.api("handshakes/asana_raced");
  assert.equal(kept.json().secret, taken[0].headers["x-hook-secret"]);
});

test("a secret expires after an hour, and the object deletes it", async () => {
  await gateway.ahead(61 * 60_000);
  assert.equal((await gateway.api("handshakes/asana_raced")).status, 404);
  await gateway.object("handshakes", "runAlarm");
  assert.equal(await gateway.object("handshakes", "rows", "handshakes"), 0);
  await gateway.ahead(0);
});

gateway.provesThatNoSecretLeaves();
