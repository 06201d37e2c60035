// What a panic costs: the event that panics, and nothing else. The panics are Rust's own, in the Worker as it is
// shipped: wasm-bindgen believes what JavaScript's objects say, and these lie.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

/** More than Rust lets one allocation have: a panic. */
const OVERFLOWING = 0xffff_ffff;
/** As much as Rust allows, and more than there is: a trap. */
const EXHAUSTING = 0x7fff_ffff;

const gateway = await Gateway.start({
  sources: { plain: source("generic"), slow: source("generic", { deliver: "origin" }) },
});
after(() => gateway.close());
const { origin } = gateway;

/** A good delivery, but for the length that its body's bytes claim in the Worker. */
function lie(length) {
  const headers = { "transfer-encoding": "chunked", "instrumented-length": String(length) };
  return gateway.post("plain", delivery("generic", { headers }));
}

function assertInternalError(answer) {
  assert.equal(answer.status, 500);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["cache-control"], "no-store");
  const detail = "The gateway failed on this request. Please send it again.";
  assert.deepEqual(answer.json(), { title: "Internal error", status: 500, detail });
}

async function assertServing() {
  const sent = delivery("generic");
  assert.deepEqual((await gateway.post("plain", sent)).json(), { received: true, id: sent.id });
  await gateway.logged({ id: sent.id, verdict: "delivered" });
}

for (const [what, length] of [["panics", OVERFLOWING], ["runs out of memory", EXHAUSTING]]) {
  test(`a request that ${what} is answered 500, and the 100 in flight beside it are answered 200`, async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const before = origin.of("slow").length;
    origin.answers("slow", async (response) => {
      await held;
      response.end();
    });
    const beside = Array.from({ length: 100 }, () => gateway.post("slow", delivery("generic")));
    await origin.received("slow", before + 100);
    assertInternalError(await lie(length));
    release();
    const statuses = (await Promise.all(beside)).map(({ status }) => status);
    assert.deepEqual(statuses, Array(100).fill(200));
    await assertServing();
  });
}

test("the log says where it panicked, and nothing of the request", async () => {
  const { detail, ...record } = await gateway.logged({ reason: "panic" });
  assert.deepEqual(record, { level: "error", verdict: "failed", reason: "panic", ms: 0 });
  assert.match(detail, /^unreachable, in wasm-function\[\d+\]:0x[0-9a-f]+( < wasm-function\[\d+\]:0x[0-9a-f]+){4}$/);
});

test("50 requests in a row panic, and the next one is served", async () => {
  for (let time = 0; time < 50; time += 1) assertInternalError(await lie(OVERFLOWING));
  await assertServing();
});

test("one message of a batch panics: it is given again, and the others are delivered once", async (t) => {
  const sent = Array.from({ length: 5 }, () => delivery("generic"));
  await Promise.all(sent.map((one) => gateway.post("plain", one)));
  const sends = (await gateway.operations()).filter(({ operation }) => operation === "EVENTS.send").slice(-5);

  const fresh = await Gateway.start({ sources: { plain: source("generic") } });
  t.after(() => fresh.close());
  await fresh.panicsOnFirstEvent();
  await Promise.all(sends.map(({ args }) => fresh.enqueue(args[0])));
  await fresh.logged({ reason: "panic" });
  const forwards = await fresh.origin.received("plain", 5);
  assert.deepEqual(forwards.map(({ headers }) => headers["hookgate-attempt"]).sort(), ["1", "1", "1", "1", "2"]);
  assert.deepEqual(forwards.map(({ body }) => `${body}`).sort(), sent.map(({ body }) => `${body}`).sort());
});

test("what the runtime throws breaks off one request, and its text stays out of the log", async () => {
  const headers = { "instrumented-throw": "whatever the request may hold" };
  assertInternalError(await gateway.post("plain", delivery("generic", { headers })));
  const detail = "TypeError: withheld, for it may quote the request";
  await gateway.logged({ reason: "panic", detail });
  assert.ok(!gateway.lines.some(({ message }) => message.includes("whatever the request may hold")));
  await assertServing();
});

gateway.provesThatNoSecretLeaves();
