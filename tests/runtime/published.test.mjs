// Published keys are fetched from the URL in the preset, kept, and fetched again when they change.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { MINUTE } from "./providers.mjs";

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders";
const direct = { deliver: "origin", dedup: "none" };
const gateway = await Gateway.start({
  sources: {
    fal: { provider: "fal", ...direct },
    sns: { provider: "aws_sns", account: TOPIC, ...direct },
    sns_v1: { provider: "aws_sns_v1", account: TOPIC, ...direct },
  },
  secrets: {},
});
after(() => gateway.close());

const fetched = async (from = 0) =>
  (await gateway.operations(from)).filter(({ operation }) => operation === "fetch").map(({ args }) => args[0]);
const count = async () => (await gateway.operations()).length;
let clock = 0;
const later = (milliseconds) => gateway.ahead((clock += milliseconds));

describe("a set of keys", () => {
  const SET = "https://rest.alpha.fal.ai/.well-known/jwks.json";
  const publish = (...pairs) => {
    const keys = pairs.map(({ publicKey }, at) => ({ ...publicKey.export({ format: "jwk" }), kid: `${at}` }));
    return gateway.publish({ [SET]: JSON.stringify({ keys }) });
  };
  const [first, second, foreign] = [1, 2, 3].map(() => generateKeyPairSync("ed25519"));
  const post = ({ privateKey }) => {
    const [body, id, time] = ['{"status":"OK"}', randomUUID(), String(Math.floor((Date.now() + clock) / 1000))];
    const digest = createHash("sha256").update(body).digest("hex");
    const signature = sign(null, `${id}\nu1\n${time}\n${digest}`, privateKey).toString("hex");
    const prefix = "x-fal-webhook";
    return gateway.post("fal", {
      body,
      headers: {
        [`${prefix}-request-id`]: id,
        [`${prefix}-user-id`]: "u1",
        [`${prefix}-timestamp`]: time,
        [`${prefix}-signature`]: signature,
      },
    });
  };

  test("that cannot be fetched causes a 503, so that the provider retries", async () => {
    assert.equal((await post(first)).status, 503);
    await gateway.logged({ source: "fal", reason: "keys_unavailable" });
    await publish(first);
    assert.equal((await post(first)).status, 503, "the host is not asked again for a minute");
    await later(MINUTE);
  });

  test("that is too long causes a 503 too", async () => {
    await gateway.publish({ [SET]: " ".repeat(200_000) });
    assert.equal((await post(first)).status, 503);
    await gateway.logged({ source: "fal", detail: `${SET} is longer than 64 KiB` });
    await later(MINUTE);
  });

  test("is fetched once and used until it changes", async () => {
    await publish(first);
    const before = await count();
    for (let at = 0; at < 5; at += 1) assert.equal((await post(first)).status, 200);
    assert.deepEqual(await fetched(before), [SET]);
  });

  test("that has changed is fetched again after a minute, once", async () => {
    await publish(first, second);
    await later(MINUTE);
    const before = await count();
    for (const key of [second, first, second, foreign]) {
      assert.equal((await post(key)).status, key === foreign ? 401 : 200);
    }
    assert.deepEqual(await fetched(before), [SET]);
  });

});

describe("a certificate that the message names", () => {
  const key = readFileSync(new URL("../../crates/verify/tests/keys/rsa.pem", import.meta.url), "utf8");
  const certificate = readFileSync(new URL("../../crates/verify/tests/keys/rsa.cert.pem", import.meta.url), "utf8");
  const HOST = "https://sns.eu-central-1.amazonaws.com";
  const CERTIFICATE = `${HOST}/SimpleNotificationService-0123456789abcdef.pem`;
  const FIELDS = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

  function message(more = {}, url = CERTIFICATE, version = "2") {
    const made = {
      Type: "Notification",
      MessageId: randomUUID(),
      TopicArn: TOPIC,
      Message: '{"order":7}',
      Timestamp: new Date(Date.now() + clock).toISOString(),
      ...more,
    };
    const text = FIELDS.filter((name) => name in made).map((name) => `${name}\n${made[name]}\n`).join("");
    const Signature = sign(version === "2" ? "sha256" : "sha1", text, key).toString("base64");
    return { ...made, SignatureVersion: version, Signature, SigningCertURL: url };
  }
  const post = (made, source = "sns") => gateway.post(source, { body: JSON.stringify(made), headers: {} });

  test("is fetched from AWS once and proves the message", async () => {
    await gateway.publish({ [CERTIFICATE]: certificate });
    const before = await count();
    for (let at = 0; at < 3; at += 1) assert.equal((await post(message())).status, 200);
    assert.equal((await post({ ...message(), Message: '{"order":8}' })).status, 401);
    assert.deepEqual(await fetched(before), [CERTIFICATE]);
    const v1 = await post(message({}, CERTIFICATE, "1"), "sns_v1");
    assert.equal(v1.status, 200, "the old signature with SHA-1, for sources that ask for it");
    assert.equal((await post(message({}, CERTIFICATE, "1"))).status, 401, "other sources refuse SHA-1");
  });

  test("confirms a subscription only in a message that is verified, and at no other host", async () => {
    const confirmation = (SubscribeURL) => message({ Type: "SubscriptionConfirmation", Token: "2336412f37", SubscribeURL });
    const visit = `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37`;
    const elsewhere = visit.replace(HOST, `${HOST}.attacker.example`);
    await gateway.publish({ [visit]: "<ConfirmSubscriptionResponse/>", [elsewhere]: "" });
    const visits = async () => (await fetched()).filter((url) => url.includes("ConfirmSubscription"));
    assert.equal((await post({ ...confirmation(visit), Token: "another" })).status, 401);
    assert.equal((await post(confirmation(elsewhere))).status, 200, "an authentic event, which is forwarded");
    assert.deepEqual(await visits(), []);
    assert.equal((await post(confirmation(visit))).status, 200);
    assert.deepEqual(await visits(), [visit]);
  });
});
