// Who may call /api, on the real runtime: tokens, the identity of Cloudflare Access, and the audit in D1.
// tests/pipeline/access.rs has the rules.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { QUIET, workerBehind } from "./gateway.mjs";
import { send } from "./http.mjs";
import { SECRETS, delivery, source } from "./providers.mjs";

const READER = "canary-token-that-reads-7d1c";
const WRITER = "canary-token-that-writes-7d1c";
const HASHED = "canary-token-that-is-hashed-7d1c";
const hash = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(HASHED))).toString("hex");
const FORGET = "keys?source=generic&id=evt_1";

const lines = [];
/** A gateway, and how to ask it. */
async function started(vars) {
  const runtime = new Miniflare(convertV4MiniflareOptions({
    name: "hookgate",
    ...QUIET,
    ...workerBehind(new URL("access.js", import.meta.url)),
    handleStructuredLogs: ({ message }) => lines.push(message),
    bindings: {
      ORIGIN: "http://127.0.0.1:9/{source}",
      SOURCES: { generic: source("generic", { deliver: "origin", dedup: "none" }) },
      ...SECRETS,
      ...vars,
    },
    kvNamespaces: ["DEDUP"],
    durableObjects: { CLAIMS: { className: "Claims", useSQLite: true } },
    d1Databases: ["LOG"],
  }));
  await runtime.ready;
  const url = await runtime.unsafeGetDirectURL();
  after(() => runtime.dispose());
  const ask = (path, headers = {}, method = "GET") => send(new URL(path, url), { method, headers });
  /** The status of the answer to a GET of exactly this path. */
  ask.raw = (path, headers = {}) => new Promise((resolve, reject) => {
    const sent = request({ host: url.hostname, port: url.port, path, headers, agent: false }, (answer) => {
      resolve(answer.resume().statusCode);
    });
    sent.once("error", reject).end();
  });
  return ask;
}

const ADMIN_TOKENS = `reader:read:${READER}\nwriter:write:${WRITER}\nhashed:read:sha256:${hash}\n`;
const closed = await started({ ADMIN_TOKENS });
const reading = await started({ ADMIN_TOKENS, ACCESS: "read" });
const open = await started({ ACCESS: "write" });

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const stated = (identity) => ({ "test-access": typeof identity === "string" ? identity : JSON.stringify(identity) });
const ADA = stated({ email: "ada@example.com", user_uuid: "1", idp: { id: "1", type: "okta" } });
const callers = async (ask, headers) => (await ask("/api/audit", headers)).json().audit.map(({ caller }) => caller);

test("tokens of a secret with several lines open the API, each with its own rights", async () => {
  for (const token of [READER, WRITER, HASHED]) {
    assert.equal((await closed("/api/dead-letters", bearer(token))).status, 200, token);
  }
  for (const token of [READER, HASHED]) {
    const answer = await closed(`/api/${FORGET}`, bearer(token), "DELETE");
    assert.deepEqual([answer.status, answer.headers["content-type"]], [403, "application/problem+json"]);
  }
  assert.equal((await closed("/api/dead-letters", bearer(hash))).status, 401, "a hash is no token");
  assert.equal((await closed("/api/dead-letters", { authorization: `bearer ${READER}` })).status, 200);
  assert.equal((await closed("/api/dead-letters", { authorization: [`Bearer ${READER}`, `Bearer ${WRITER}`] })).status, 401);
  assert.equal((await closed("/api/dead-letters", bearer("x".repeat(8000)))).status, 401);
});

test("no writing of a path leads past the table of routes", async () => {
  for (const path of ["/api//dead-letters", "/api/dead-letters%2f", "/api%2fdead-letters", "/API/audit", "/api/dead%2dletters"]) {
    assert.equal(await closed.raw(path, bearer(WRITER)), 404, path);
  }
  // A runtime may resolve the dots before the Worker sees the path. Then the path is a plain one, which needs a token.
  for (const path of ["/api/%2e/dead-letters", "/api/x/../dead-letters", "/webhooks/%2e%2e/api/dead-letters"]) {
    const answers = [await closed.raw(path, bearer(WRITER)), await closed.raw(path)].join();
    assert.ok(["404,404", "404,401", "200,401"].includes(answers), `${path}: ${answers}`);
  }
  for (const method of ["HEAD", "OPTIONS", "PROPFIND"]) {
    assert.equal((await closed("/api/dead-letters", bearer(WRITER), method)).status, 405, method);
  }
  const override = { ...bearer(READER), "x-http-method-override": "DELETE" };
  assert.equal((await closed("/api/dead-letters", override)).status, 200);
});

test("an identity of Cloudflare Access opens the API as far as ACCESS says", async () => {
  assert.equal((await closed("/api/dead-letters", ADA)).status, 401);
  assert.equal((await reading("/api/dead-letters", ADA)).status, 200);
  assert.equal((await reading(`/api/${FORGET}`, ADA, "DELETE")).status, 403);
  assert.equal((await open(`/api/${FORGET}`, ADA, "DELETE")).status, 200);
  const service = stated({ common_name: "1234.access" });
  assert.equal((await open(`/api/${FORGET}`, service, "DELETE")).status, 200);
  assert.deepEqual((await callers(open, ADA)).sort(), ["ada@example.com", "service:1234.access"]);
  const by = lines.map((line) => JSON.parse(line)).filter(({ verdict }) => verdict === "forgotten").map((line) => line.by);
  assert.deepEqual(by, ["ada@example.com", "service:1234.access"]);
});

test("without an identity of the runtime, no header of Cloudflare Access opens anything", async () => {
  const forged = {
    "cf-access-jwt-assertion": "eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.",
    "cf-access-authenticated-user-email": "ada@example.com",
    cookie: "CF_Authorization=eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.",
  };
  assert.equal((await open("/api/dead-letters", forged)).status, 401, "the runtime's own context has no identity");
  for (const none of ["undefined", "null", {}, { email: 7 }, { email: ["ada@example.com"] }, { email: "" }]) {
    assert.equal((await open("/api/dead-letters", { ...forged, ...stated(none) })).status, 401, JSON.stringify(none));
  }
  for (const broken of ["rejected", "thrown"]) {
    assert.equal((await open("/api/dead-letters", stated(broken))).status, 503, broken);
  }
});

test("a page of another site reads and changes nothing with the session of a caller", async () => {
  const picture = { ...ADA, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };
  for (const path of ["/api/dead-letters", "/api/handshakes/generic", "/api/nothing"])
    assert.equal((await open(path, picture)).status, 403, path);
  const from = (headers) => open(`/api/${FORGET}`, { ...ADA, ...headers }, "DELETE");
  assert.equal((await from({ origin: "https://evil.example" })).status, 403);
  assert.equal((await from({ "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await from({ origin: "http://127.0.0.1:1", "sec-fetch-site": "same-origin" })).status, 200);
});

test("the Worker asks for an identity only at the API, and only without a token", async () => {
  const asked = async (path, headers, method) => (await reading(path, { ...ADA, ...headers }, method)).headers["test-asked"];
  assert.equal(await asked("/api/dead-letters"), "1");
  assert.equal(await asked("/api/dead-letters", bearer(READER)), "0");
  assert.equal(await asked("/healthz"), "0");
  assert.equal(await asked("/webhooks/generic"), "0");
  const { headers } = delivery("generic");
  assert.equal(await asked("/webhooks/generic", headers, "POST"), "0");
});

test("the audit in D1 has each change once, the newest first, in pages", async () => {
  for (let change = 0; change < 5; change += 1) {
    assert.equal((await closed(`/api/${FORGET}`, bearer(WRITER), "DELETE")).status, 200);
  }
  const [ids, pages] = [[], []];
  for (let next = ""; next !== null; ) {
    const page = (await closed(`/api/audit?limit=2${next && `&before=${next}`}`, bearer(READER))).json();
    assert.ok(page.audit.length <= 2);
    pages.push(page.audit.length);
    ids.push(...page.audit.map(({ id }) => id));
    next = page.next;
  }
  assert.deepEqual([pages, new Set(ids).size], [[2, 2, 1], 5]);
  assert.deepEqual(ids, [...ids].sort().reverse());
  const [{ at, caller, action, target, detail }] = (await closed("/api/audit?limit=1", bearer(READER))).json().audit;
  assert.deepEqual([caller, action, target, detail], ["writer", "forget_key", "generic", "id=evt_1"]);
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 3_600_000, at);
});

test("no token is in the log", () => {
  const all = lines.join("\n");
  assert.ok(lines.length > 0);
  for (const token of [READER, WRITER, HASHED, hash]) assert.ok(!all.includes(token));
});
