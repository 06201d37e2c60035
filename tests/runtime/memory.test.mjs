// The memory for large bodies. An isolate has 128 MB for everything.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

const MIB = 1024 * 1024;
const MOST = 100 * MIB;
const gateway = await Gateway.start({
  sources: { batch: source("github", { max_body: "25MiB" }), uploads: source("github", { max_body: "25MiB" }) },
});
after(() => gateway.close());
const { origin } = gateway;
const large = (name) => delivery("github", { body: Buffer.alloc(25 * MIB, name) });
const mib = (bytes) => `${Math.round(bytes / MIB)} MiB`;

test("a batch of ten events of 25 MiB is delivered, and the Worker holds none of their bodies", async () => {
  origin.answers("batch", (response) => response.writeHead(500).end());
  const sent = Array.from({ length: 10 }, (_, at) => large(`batch ${at}`));
  for (const one of sent) assert.equal((await gateway.post("batch", one)).status, 200);
  const operations = await gateway.operations();
  const texts = operations.filter(({ operation }) => operation === "EVENTS.send").map(({ args }) => args[0]);
  const before = await gateway.held();
  assert.ok(before.most < MOST, `${mib(before.most)} while the events came in`);
  origin.answers("batch", (response) => response.end());
  assert.deepEqual(await gateway.batchOf("hookgate-events", texts.slice(-10)), Array(10).fill("ack"));
  const { wasm, most } = await gateway.held();
  assert.ok(wasm <= before.wasm + MIB, `the memory grew from ${mib(before.wasm)} to ${mib(wasm)}`);
  assert.ok(most <= before.wasm + MIB, `${mib(most)} at most`);
});

test("twenty uploads of 25 MiB at once are accepted, within the memory", async () => {
  const sent = Array.from({ length: 20 }, (_, at) => large(`upload ${at}`));
  const takes = async (one) => {
    // A request that waits too long for a permit is answered 503.
    for (;;) {
      const { status } = await gateway.post("uploads", one);
      if (status === 200) return;
      assert.equal(status, 503);
    }
  };
  await Promise.all(sent.map(takes));
  const { most } = await gateway.held();
  assert.ok(most < MOST, `${mib(most)} at most`);
});
