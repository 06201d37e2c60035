// Only headers on a list reach the origin, and never a header that imitates the gateway or a proxy.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { openPost } from "./http.mjs";
import { ORIGIN_SIGNING_SECRET, SECRETS, delivery, isSignedForward, source, sourcesOf } from "./providers.mjs";

const NAMES = ["queued", "traceless", "nominated", "underscored", "unusual", "invalid"];
const gateway = await Gateway.start({
  sources: { ...sourcesOf(NAMES, "generic"), direct: source("generic", { deliver: "origin" }) },
  secrets: { ...SECRETS, ORIGIN_SIGNING_SECRET },
});
after(() => gateway.close());

const IMITATIONS = {
  "Hookgate-Source": "evil",
  "HOOKGATE-PROVIDER": "evil",
  "hookgate-attempt": "99",
  "hookgate-admin": "evil",
  "webhook-id": "evil",
  "Webhook-Timestamp": "1",
  "webhook-signature": "v1,ZXZpbA==",
  "idempotency-key": "evil",
  "x-forwarded-for": "198.51.100.1",
  "X-Forwarded-Host": "evil.example",
  "x-forwarded-proto": "evil",
  forwarded: "for=198.51.100.1",
  "x-real-ip": "198.51.100.1",
  "true-client-ip": "198.51.100.1",
  "cf-connecting-ip": "198.51.100.1",
  "cf-ray": "evil",
  "CF-Worker": "evil.example",
  via: "1.1 evil",
  te: "trailers",
  "proxy-authorization": "evil",
  "keep-alive": "timeout=99",
};
const ORDINARY = {
  "user-agent": "Provider/1.0 (+https://provider.example)",
  "content-language": "de",
  "x-webhook-attempt": "2",
  tracestate: "a=1",
  "x-webhook-empty": "",
  "x-webhook-colon": "a:b:c",
  "x-webhook-quoted": '"a", "b\\"c"',
};
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
/** Unsigned headers that are on no list. Many frameworks trust them, as if a proxy had set them. */
const UNLISTED = {
  accept: "unlisted/*",
  authorization: "Bearer unlisted",
  cookie: "a=unlisted",
  "x-middleware-subrequest": "unlisted",
  "x-http-method": "unlisted",
  "remote-user": "unlisted",
  "x-request-id": "unlisted",
  "x-github-event": "unlisted",
};
const OURS = ["hookgate-source", "hookgate-provider", "hookgate-attempt", "idempotency-key"];
const SIGNED = ["webhook-id", "webhook-timestamp", "webhook-signature"];

function assertOwnHeaders(forward, name) {
  assert.equal(forward.headers["hookgate-source"], name);
  assert.equal(forward.headers["hookgate-provider"], "generic");
  assert.equal(forward.headers["hookgate-attempt"], "1");
  assert.match(forward.headers["idempotency-key"], /^[0-9a-f]{64}$/);
  assert.equal(forward.headers["webhook-id"], forward.headers["idempotency-key"]);
  assert.equal(forward.headers["hookgate-event-id"], JSON.parse(forward.body).id);
}

describe("a forward", { concurrency: true }, () => {
  for (const name of ["queued", "direct"]) {
    test(`(${name}) has the provider's headers, and none that imitates the gateway or a proxy`, async () => {
      const sent = delivery("generic", { headers: { ...IMITATIONS, ...ORDINARY, ...UNLISTED, traceparent: `00-${TRACE}-${PARENT}-01` } });
      assert.equal((await gateway.post(name, sent)).status, 200);
      const [forward] = await gateway.origin.received(name);
      const kept = { ...ORDINARY, "x-webhook-signature": sent.headers["x-webhook-signature"] };
      for (const [header, value] of Object.entries(kept)) {
        assert.equal(forward.headers[header], value, header);
      }
      for (const [header, imitation] of Object.entries(IMITATIONS)) {
        assert.notEqual(forward.headers[header.toLowerCase()], imitation, header);
      }
      const text = forward.rawHeaders.join("\n");
      assert.doesNotMatch(text, /evil|unlisted|198\.51\.100\.1|ZXZpbA==/);
      assertOwnHeaders(forward, name);
      assert.ok(isSignedForward(forward));
      const [, trace, parent] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(forward.headers.traceparent);
      assert.equal(trace, TRACE);
      assert.notEqual(parent, PARENT);
      const lower = forward.rawHeaders.filter((_, at) => at % 2 === 0).map((header) => header.toLowerCase());
      for (const header of [...OURS, ...SIGNED, "traceparent", "tracestate"]) {
        assert.equal(lower.filter((other) => other === header).length, 1, header);
      }
    });
  }

  test("begins a trace if the request names none, and logs its id", async () => {
    const sent = delivery("generic", { headers: { traceparent: "00-0-0-01" } });
    assert.equal((await gateway.post("traceless", sent)).status, 200);
    const [forward] = await gateway.origin.received("traceless");
    const [, trace] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(forward.headers.traceparent);
    await gateway.logged({ source: "traceless", verdict: "accepted", trace });
    await gateway.logged({ source: "traceless", verdict: "delivered", trace });
  });

  test("has no imitation with underscores, which many origins read as dashes", async () => {
    const imitations = Object.keys(IMITATIONS).map((name) => [name.replaceAll("-", "_"), "evil"]);
    const twins = Object.fromEntries(imitations.filter(([name]) => name.includes("_")));
    assert.equal((await gateway.post("underscored", delivery("generic", { headers: twins }))).status, 200);
    const [forward] = await gateway.origin.received("underscored");
    const arrived = Object.keys(forward.headers).filter((name) => forward.headers[name] === "evil");
    assert.deepEqual(arrived, []);
  });

  test("has headers unchanged: UTF-8, tabs, and both values of a repeated header", async () => {
    const utf8 = Buffer.from("Zoë €");
    const headers = {
      "x-webhook-name": utf8.toString("latin1"),
      "x-webhook-tab": "a\tb",
      "x-webhook-tag": ["one", "two"],
      "x-webhook-own_name": "kept",
    };
    assert.equal((await gateway.post("unusual", delivery("generic", { headers }))).status, 200);
    const [forward] = await gateway.origin.received("unusual");
    assert.deepEqual(Buffer.from(forward.headers["x-webhook-name"], "latin1"), utf8);
    assert.equal(forward.headers["x-webhook-tab"], "a\tb");
    assert.equal(forward.headers["x-webhook-tag"], "one, two");
    assert.equal(forward.headers["x-webhook-own_name"], "kept");
  });

  test("has no header whose bytes are not UTF-8, because the header would be altered", async () => {
    const headers = { "x-webhook-name": "Zo\xeb", "x-webhook-other": "kept" };
    assert.equal((await gateway.post("invalid", delivery("generic", { headers }))).status, 200);
    const [forward] = await gateway.origin.received("invalid");
    assert.equal(forward.headers["x-webhook-name"], undefined);
    assert.equal(forward.headers["x-webhook-other"], "kept");
    const signed = delivery("generic");
    signed.headers["x-webhook-signature"] += "\xeb";
    assert.equal((await gateway.post("invalid", signed)).status, 401);
  });

  test("keeps our headers and the provider's if the provider's Connection header names them", async () => {
    const sent = delivery("generic");
    const headers = { ...sent.headers, connection: "x-webhook-own, hookgate-source, idempotency-key", "x-webhook-own": "kept" };
    // Written by hand, because an HTTP client would change this header.
    const socket = openPost(gateway.port, "nominated", { ...headers, "content-length": sent.body.length });
    socket.end(sent.body);
    const answer = await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
    socket.destroy();
    const [forward] = await gateway.origin.received("nominated");
    assertOwnHeaders(forward, "nominated");
    assert.equal(forward.headers["x-webhook-own"], "kept");
    assert.doesNotMatch(forward.headers.connection ?? "", /x-webhook-own|hookgate/);
  });
});

gateway.provesThatNoSecretLeaves();
