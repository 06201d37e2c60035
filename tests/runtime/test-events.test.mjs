// Test events: requests that the operator sends to a source, through the whole Worker.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { ADMIN_TOKEN, SECRETS, source } from "./providers.mjs";

const HMAC_SHA1_AND_512 = { trello: "sha1", paystack: "sha512" };
const named = (provider, more) => ({ ...source("generic", more), provider });
const gateway = await Gateway.start({
  sources: {
    plain: source("generic"),
    exact: source("generic", { dedup: "exact" }),
    direct: source("generic", { deliver: "origin" }),
    picky: source("generic", { events: ["invoice.*"] }),
    token: named("gitlab_token"),
    ...Object.fromEntries(Object.keys(HMAC_SHA1_AND_512).map((name) => [name, named(name, { url: "https://hooks.example.com/x" })])),
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
  rejects: 1,
});
after(() => gateway.close());

/** Runs a test. Returns the result. */
async function run(name, wanted) {
  const answer = await gateway.api(`sources/${name}/test`, { method: "POST", body: JSON.stringify(wanted) });
  assert.equal(answer.status, 200, `${answer.body}`);
  return answer.json();
}

for (const name of ["plain", "exact", "direct"]) {
  test(`a test event of the source ${name} is marked, and is delivered`, async () => {
    const { as_expected: asExpected, requests: [{ id, status, answer }] } = await run(name, { kind: "good" });
    assert.deepEqual([asExpected, status, JSON.parse(answer)], [true, 200, { received: true, id }]);
    assert.match(id, /^hookgate-test-[0-9a-f]{32}$/);
    const [{ headers, body }] = await gateway.origin.received(name, 1);
    assert.equal(headers["hookgate-test"], "1");
    assert.equal(JSON.parse(`${body}`).hookgate_test, id);
    await gateway.logged({ source: name, id, test: true, verdict: "accepted" });
    if (name !== "direct") await gateway.logged({ source: name, id, test: true, verdict: "delivered" });
    await gateway.logged({ source: name, verdict: "tested", detail: "good: as expected" });
  });

  test(`the source ${name} refuses what it must`, async () => {
    const before = await gateway.operations();
    for (const [kind, reason] of [["forged", "signature_mismatch"], ["stale", "too_old"]]) {
      const { as_expected: asExpected, requests: [request] } = await run(name, { kind });
      assert.deepEqual([asExpected, request.status, request.reason], [true, 401, reason]);
    }
    const operations = (await gateway.operations(before.length)).map(({ operation }) => operation);
    const others = operations.filter((operation) => operation !== "LOG.batch"); // the audit, and the log of others
    assert.deepEqual(others, [], "no store of events is touched, and the limiter does not count");
  });

  test(`the source ${name} recognises a duplicate`, async () => {
    const { as_expected: asExpected, requests } = await run(name, { kind: "repeated" });
    assert.deepEqual([asExpected, requests.map(({ verdict }) => verdict)], [true, ["accepted", "duplicate"]]);
  });
}

test("the filter drops a test event, except if its type is wanted", async () => {
  const { as_expected: asExpected, notes: [note] } = await run("picky", { kind: "good" });
  assert.equal(asExpected, false);
  assert.match(note, /does not want the type "hookgate\.test"/);
  assert.equal((await run("picky", { kind: "good", type: "invoice.paid" })).as_expected, true);
});

test("the runtime's own cryptography signs too", async () => {
  for (const name of [...Object.keys(HMAC_SHA1_AND_512), "token"]) {
    for (const kind of ["good", "forged"]) {
      const result = await run(name, { kind });
      assert.equal(result.as_expected, true, JSON.stringify(result));
    }
  }
});

gateway.provesThatNoSecretLeaves();
