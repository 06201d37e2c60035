// A panic ends its instance. Requests in flight there are answered 503, and no event is lost. Rust itself panics here, in
// the shipped Worker, because a draw of random numbers fails.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { delivery, source } from "./providers.mjs";

const gateway = await Gateway.start({
  sources: {
    plain: source("generic"),
    exact: source("generic", { dedup: "exact" }),
    slow: source("generic", { deliver: "origin" }),
    large: source("github", { deliver: "origin", max_body: "25MiB" }),
  },
});
after(() => gateway.close());
const { origin } = gateway;

/** A good request that throws an error in the Worker. */
function breaking(how) {
  return gateway.post("plain", delivery("generic", { headers: { "instrumented-throw": how } }));
}

/** A good request in which Rust panics. */
async function panicking() {
  await gateway.panics();
  return gateway.post("plain", delivery("generic"));
}

function assertComeAgain(answer) {
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["retry-after"], "2");
  const detail = "The event was not accepted. Please send it again.";
  assert.deepEqual(answer.json(), { title: "Temporarily unavailable", status: 503, detail });
}

async function assertServing(name = "plain") {
  const sent = delivery("generic");
  assert.deepEqual((await gateway.post(name, sent)).json(), { received: true, id: sent.id });
  await gateway.logged({ id: sent.id, verdict: "delivered" });
}

const panics = () => gateway.records().filter(({ reason }) => reason === "panic");

/** Holds `count` requests at the origin while `breaks` runs. Returns their answers and the requests. */
async function beside(count, breaks) {
  const { promise: held, resolve: release } = Promise.withResolvers();
  const before = origin.of("slow").length;
  origin.answers("slow", async (response) => {
    await held;
    response.end();
  });
  const sent = Array.from({ length: count }, () => delivery("generic"));
  const answers = sent.map((one) => gateway.post("slow", one));
  await origin.received("slow", before + count);
  await breaks();
  const all = await Promise.all(answers); // while the origin still holds them
  release();
  return { answers: all, sent };
}

const PLACES = /wasm-function\[\d+\]:0x[0-9a-f]+( < wasm-function\[\d+\]:0x[0-9a-f]+){4}$/;
const PANIC = /^crypto\.getRandomValues gives random numbers in every event: .*, at src\/edge\.rs:\d+$/;
for (const [what, breaks, detail] of [
  ["panics", panicking, PANIC],
  ["traps", () => breaking("trap"), new RegExp(`^unreachable, in ${PLACES.source}`)],
  ["fills the stack", () => breaking("stack"), /^Maximum call stack size exceeded, in JavaScript$/],
]) {
  test(`a request that ${what}, and the 50 in flight beside it, are answered 503; sent again, they are accepted`, async () => {
    const { answers, sent } = await beside(50, async () => assertComeAgain(await breaks()));
    answers.forEach(assertComeAgain);
    await assertServing();
    const again = await Promise.all(sent.map((one) => gateway.post("slow", one)));
    assert.deepEqual(again.map(({ status }) => status), Array(50).fill(200));
    const record = panics().at(-1);
    assert.match(record.detail, detail);
    assert.deepEqual(record, { level: "error", verdict: "failed", reason: "panic", detail: record.detail, ms: 0 });
  });
}

test("a request whose body does not fit into the memory, and the 20 in flight beside it, are answered 503", async () => {
  const body = Buffer.alloc(20 * 1024 * 1024, "x");
  const { answers, sent } = await beside(20, async () => {
    await gateway.exhausts();
    assertComeAgain(await gateway.post("large", delivery("github", { body })));
  });
  answers.forEach(assertComeAgain);
  assert.match(panics().at(-1).detail, /^unreachable, in /);
  // The new instance has a memory of its own.
  assert.equal((await gateway.post("large", delivery("github", { body }))).status, 200);
  assert.ok((await gateway.held()).wasm < 100 * 1024 * 1024);
  const again = await Promise.all(sent.map((one) => gateway.post("slow", one)));
  assert.deepEqual(again.map(({ status }) => status), Array(20).fill(200));
});

test("50 requests in a row panic, and the next one is served", async () => {
  for (let time = 0; time < 50; time += 1) assertComeAgain(await panicking());
  await assertServing();
});

test("one message of a batch panics: the messages in flight are retried, and each event is delivered", async (t) => {
  const fresh = await Gateway.start({ sources: { plain: source("generic") } });
  t.after(() => fresh.close());
  const sent = Array.from({ length: 8 }, () => delivery("generic"));
  await fresh.panics(8 * 2 + 3); // each acceptance draws a token and a number, and so does the beginning of each delivery
  await Promise.all(sent.map((one) => fresh.post("plain", one)));
  await fresh.logged({ reason: "panic" }, 10_000);
  await eventually("a delivery of each", () => {
    const bodies = new Set(fresh.origin.of("plain").map(({ body }) => `${body}`));
    return sent.every(({ body }) => bodies.has(`${body}`));
  }, 30_000);
  await fresh.drained(30_000);
});

test("a call of an object that panics is an error at once, and the next call is answered", async () => {
  await gateway.panics();
  await assert.rejects(gateway.object("panicking", "claim", "name", 60, 60));
  assert.notEqual(JSON.parse(await gateway.object("panicking", "claim", "name", 60, 60)).first, undefined);
  await assertServing("exact");
});

test("a request whose object fails is answered 503, and is accepted when it is sent again", async () => {
  for (const sent of [delivery("generic"), delivery("generic")]) {
    await gateway.fail("object.claim", 1, "panic");
    assertComeAgain(await gateway.post("exact", sent));
    assert.match(panics().at(-1).detail, /^unreachable, in /);
    assert.deepEqual((await gateway.post("exact", sent)).json(), { received: true, id: sent.id });
    await gateway.logged({ id: sent.id, verdict: "delivered" });
  }
});

test("a message in flight in a failed instance comes again after the delay of its attempt", async () => {
  const sent = delivery("generic");
  await gateway.post("plain", sent);
  const sends = (await gateway.operations()).filter(({ operation }) => operation === "EVENTS.send");
  const { args: [text] } = sends.at(-1);
  await gateway.logged({ id: sent.id, verdict: "delivered" });
  for (const [attempt, most] of [[1, 5], [2, 10], [3, 20], [9, 900], [40, 900]]) {
    const before = panics().length;
    await gateway.panics();
    const [delay] = await gateway.delays("hookgate-events", [text], attempt);
    await eventually("a panic", () => panics().length > before);
    assert.ok((most * 3) / 4 <= delay && delay <= most, `attempt ${attempt}: ${delay} s`);
  }
});

test("an error of the runtime ends its instance, and the log does not show its text", async () => {
  assertComeAgain(await breaking("whatever the request may hold"));
  const detail = "TypeError: withheld, because it may quote the request";
  await gateway.logged({ reason: "panic", detail });
  assert.ok(!gateway.lines.some(({ message }) => message.includes("whatever the request may hold")));
  await assertServing();
});

gateway.provesThatNoSecretLeaves();
