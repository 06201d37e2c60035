// Keys and claims survive a restart of the runtime.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { delivery, source } from "./providers.mjs";

/** A directory for one test. */
async function stateFor(t) {
  const state = await mkdtemp(join(tmpdir(), "hookgate-"));
  t.after(() => rm(state, { recursive: true, force: true }));
  return state;
}

/** Runs `use` with a gateway, then stops the gateway. */
async function during(options, use) {
  const gateway = await Gateway.start(options);
  try {
    return await use(gateway);
  } finally {
    await gateway.close();
  }
}

test("a request repeated after a restart of the runtime is a duplicate", async (t) => {
  const state = await stateFor(t);
  const sources = { generic: source("generic"), relock: source("relock") };
  const sent = { generic: delivery("generic"), relock: delivery("relock") };

  await during({ sources, state }, async (gateway) => {
    for (const [name, one] of Object.entries(sent)) {
      assert.deepEqual(Object.keys((await gateway.post(name, one)).json()), ["received", "id"]);
    }
    await gateway.drained();
  });
  await during({ sources, state }, async (gateway) => {
    for (const [name, one] of Object.entries(sent)) {
      assert.equal((await gateway.post(name, one)).json().duplicate, true, name);
    }
    const fresh = await gateway.post("generic", delivery("generic"));
    assert.equal(fresh.json().duplicate, undefined, "a new event is not");
    await gateway.drained();
    assert.equal(gateway.origin.requests.length, 1, "only the new event is forwarded");
  });
});

test("after a change of CLAIM_SHARDS no claim is lost: requests are refused, or both rings are asked", async (t) => {
  const state = await stateFor(t);
  const sources = { exact: source("generic", { dedup: "exact" }) };
  const sent = delivery("generic");
  /** Sends a copy while KV fails, so that only the objects know the claim. */
  const copied = (vars) => during({ sources, state, vars }, async (gateway) => {
    await gateway.fail("DEDUP.get");
    const answer = await gateway.post("exact", sent);
    return { status: answer.status, duplicate: answer.json().duplicate, detail: gateway.records("exact")[0].detail };
  });
  await during({ sources, state, vars: { CLAIM_SHARDS: 3 } }, async (gateway) => {
    assert.deepEqual((await gateway.post("exact", sent)).json(), { received: true, id: sent.id });
    await gateway.drained();
  });
  const refused = await copied({ CLAIM_SHARDS: 5 });
  assert.equal(refused.status, 503);
  assert.match(refused.detail, /CLAIM_SHARDS_BEFORE = 3/);
  assert.equal((await copied({ CLAIM_SHARDS: 5, CLAIM_SHARDS_BEFORE: 3 })).duplicate, true);
  assert.equal((await copied({ CLAIM_SHARDS: 3, CLAIM_SHARDS_BEFORE: 5 })).duplicate, true, "and after the change back");
});
