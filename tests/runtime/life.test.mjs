// The runtime may drop an event without an end. A later event ends an event that is older than 20 minutes, so that its body
// does not stay in memory.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

const MINUTE = 60_000;
const event = () => delivery("github", { body: Buffer.from(`{"at":${Math.random()}}`) });
const gateway = await Gateway.start({
  // GitHub signs no time, so a request is as good 21 minutes later.
  sources: { slow: source("github", { deliver: "origin" }), quick: source("github") },
});
after(() => gateway.close());

for (const [minutes, ends] of [[19, false], [21, true]]) {
  test(`a request that began ${minutes} minutes ago ${ends ? "ends" : "goes on"} when another one comes`, async () => {
    const { promise: held, resolve: release } = Promise.withResolvers();
    const before = gateway.origin.of("slow").length;
    gateway.origin.answers("slow", async (response) => {
      await held;
      response.end();
    });
    await gateway.ahead(0);
    const old = gateway.post("slow", event());
    await gateway.origin.received("slow", before + 1);
    await gateway.ahead(minutes * MINUTE);
    assert.equal((await gateway.post("quick", event())).status, 200);
    // While the origin still holds the request. The runtime answers 500 itself, because another request ended this one.
    if (ends) assert.equal((await old).status, 500);
    release();
    assert.equal((await old).status, ends ? 500 : 200);
    assert.equal((await gateway.post("quick", event())).status, 200);
  });
}
