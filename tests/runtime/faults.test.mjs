// Requests while KV or the queue fails. One test at a time, because a fault holds for the whole gateway.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { assertUnavailable, eventually } from "./http.mjs";
import { delivery, source } from "./providers.mjs";

const NAMES = ["unqueued", "queued-yet-failed", "unread", "unwritten", "unburied"];
const gateway = await Gateway.start({ sources: Object.fromEntries(NAMES.map((name) => [name, source("generic")])) });
after(() => gateway.close());
const { origin } = gateway;

async function during(fault, name, sent) {
  const before = (await gateway.operations()).length;
  await gateway.fail(...fault);
  const answer = await gateway.post(name, sent);
  return { answer, operations: (await gateway.operations(before)).map(({ operation }) => operation) };
}

function assertHidden(answer) {
  assertUnavailable(answer);
  assert.ok(!answer.body.includes("injected"), "the provider does not see the cause");
}

test("the queue fails: 503, no key is stored, and the provider's retry is accepted and delivered", async () => {
  const sent = delivery("generic");
  const { answer, operations } = await during(["EVENTS.send"], "unqueued", sent);
  assertHidden(answer);
  assert.deepEqual(operations, ["DEDUP.get", "EVENTS.send"]);
  const record = await gateway.logged({ source: "unqueued", reason: "enqueue_failed" });
  assert.equal(record.level, "error");
  const retry = await gateway.post("unqueued", sent);
  assert.deepEqual(retry.json(), { received: true, id: sent.id });
  const [forward] = await origin.received("unqueued");
  assert.deepEqual(forward.body, sent.body);
});

test("the queue fails after it took the event: 503, and the retry has the same idempotency key", async () => {
  const sent = delivery("generic");
  const { answer } = await during(["EVENTS.send", 1, "after"], "queued-yet-failed", sent);
  assertHidden(answer);
  assert.equal((await gateway.post("queued-yet-failed", sent)).status, 200);
  const [first, second] = await origin.received("queued-yet-failed", 2);
  assert.deepEqual(first.body, second.body);
  assert.equal(first.headers["idempotency-key"], second.headers["idempotency-key"]);
});

test("KV cannot be read: 503, no message is enqueued, and the provider's retry is accepted", async () => {
  const sent = delivery("generic");
  const { answer, operations } = await during(["DEDUP.get"], "unread", sent);
  assertHidden(answer);
  assert.deepEqual(operations, ["DEDUP.get"]);
  await gateway.logged({ source: "unread", reason: "claim_failed", level: "error" });
  assert.deepEqual((await gateway.post("unread", sent)).json(), { received: true, id: sent.id });
  await origin.received("unread");
});

test("KV cannot be written: 200, the event is delivered, and the failure is logged", async () => {
  const sent = delivery("generic");
  const { answer } = await during(["DEDUP.put"], "unwritten", sent);
  assert.deepEqual(answer.json(), { received: true, id: sent.id });
  const [forward] = await origin.received("unwritten");
  assert.deepEqual(forward.body, sent.body);
  const tells = ({ message }) => message.includes("injected: DEDUP.put");
  const line = await eventually("a log line", () => gateway.lines.find(tells));
  assert.equal(line.level, "error");
  assert.doesNotThrow(() => JSON.parse(line.message), "every line is JSON");
});

test("the dead letters' queue fails: the event is retried, and then buried", async () => {
  origin.answers("unburied", (response) => response.writeHead(410).end());
  const sent = delivery("generic");
  const { answer } = await during(["DEAD.send"], "unburied", sent);
  assert.equal(answer.status, 200);
  await gateway.logged({ source: "unburied", verdict: "retried", reason: "dead_letter_failed" });
  const letter = await gateway.logged({ source: "unburied", verdict: "dead", reason: "dead_letter" });
  assert.equal(letter.id, sent.id);
  assert.equal(origin.of("unburied").length, 2);
});

test("after the faults, a request is accepted and delivered", async () => {
  const sent = delivery("generic");
  assert.equal((await gateway.post("unqueued", sent)).status, 200);
  await eventually("the forward", () => origin.of("unqueued").some(({ body }) => body.equals(sent.body)));
});

gateway.provesThatNoSecretLeaves();
