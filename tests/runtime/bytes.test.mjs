// The origin gets the body that the provider signed, byte for byte, with any content and any label.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { delivery, source, sourcesOf } from "./providers.mjs";

const gzip = { "content-encoding": "gzip" };
const noise = randomBytes(48_000);
const BODIES = {
  "every byte value": { body: Buffer.from(Array.from({ length: 256 }, (_, at) => at)) },
  "Latin-1, which is not UTF-8": { body: Buffer.from('{"name":"Zoë"}', "latin1") },
  "half a UTF-8 character": { body: Buffer.from("é").subarray(0, 1) },
  "line ends of CR LF": { body: Buffer.from('{\r\n  "a": 1\r\n}\r\n') },
  "a byte order mark": { body: Buffer.from("\ufeff{}") },
  "only NUL bytes": { body: Buffer.alloc(64) },
  "an empty body": { body: Buffer.alloc(0) },
  "48 kB of noise": { body: noise },
  "25 MiB of noise": { body: randomBytes(25 * 1024 * 1024) },
  "a form": { body: Buffer.from("a=%20&b=+"), headers: { "content-type": "application/x-www-form-urlencoded" } },
  "parts, with a charset": { body: Buffer.from("--x--"), headers: { "content-type": "multipart/mixed; boundary=x" } },
  "gzip with the label gzip": { body: gzipSync('{"zipped":true}'), headers: gzip },
  "no gzip, with the label gzip": { body: Buffer.from('{"zipped":false}'), headers: gzip },
  "an empty body, with the label gzip": { body: Buffer.alloc(0), headers: gzip },
  "gzip, with the label brotli": { body: gzipSync("x"), headers: { "content-encoding": "br" } },
  "gzip without a label": { body: gzipSync("y") },
};

// Each body has its own source for each way to the origin, so the order of arrival does not matter.
const names = Object.keys(BODIES).map((what, at) => ({ what, queued: `queued-${at}`, direct: `direct-${at}` }));
const whole = { max_body: "25MiB" };
const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(names.map(({ queued }) => queued), "github", whole),
    ...sourcesOf(names.map(({ direct }) => direct), "shopify", { deliver: "origin", ...whole }),
    ...sourcesOf(["untyped", "chunked", "stored"], "github"),
    crlf: source("generic"),
  },
});
after(() => gateway.close());
const { origin } = gateway;

async function arrivesAsSent(name, sent) {
  assert.equal((await gateway.post(name, sent)).status, 200);
  const [forward] = await origin.received(name);
  assert.ok(forward.body.equals(sent.body));
  for (const header of ["content-type", "content-encoding"]) {
    assert.equal(forward.headers[header], sent.headers[header], header);
  }
}

describe("a body arrives byte for byte, with its labels", { concurrency: true }, () => {
  for (const { what, queued, direct } of names) {
    test(`${what}: through the queue`, () => arrivesAsSent(queued, delivery("github", BODIES[what])));
    test(`${what}: directly to the origin`, () => arrivesAsSent(direct, delivery("shopify", BODIES[what])));
  }

  test("JSON with line ends of CR LF, from which the time and the id are read", async () => {
    const event = { id: "evt_crlf", type: "t", created_at: new Date().toISOString(), data: "ü" };
    await arrivesAsSent("crlf", delivery("generic", { body: JSON.stringify(event, null, 1).replaceAll("\n", "\r\n") }));
  });

  test("a body without a content type, which stays without one", async () => {
    const sent = delivery("github", { body: "plain" });
    delete sent.headers["content-type"];
    await arrivesAsSent("untyped", sent);
  });

  test("a body sent in chunks, without its length", async () => {
    const sent = delivery("github", { body: noise });
    const headers = { ...sent.headers, "transfer-encoding": "chunked" };
    assert.equal((await gateway.post("chunked", { ...sent, headers })).status, 200);
    const [forward] = await origin.received("chunked");
    assert.deepEqual(forward.body, noise);
    assert.equal(forward.headers["content-length"], String(noise.length));
  });
});

test("a body that is too large for a queue message waits in R2, and a mark joins it after the delivery", async () => {
  const objects = async () => {
    const { key } = await gateway.logged({ source: "stored", verdict: "accepted" });
    const all = (await (await gateway.bucket()).list()).objects;
    const own = all.filter((one) => one.key.includes(`${key}/`));
    return own.map((one) => [one.key.replace(`${key}/`, "").replace(/[0-9a-f]{16}$/, "token"), one.size]);
  };
  const { promise: during, resolve } = Promise.withResolvers();
  origin.answers("stored", async (response) => {
    resolve(await objects());
    response.end();
  });
  await arrivesAsSent("stored", delivery("github", { body: randomBytes(500_000) }));
  assert.deepEqual(await during, [["token", 500_000]]);
  const marked = await eventually("the mark", async () => {
    const all = await objects();
    return all.length > 1 && all;
  });
  assert.deepEqual(marked.sort(), [["delivered/token", 0], ["token", 500_000]]);
});

gateway.provesThatNoSecretLeaves();
