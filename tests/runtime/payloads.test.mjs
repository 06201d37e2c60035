// Bodies that are too large for a queue message are stored in R2.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { delivery, source } from "./providers.mjs";

const MIB = 1024 * 1024;
const NAMES = ["one", "many", "unstored", "stored-yet-failed", "unloaded", "undiscarded", "unqueued", "retried"];
const gateway = await Gateway.start({
  sources: {
    ...Object.fromEntries(NAMES.map((name) => [name, source("github", { max_body: "25MiB" })])),
    exact: source("github", { max_body: "25MiB", dedup: "exact" }),
  },
});
after(() => gateway.close());
const { origin } = gateway;

/** A body in which no part repeats. */
function large(size, name) {
  const body = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) body.writeUInt32LE(at, at);
  body.write(name);
  return delivery("github", { body });
}
const stored = async () => (await (await gateway.bucket()).list()).objects.map(({ key }) => key);
/** After a delivery, an empty mark replaces the body. */
const noneLeft = (name) => eventually(`no body of ${name}`, async () => {
  const [{ key }] = gateway.records(name).filter((record) => record.key);
  const { objects } = await (await gateway.bucket()).list();
  return objects.every((object) => !object.key.startsWith(key) || object.size === 0);
});

async function delivered(name, sent) {
  const answer = await gateway.post(name, sent);
  assert.equal(answer.status, 200);
  const [forward] = await origin.received(name);
  assert.ok(forward.body.equals(sent.body), "byte for byte");
  assert.equal(forward.headers["content-length"], String(sent.body.length));
  return forward;
}

test("a body of 1 MiB is stored under its key and delivered unchanged", async () => {
  let during;
  origin.answers("one", (response) => {
    during = stored();
    during.finally(() => response.end());
  });
  await delivered("one", large(MIB, "one"));
  const names = await during;
  assert.equal(names.length, 1);
  const { key } = await gateway.logged({ source: "one", verdict: "accepted" });
  assert.match(names[0], new RegExp(`^${key}/[0-9a-f]{16}$`));
  await noneLeft("one");
});

test("a body of 25 MiB is delivered unchanged, in kv mode and in exact mode", async () => {
  for (const name of ["many", "exact"]) {
    await delivered(name, large(25 * MIB, name));
    await noneLeft(name);
    assert.equal(origin.of(name).length, 1);
  }
});

test("a retry still has the body", async () => {
  origin.statuses("retried", 500);
  const sent = large(MIB, "retried");
  assert.equal((await gateway.post("retried", sent)).status, 200);
  const forwards = await origin.received("retried", 2);
  for (const { body } of forwards) assert.ok(body.equals(sent.body));
  await noneLeft("retried");
});

test("R2 fails, before or after the body is stored: 503, and the provider's retry is delivered", async () => {
  for (const [name, when] of [["unstored", "before"], ["stored-yet-failed", "after"]]) {
    const sent = large(MIB, name);
    await gateway.fail("PAYLOADS.put", 1, when);
    const answer = await gateway.post(name, sent);
    assert.equal(answer.status, 503);
    await gateway.logged({ source: name, reason: "store_failed", level: "error" });
    await delivered(name, sent);
    assert.equal(origin.of(name).length, 1);
  }
});

test("the queue fails after the body is stored: 503, and the provider's retry is delivered", async () => {
  const sent = large(MIB, "unqueued");
  await gateway.fail("EVENTS.send");
  assert.equal((await gateway.post("unqueued", sent)).status, 503);
  await delivered("unqueued", sent);
});

test("the body cannot be read: the event is retried", async () => {
  await gateway.fail("PAYLOADS.get");
  const sent = large(MIB, "unloaded");
  assert.equal((await gateway.post("unloaded", sent)).status, 200);
  await gateway.logged({ source: "unloaded", verdict: "retried", reason: "load_failed" });
  const [forward] = await origin.received("unloaded");
  assert.ok(forward.body.equals(sent.body));
});

test("the mark of a delivery cannot be stored: the event is delivered once, and the sweep deletes its body", async () => {
  origin.answers("undiscarded", async (response) => {
    await gateway.fail("PAYLOADS.put");
    response.end();
  });
  await delivered("undiscarded", large(MIB, "undiscarded"));
  const record = await gateway.logged({ source: "undiscarded", verdict: "delivered" });
  const left = async () => (await stored()).filter((name) => name.startsWith(record.key)).length;
  assert.equal(await left(), 1);
  await gateway.sweep();
  assert.equal(await left(), 1, "a message could still need the body");
  await gateway.ahead(31 * 24 * 3600 * 1000);
  await gateway.sweep();
  assert.equal(await left(), 0);
  await gateway.ahead(0);
  assert.equal(origin.of("undiscarded").length, 1);
});

test("an event whose body is missing is a dead letter with an error in the log", async () => {
  let names;
  origin.answers("retried", (response) => {
    names = stored();
    names.finally(() => response.writeHead(500).end());
  });
  const sent = large(MIB, "missing");
  assert.equal((await gateway.post("retried", sent)).status, 200);
  await eventually("the first try", () => names);
  const { key } = gateway.records("retried").filter(({ verdict }) => verdict === "accepted").at(-1);
  const bucket = await gateway.bucket();
  await bucket.delete((await names).filter((name) => name.startsWith(key)));
  const record = await gateway.logged({ source: "retried", verdict: "dead", reason: "body_missing" });
  assert.equal(record.level, "error");
  await eventually("its letter", async () => {
    return (await gateway.letters()).some(({ reason }) => reason.startsWith("its body is missing from the bucket"));
  });
});

gateway.provesThatNoSecretLeaves();
