// A binding throws an error. One test at a time, because a fault holds for the whole gateway. tests/pipeline has every step.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { assertUnavailable, eventually } from "./http.mjs";
import { delivery, sourcesOf } from "./providers.mjs";

const large = delivery("github", { body: Buffer.alloc(500_000, "large") });
/** The operation, the time of the fault, the reason in the log, and the operations of the failed request. */
const FAULTS = {
  queue: ["EVENTS.send", "before", "enqueue_failed", ["DEDUP.get", "EVENTS.send"]],
  "queue-after": ["EVENTS.send", "after", "enqueue_failed", ["DEDUP.get", "EVENTS.send"]],
  kv: ["DEDUP.get", "before", "claim_failed", ["DEDUP.get"]],
  r2: ["PAYLOADS.put", "before", "store_failed", ["DEDUP.get", "PAYLOADS.put"]],
  "r2-after": ["PAYLOADS.put", "after", "store_failed", ["DEDUP.get", "PAYLOADS.put"]],
};
const gateway = await Gateway.start({
  sources: {
    ...sourcesOf([...Object.keys(FAULTS), "unwritten"], "generic"),
    ...sourcesOf(["r2", "r2-after"], "github"),
  },
});
after(() => gateway.close());

for (const [name, [operation, when, reason, expected]] of Object.entries(FAULTS)) {
  test(`${operation} fails ${when} the fact: 503, no key is stored, and the provider's retry is delivered`, async () => {
    const sent = name.startsWith("r2") ? large : delivery("generic");
    const before = (await gateway.operations()).length;
    await gateway.fail(operation, 1, when);
    const answer = await gateway.post(name, sent);
    assertUnavailable(answer);
    assert.ok(!answer.body.includes("injected"), "the provider does not see the cause");
    const operations = (await gateway.stored(before)).map((one) => one.operation);
    assert.deepEqual(operations.slice(0, expected.length), expected);
    assert.ok(!operations.includes("DEDUP.put"));
    await gateway.logged({ source: name, reason, level: "error" });
    assert.equal((await gateway.post(name, sent)).json().duplicate, undefined);
    const forwards = await gateway.origin.received(name, name === "queue-after" ? 2 : 1);
    for (const { body } of forwards) assert.ok(body.equals(sent.body));
    assert.equal(new Set(forwards.map(({ headers }) => headers["idempotency-key"])).size, 1);
    await gateway.drained();
  });
}

test("KV cannot be written: 200, the event is delivered, and the failure is logged", async () => {
  const sent = delivery("generic");
  await gateway.fail("DEDUP.put");
  assert.deepEqual((await gateway.post("unwritten", sent)).json(), { received: true, id: sent.id });
  const [forward] = await gateway.origin.received("unwritten");
  assert.deepEqual(forward.body, sent.body);
  const tells = ({ message }) => message.includes("injected: DEDUP.put");
  const line = await eventually("a log line", () => gateway.lines.find(tells));
  assert.equal(line.level, "error");
  assert.doesNotThrow(() => JSON.parse(line.message), "every line is JSON");
});

gateway.provesThatNoSecretLeaves();
