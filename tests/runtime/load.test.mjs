// Many requests at once.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

const SYSTEMS = ["relock", "generic", "relaybox", "chekt"];
const gateway = await Gateway.start({
  sources: {
    ...Object.fromEntries(SYSTEMS.map((system) => [system, source(system)])),
    direct: source("generic", { deliver: "origin" }),
  },
});
after(() => gateway.close());
const { origin } = gateway;
const texts = (requests) => requests.map(({ body }) => body.toString()).sort();

test("100 different events at once are all accepted, and each is delivered exactly once", async () => {
  const systems = Array.from({ length: 100 }, (_, at) => SYSTEMS[at % SYSTEMS.length]);
  const sent = systems.map((system) => [system, delivery(system)]);
  const answers = await Promise.all(sent.map(([system, one]) => gateway.post(system, one)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.ok(answers.every((answer) => answer.json().duplicate === undefined));
  await gateway.drained(30_000);
  for (const system of SYSTEMS) {
    const own = sent.filter(([other]) => other === system).map(([, one]) => one);
    assert.deepEqual(texts(origin.of(system)), texts(own), system);
  }
  const keys = origin.requests.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 100, "each event has another key");
  const again = await Promise.all(sent.map(([system, one]) => gateway.post(system, one)));
  assert.ok(again.every((answer) => answer.json().duplicate === true), "each key is stored");
});

test("the answers of a slow origin reach the right providers in any order", async () => {
  const held = [];
  origin.answers("direct", (response, request) => {
    const failing = JSON.parse(request.body).data.fails;
    held.push(() => response.writeHead(failing ? 500 : 200).end());
    // The last request releases all answers, in reverse order.
    if (held.length === 20) held.reverse().forEach((release) => release());
  });
  const created_at = new Date().toISOString();
  const event = (at) => JSON.stringify({ id: `evt_${at}`, type: "t", created_at, data: { fails: at % 3 === 0 } });
  const sent = Array.from({ length: 20 }, (_, at) => delivery("generic", { body: event(at) }));
  const answers = await Promise.all(sent.map((one) => gateway.post("direct", one)));
  answers.forEach((answer, at) => {
    if (at % 3 === 0) assert.equal(answer.status, 503, at);
    else assert.deepEqual(answer.json(), { received: true, id: `evt_${at}` });
  });
});

gateway.provesThatNoSecretLeaves();
