// What the gateway still knows after the runtime was restarted.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

test("a delivery repeated after a restart of the runtime is a duplicate", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "hookgate-"));
  t.after(() => rm(state, { recursive: true, force: true }));
  const sources = { generic: source("generic"), relock: source("relock") };
  const sent = { generic: delivery("generic"), relock: delivery("relock") };

  const before = await Gateway.start({ sources, state });
  try {
    for (const [name, one] of Object.entries(sent)) {
      assert.deepEqual(Object.keys((await before.post(name, one)).json()), ["received", "id"]);
    }
    await before.drained();
  } finally {
    await before.close();
  }

  const afterwards = await Gateway.start({ sources, state });
  try {
    for (const [name, one] of Object.entries(sent)) {
      assert.equal((await afterwards.post(name, one)).json().duplicate, true, name);
    }
    const fresh = await afterwards.post("generic", delivery("generic"));
    assert.equal(fresh.json().duplicate, undefined, "and a new one is none");
    await afterwards.drained();
    assert.equal(afterwards.origin.requests.length, 1, "only the new one is forwarded");
  } finally {
    await afterwards.close();
  }
});
