// Every binding without the wrapper of the other tests. The wrapper's bindings are ordinary objects, and the runtime's own
// are not: a call that works on one of them may fail on the other.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, source, sourcesOf } from "./providers.mjs";

const gateway = await Gateway.start({
  plain: true,
  rejects: 3,
  sources: {
    ...sourcesOf(["once", "refused"], "generic", { dedup: "exact" }),
    kv: source("generic"),
    large: source("github", { dedup: "exact" }),
    armed: { provider: "asana", handshake: "armed" },
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
});
after(() => gateway.close());
const { origin } = gateway;

for (const name of ["once", "kv"]) {
  test(`CLAIMS, DEDUP and EVENTS: an event (${name}) is accepted, its copy is a duplicate, and it is delivered once`, async () => {
    const sent = delivery("generic");
    assert.deepEqual((await gateway.post(name, sent)).json(), { received: true, id: sent.id });
    assert.deepEqual((await gateway.post(name, sent)).json(), { received: true, duplicate: true, id: sent.id });
    await gateway.logged({ source: name, verdict: "delivered" });
    assert.equal(origin.of(name).length, 1);
    const forgotten = await gateway.api(`keys?source=${name}&id=${sent.id}`, { method: "DELETE" });
    assert.deepEqual(forgotten.json(), { forgotten: true });
    assert.deepEqual((await gateway.post(name, sent)).json(), { received: true, id: sent.id });
  });
}

test("PAYLOADS: a large body is stored, delivered whole, and marked", async () => {
  const sent = delivery("github", { body: Buffer.from(JSON.stringify({ text: "x".repeat(300_000) })) });
  assert.equal((await gateway.post("large", sent)).status, 200);
  await gateway.logged({ source: "large", verdict: "delivered" });
  assert.deepEqual(origin.of("large")[0].body, sent.body);
  const { objects } = await (await gateway.bucket()).list();
  const own = objects.map(({ key, size }) => [key.startsWith("delivered/"), size]).sort();
  assert.deepEqual(own, [[false, sent.body.length], [true, 0]], "the body, and the mark of its delivery");
});

test("DEAD and LOG: a refused event is a dead letter, and is redriven", async () => {
  origin.statuses("refused", 410);
  const sent = delivery("generic");
  assert.equal((await gateway.post("refused", sent)).status, 200);
  const list = async () => (await gateway.api("dead-letters?source=refused")).json().dead_letters;
  const letter = await eventually("a dead letter", async () => (await list())[0]);
  const redriven = await gateway.api(`dead-letters/${letter.id}/redrive`, { method: "POST" });
  assert.deepEqual(redriven.json(), { redriven: 1, failed: 0 });
  await gateway.logged({ source: "refused", verdict: "delivered" });
  assert.deepEqual(await list(), []);
});

test("CLAIMS: the secret of an armed handshake waits for the operator", async () => {
  const answer = await gateway.post("armed", { headers: { "x-hook-secret": "a-secret-of-the-provider" }, body: "" });
  assert.deepEqual([answer.status, answer.headers["x-hook-secret"]], [200, "a-secret-of-the-provider"]);
  assert.equal((await gateway.api("handshakes/armed")).json().secret, "a-secret-of-the-provider");
});

test("REJECTS: after the limit, a forged request is answered 429", async () => {
  const forged = { ...delivery("generic"), body: "{}" };
  await eventually("a 429", async () => (await gateway.post("kv", forged)).status === 429);
});
