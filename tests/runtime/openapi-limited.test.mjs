// The API as docs/openapi.json says, for a caller who may only read, and of a Worker without a database.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { conforms } from "./openapi/schemathesis.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const READER = "canary-reader-token-90ce1d";

async function start(more) {
  const secrets = { ...SECRETS, ADMIN_TOKEN, ADMIN_TOKENS: `reader:read:${READER}` };
  const gateway = await Gateway.start({ sources: sourcesOf(["fine", "refused"], "generic"), secrets, plain: true, ...more });
  after(() => gateway.close());
  assert.equal((await gateway.post("fine", delivery("generic"))).status, 200);
  return gateway;
}

test("a caller who may only read", { timeout: 120_000 }, async () => {
  await conforms(await start(), { token: READER, examples: 8 });
});

test("a Worker without a database", { timeout: 120_000 }, async () => {
  // Most calls are answered 501: that is right here.
  const without = ["not_a_server_error", "positive_data_acceptance"];
  await conforms(await start({ without: ["LOG"] }), { token: ADMIN_TOKEN, examples: 8, without });
});
