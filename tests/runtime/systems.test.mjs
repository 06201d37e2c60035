// The five systems, each from its first request to its origin, and forged requests of each.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { MINUTE, ORIGIN_SIGNING_SECRET, PROVIDERS, SECRETS, delivery, isSignedForward, source } from "./providers.mjs";

const SYSTEMS = ["relock", "generic", "relaybox", "lrdefender, plain", "lrdefender, timestamped", "chekt"];
const endpoint = (system) => system.replace(", ", "-");
const provider = (system) => PROVIDERS[system].provider ?? system;

const gateway = await Gateway.start({
  sources: {
    ...Object.fromEntries(SYSTEMS.flatMap((system) => {
      const tables = { "": source(system), "-forged": source(system), "-exact": source(system, { dedup: "exact" }) };
      return Object.entries(tables).map(([end, table]) => [endpoint(system) + end, table]);
    })),
    "generic-late": source("generic"),
  },
  secrets: { ...SECRETS, ORIGIN_SIGNING_SECRET },
});
after(() => gateway.close());
const { origin } = gateway;

const essence = ({ status, rawHeaders, body }) => {
  const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]]] : []));
  return { status, headers: pairs.filter(([name]) => name !== "date"), body: body.toString("hex") };
};

function refused(system) {
  const good = delivery(system);
  const { header, stale } = PROVIDERS[system];
  const value = good.headers[header];
  const swapped = value.slice(0, -1) + (value.endsWith("0") ? "1" : "0");
  const changed = Buffer.from(good.body.toString().replace('"', '"x'));
  return {
    "signed with another secret": delivery(system, { key: "another" }),
    "with a signature whose last digit is changed": { ...good, headers: { ...good.headers, [header]: swapped } },
    "with a changed body": { ...good, body: changed },
    "with an empty signature": { ...good, headers: { ...good.headers, [header]: "" } },
    "with a cut signature": { ...good, headers: { ...good.headers, [header]: value.slice(0, -2) } },
    unsigned: { ...good, headers: { "content-type": "application/json" } },
    stale: delivery(system, { at: Date.now() - stale }),
    "from the future": delivery(system, { at: Date.now() + 10 * MINUTE }),
  };
}

// First and alone, so that nothing else uses the bindings meanwhile.
test("forged, unsigned and stale requests get the same 401 bytes and touch no storage", async () => {
  let first;
  for (const system of SYSTEMS) {
    for (const [what, bad] of Object.entries(refused(system))) {
      for (const mode of ["forged", "exact"]) {
        const answer = await gateway.post(`${endpoint(system)}-${mode}`, bad);
        assert.equal(answer.status, 401, `${system}, ${what}`);
        first ??= essence(answer);
        assert.deepEqual(essence(answer), first, `${system}, ${what}`);
      }
    }
  }
  // A write may come after the answer. When the write of a later accepted request is done, an earlier write would be too.
  assert.equal((await gateway.post("generic-late", delivery("generic"))).status, 200);
  await gateway.drained();
  const done = (await gateway.stored()).map(({ operation }) => operation);
  assert.deepEqual(done.sort(), ["DEDUP.get", "DEDUP.put", "EVENTS.send"]);
  assert.equal(origin.requests.length, 1, "only the authentic event is forwarded");
});

describe("the five systems", { concurrency: true }, () => {
  for (const system of SYSTEMS) {
    const name = endpoint(system);

    test(`${system}: a good request reaches the origin byte for byte, and a repeated request does not`, async () => {
      const headers = { "content-type": "application/json; charset=utf-8", "user-agent": "System/1.0" };
      const sent = delivery(system, { headers });
      const answer = await gateway.post(name, sent);
      assert.equal(answer.status, 200);
      const { id, ...rest } = answer.json();
      assert.deepEqual(rest, { received: true });
      assert.match(id, ["generic", "relaybox"].includes(system) ? new RegExp(`^${sent.id}$`) : /^sha256:[0-9a-f]{64}$/);

      const [forward] = await origin.received(name);
      assert.deepEqual(forward.body, sent.body);
      assert.equal(forward.method, "POST");
      assert.equal(forward.headers["content-type"], "application/json; charset=utf-8");
      assert.equal(forward.headers["user-agent"], "System/1.0");
      assert.equal(forward.headers["hookgate-source"], name);
      assert.equal(forward.headers["hookgate-provider"], provider(system));
      assert.equal(forward.headers["hookgate-attempt"], "1");
      assert.match(forward.headers["idempotency-key"], /^[0-9a-f]{64}$/);
      assert.equal(forward.headers["webhook-id"], forward.headers["idempotency-key"]);
      assert.ok(Math.abs(forward.headers["webhook-timestamp"] - forward.at / 1000) < 3);
      assert.ok(isSignedForward(forward), "a Standard Webhooks signature");

      const repeated = await gateway.post(name, sent);
      assert.equal(repeated.status, 200);
      assert.deepEqual(repeated.json(), { received: true, duplicate: true, id });
      const marker = delivery(system);
      assert.equal((await gateway.post(name, marker)).status, 200);
      await gateway.drained();
      assert.deepEqual(origin.of(name).map(({ body }) => body), [sent.body, marker.body], "one forward for each event");
    });
  }
});

gateway.provesThatNoSecretLeaves();
