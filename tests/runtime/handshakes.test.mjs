// The handshakes of providers. A handshake is never an event, and its answer is of no use to an attacker.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";

const SECRET = "canary-handshake-secret-5d2c";
const TOKEN = "canary-verify-token-77aa01";
const ADMIN_TOKEN = "canary-admin-token-6b1f0c";
const named = (provider, more = {}) => ({ provider, secrets: ["SECRET"], deliver: "origin", dedup: "none", ...more });
const armed = (provider) => ({ provider, handshake: "armed", deliver: "origin", dedup: "none" });
const PLAIN = ["slack", "x_twitter", "dropbox", "ms_graph", "monday", "asana", "notion"];

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
    meta: named("meta", { handshake_secret: "TOKEN" }),
    meta_tokenless: named("meta"),
    okta: named("okta"),
    asana_armed: armed("asana"),
    asana_raced: armed("asana"),
    notion_armed: armed("notion"),
    grid: {
      secrets: ["SECRET"],
      deliver: "origin",
      dedup: "none",
      scheme: {
        algorithm: "token",
        signature: { query: "code" },
        identity: "none",
        handshakes: [
          {
            method: "OPTIONS",
            when: ["header:webhook-request-origin"],
            proof: "signature",
            challenge: "header:webhook-request-origin",
            alphabet: "base64",
            headers: { "webhook-allowed-origin": "{challenge}", "webhook-allowed-rate": "120" },
          },
        ],
      },
    },
  },
  secrets: { SECRET, TOKEN, ADMIN_TOKEN, ...Object.assign({}, ...CASES.map(secretsOf)) },
});
after(() => gateway.close());

const hmac = (text, encoding = "hex", key = SECRET) => createHmac("sha256", key).update(text).digest(encoding);
const seconds = () => String(Math.floor(Date.now() / 1000));
const get = (source, query = "", headers = {}) =>
  gateway.request(`/webhooks/${source}${query}`, { method: "GET", headers });

/** The headers of a request of Slack. */
function slack(body, t = seconds()) {
  return { "x-slack-request-timestamp": t, "x-slack-signature": `v0=${hmac(`v0:${t}:${body}`)}` };
}

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

test("a HEAD request is answered 405 if the provider sends none", async () => {
  assert.equal((await gateway.request("/webhooks/slack", { method: "HEAD" })).status, 405);
});

test("permission to send needs the code", async () => {
  const ask = (query, headers = { "webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "300" }) =>
    gateway.request(`/webhooks/grid${query}`, { method: "OPTIONS", headers });
  const answer = await ask(`?code=${SECRET}`);
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.headers["webhook-allowed-origin"], "eventgrid.azure.net");
  assert.equal(answer.headers["webhook-allowed-rate"], "120");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.body.length, 0);
  await gateway.logged({ source: "grid", verdict: "handshake" });
  assert.equal((await ask("?code=a-guess-0123")).status, 401);
  const plain = await ask(`?code=${SECRET}`, {});
  assert.deepEqual([plain.status, plain.headers.allow], [405, "POST"]);
  const other = await gateway.request("/webhooks/slack", { method: "OPTIONS" });
  assert.deepEqual([other.status, other.headers.allow], [405, "POST"]);
  assert.deepEqual(gateway.origin.of("grid"), []);
});

describe("a challenge is not answered", () => {
  const unsigned = JSON.stringify({ type: "url_verification", challenge: "abc" });
  const markup = "<script>alert(1)</script>";
  const REFUSED = {
    "that is unsigned": ["slack", { body: unsigned, headers: {} }],
    "with another signature": [
      "slack",
      { body: unsigned, headers: { ...slack(unsigned), "x-slack-signature": `v0=${"0".repeat(64)}` } },
    ],
    "that was signed long ago": ["slack", { body: unsigned, headers: slack(unsigned, "1700000000") }],
    "with another token than the configured one": [
      "meta",
      { method: "GET", query: "?hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1" },
    ],
    "with a token, if no token is configured": [
      "meta_tokenless",
      { method: "GET", query: "?hub.mode=subscribe&hub.verify_token=&hub.challenge=1" },
    ],
    "with another password": ["okta", { method: "GET", headers: { authorization: "x", "x-okta-verification-challenge": "v" } }],
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
    "with a secret, if the source is not armed (header)": ["asana", { body: "{}", headers: { "x-hook-secret": "attacker" } }],
    "with a secret, if the source is not armed (body)": ["notion", { body: '{"verification_token":"secret_attacker"}' }],
  };
  for (const [what, [source, { query = "", ...request }]] of Object.entries(REFUSED)) {
    test(what, async () => {
      const before = (await gateway.operations()).length;
      const answer = await gateway.request(`/webhooks/${source}${query}`, request);
      assert.ok([401, 405, 413].includes(answer.status), `${answer.status}: ${answer.body}`);
      // Okta requires an empty body in every answer.
      assert.equal(answer.headers["content-type"], source === "okta" ? undefined : "application/problem+json");
      for (const text of ["alert", "attacker", "abc"]) assert.ok(!answer.body.toString().includes(text));
      assert.deepEqual(await gateway.stored(before), []);
    });
  }
});

test("the answer to X's challenge is not accepted as a signature", async () => {
  const challenge = "A_harmless_looking_challenge";
  const { response_token } = (await get("x_twitter", `?crc_token=${challenge}`)).json();
  const answer = await gateway.post("x_twitter", {
    body: challenge,
    headers: { "x-twitter-webhooks-signature": response_token },
  });
  assert.equal(answer.status, 401);
  await gateway.logged({ source: "x_twitter", reason: "challenge_replayed" });
});

test("a secret that a provider sends is shown only to the operator, and no other secret replaces it", async () => {
  const secret = "canary-sent-by-asana-19f0";
  const install = (text) => gateway.post("asana_armed", { body: "{}", headers: { "x-hook-secret": text } });
  const ask = (source, token = ADMIN_TOKEN) =>
    gateway.request(`/api/handshakes/${source}`, { method: "GET", headers: { authorization: `Bearer ${token}` } });
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
  const event = { body: '{"events":[]}', headers: { "x-hook-signature": hmac('{"events":[]}', "hex", secret) } };
  assert.equal((await gateway.post("asana_armed", event)).status, 401, "the secret counts only after the operator has set it");
});

test("of many secrets offered at once, one is kept", async () => {
  const offer = (at) => gateway.post("asana_raced", { body: "{}", headers: { "x-hook-secret": `offered-${at}` } });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => offer(at)));
  const taken = answers.filter(({ status }) => status === 200);
  assert.equal(taken.length, 1);
  assert.ok(answers.every(({ status }) => [200, 503].includes(status)));
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const kept = await gateway.request("/api/handshakes/asana_raced", { method: "GET", headers });
  assert.equal(kept.json().secret, taken[0].headers["x-hook-secret"]);
});

test("a secret expires after an hour, and the object deletes it", async () => {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const ask = () => gateway.request("/api/handshakes/asana_raced", { method: "GET", headers });
  await gateway.ahead(61 * 60_000);
  assert.equal((await ask()).status, 404);
  await gateway.object("handshakes", "runAlarm");
  assert.equal(await gateway.object("handshakes", "secrets"), 0);
  await gateway.ahead(0);
});

gateway.provesThatNoSecretLeaves();
