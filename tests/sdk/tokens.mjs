// The SDKs of providers that sign with a token or a private key, or that sign in the body.
import { NOW } from "./clock.mjs";
import { OTHER, SECRET, URL_OF, full, hmac, key, seconds, sha256 } from "./common.mjs";
import { createPrivateKey, createPublicKey, sign as signed } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A JSON Web Token, signed with HS256. */
function jwt(claims, secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${content}.${hmac("sha256", secret, content, "base64url")}`;
}

export const TOKENS = {
  async sendgrid() {
    const publicKey = key("p256.pub.pem").replace(/-----.*?-----|\s/g, "");
    const prefix = "x-twilio-email-event-webhook";
    return {
      provider: "sendgrid",
      secret: publicKey,
      bodies: ['[{"email":"a@example.com","event":"open","sg_event_id":"1"}]\r\n', '[{"event":"click"},{"event":"open"}]'],
      sign: ({ body, at, forged }) => {
        const content = forged ? `${seconds(at)}another${body}` : `${seconds(at)}${body}`;
        const signature = signed("sha256", Buffer.from(content), key("p256.pem")).toString("base64");
        return { headers: { [`${prefix}-timestamp`]: `${seconds(at)}`, [`${prefix}-signature`]: signature } };
      },
      rare: {
        "another length before the two numbers": ({ headers, ...request }) => {
          const der = Buffer.from(headers[`${prefix}-signature`], "base64");
          der[1] += 7;
          return { ...request, headers: { ...headers, [`${prefix}-signature`]: der.toString("base64") } };
        },
      },
    };
  },

  async discord() {
    const { x } = createPublicKey(key("ed25519.pub.pem")).export({ format: "jwk" });
    const publicKey = Buffer.from(x, "base64url").toString("hex");
    return {
      provider: "discord",
      secret: publicKey,
      sign: ({ body, at, forged }) => {
        const content = Buffer.from(`${seconds(at)}${forged ? "another" : ""}${body}`);
        const signature = signed(null, content, createPrivateKey(key("ed25519.pem"))).toString("hex");
        return { headers: { "x-signature-timestamp": `${seconds(at)}`, "x-signature-ed25519": signature } };
      },
      rare: {
        "the last byte without its leading zero": async () => {
          for (let age = 0; ; age += 1) {
            const request = await this.discord().then((sdk) => sdk.sign({ body: `{"n":${age}}`, at: NOW }));
            const { "x-signature-ed25519": signature, ...others } = request.headers;
            const headers = { ...others, "x-signature-ed25519": signature.replace(/0(.)$/, "$1") };
            if (signature.at(-2) === "0") return { query: "", body: Buffer.from(`{"n":${age}}`), headers };
          }
        },
      },
    };
  },

  async braintree() {
    const braintree = require("braintree");
    const names = { merchantId: "m", publicKey: "integration_public_key" };
    const gateway = (privateKey) =>
      new braintree.BraintreeGateway({ environment: braintree.Environment.Sandbox, ...names, privateKey });
    const [mine, theirs] = [gateway(SECRET), gateway(OTHER)];
    const fields = ["bt_signature", "bt_payload"];
    const bodies = ["subscription_went_past_due", "check", "dispute_opened"];
    const of = (body, name) => new URLSearchParams(body.toString()).get(name);
    return {
      provider: "braintree",
      secret: SECRET,
      account: names.publicKey,
      bodies,
      fields,
      sign: ({ body, forged }) => {
        const sample = (forged ? theirs : mine).webhookTesting.sampleNotification(body, "id-1");
        return { headers: {}, body: Buffer.from(new URLSearchParams(sample).toString()) };
      },
      rewritten: (request, field, change) => {
        const pairs = new URLSearchParams(request.body.toString());
        pairs.set(field, change(pairs.get(field) ?? ""));
        return { ...request, body: Buffer.from(pairs.toString()) };
      },
      rare: {
        "the payload without its last newline": (request) => {
          return { ...request, body: Buffer.from(request.body.toString().replace(/%0A$/, "")) };
        },
      },
      accepts: async ({ body }) => {
        try {
          await mine.webhookNotification.parse(of(body, "bt_signature"), of(body, "bt_payload"));
        } catch (error) {
          if (error.type === "invalidSignatureError") return false;
        }
        return true; // another exception is about XML
      },
    };
  },

  async messagebird() {
    const url = URL_OF("messagebird_jwt");
    const header = "messagebird-signature-jwt";
    return {
      provider: "messagebird_jwt",
      secret: SECRET,
      url,
      tolerance: 5,
      sign: ({ body, at, query, forged }) => {
        const [iat, url_hash, payload_hash] = [seconds(at), sha256(full(url, query)), sha256(body)];
        const claims = { iss: "MessageBird", nbf: iat, iat, exp: iat + 60, jti: "j-1", url_hash, payload_hash };
        return { headers: { [header]: jwt(claims, forged ? OTHER : SECRET) } };
      },
    };
  },

  async vonage() {
    const { verifySignature } = require("@vonage/jwt");
    return {
      provider: "vonage",
      secret: SECRET,
      sign: ({ body, at, forged }) => {
        const claims = { iss: "Vonage", iat: seconds(at), jti: "j-1", payload_hash: sha256(body), api_key: "k" };
        return { headers: { authorization: `Bearer ${jwt(claims, forged ? OTHER : SECRET)}` } };
      },
      accepts: ({ headers }) => {
        const [scheme, token] = headers.authorization.split(" ");
        return scheme === "Bearer" && verifySignature(token, SECRET);
      },
    };
  },

  async sns() {
    const Validator = require("sns-validator");
    const validator = new Validator();
    const https = require("node:https");
    const certificate = key("rsa.cert.pem");
    https.get = (url, answered) => {
      const events = { data: (take) => take(Buffer.from(certificate)), end: (done) => done() };
      const response = { statusCode: 200, on: (event, call) => (events[event]?.(call), response) };
      answered(response);
      return { on: () => {} };
    };
    const KEYS = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    const TopicArn = "arn:aws:sns:eu-central-1:123456789012:orders";
    const SigningCertURL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";
    const fields = ["Signature", "Message", "MessageId", "Subject", "Timestamp", "Type", "SigningCertURL"];
    return {
      provider: "aws_sns",
      published: certificate,
      account: TopicArn,
      fields,
      bodies: ['{"Message":"Hello","Subject":"Order 7"}', '{"Message":"one\\nMessageId\\ntwo"}', '{"Message":"{}"}'],
      sign: ({ body, at, forged }) => {
        const fixed = { Type: "Notification", MessageId: "m-1", TopicArn, Timestamp: new Date(at).toISOString() };
        const message = { ...JSON.parse(body), ...fixed };
        const text = KEYS.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`).join("");
        const Signature = signed("sha256", Buffer.from(forged ? `another${text}` : text), key("rsa.pem")).toString("base64");
        const whole = { ...message, SignatureVersion: "2", Signature, SigningCertURL };
        return { headers: {}, body: Buffer.from(JSON.stringify(whole)) };
      },
      rewritten: (request, field, change) => {
        const message = JSON.parse(request.body);
        return { ...request, body: Buffer.from(JSON.stringify({ ...message, [field]: change(message[field] ?? "") })) };
      },
      accepts: ({ body }) => new Promise((resolve) => validator.validate(body.toString(), (error) => resolve(!error))),
    };
  },
};
