// The SDKs. `sign` signs a request as the provider does, with the SDK itself if it can sign. `accepts` asks the SDK. Only
// authenticity and age count: an exception while the SDK parses an authentic body is no refusal.
import { NOW } from "./clock.mjs";
import { params } from "./form.mjs";
import { createHash, createHmac, createPrivateKey, createPublicKey, sign as signed } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const key = (name) => readFileSync(new URL(`../../crates/verify/tests/keys/${name}`, import.meta.url), "utf8");
const hmac = (hash, secret, text, encoding = "hex") => createHmac(hash, secret).update(text).digest(encoding);
const SECRET = "a-shared-secret-of-32-characters";
const OTHER = "another-secret-of-32-characters!";
const BASE64_SECRET = `whsec_${Buffer.from(SECRET).toString("base64")}`;
const BASE64_OTHER = `whsec_${Buffer.from(OTHER).toString("base64")}`;
const URL_OF = (provider) => `https://hooks.example.com/webhooks/${provider}`;
const full = (url, query) => (query ? `${url}?${query}` : url);
const seconds = (at) => Math.floor(at / 1000);

/** A header with the HMAC of the body, in the given encoding. */
function plain(provider, header, { prefix = "", encoding = "hex", hash = "sha256", accepts, more = {} }) {
  const sign = ({ body, forged }) => ({
    headers: { ...more, [header]: prefix + hmac(hash, forged ? OTHER : SECRET, body, encoding) },
  });
  return { provider, secret: SECRET, sign, accepts };
}

/** Standard Webhooks, and Svix's names for the same headers. */
function standard(provider, Webhook, prefix, tolerance) {
  const sign = ({ body, at, forged }) => ({
    headers: {
      [`${prefix}-id`]: "msg_1",
      [`${prefix}-timestamp`]: `${seconds(at)}`,
      [`${prefix}-signature`]: new Webhook(forged ? BASE64_OTHER : BASE64_SECRET).sign("msg_1", new Date(at), body),
    },
  });
  const webhook = new Webhook(BASE64_SECRET);
  const accepts = ({ headers, body }) => {
    try {
      webhook.verify(body.toString(), headers);
    } catch (error) {
      if (error.constructor.name === "WebhookVerificationError") return false;
    }
    return true; // another exception is about JSON
  };
  return { provider, secret: BASE64_SECRET, sign, accepts, tolerance };
}

/** A JSON Web Token, signed with HS256. */
function jwt(claims, secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${content}.${hmac("sha256", secret, content, "base64url")}`;
}

export const SDKS = {
  async stripe() {
    const { default: Stripe } = await import("stripe");
    const { webhooks } = new Stripe("sk_test_1");
    const sign = ({ body, at, forged }) => {
      const secret = forged ? OTHER : SECRET;
      const header = webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds(at) });
      return { headers: { "stripe-signature": header } };
    };
    const accepts = ({ headers, body }) =>
      webhooks.signature.verifyHeader(body.toString(), headers["stripe-signature"], SECRET, 300);
    return { provider: "stripe", secret: SECRET, sign, accepts };
  },

  async svix() {
    const { Webhook } = await import("svix");
    return standard("svix", Webhook, "svix");
  },

  async standardwebhooks() {
    const { Webhook } = require("standardwebhooks");
    return standard("standard_webhooks", Webhook, "webhook");
  },

  async octokit() {
    const { sign, verify } = await import("@octokit/webhooks-methods");
    return {
      provider: "github",
      secret: SECRET,
      sign: async ({ body, forged }) => ({ headers: { "x-hub-signature-256": await sign(forged ? OTHER : SECRET, body) } }),
      accepts: ({ headers, body }) => verify(SECRET, body.toString(), headers["x-hub-signature-256"]),
    };
  },

  async twilio() {
    const { getExpectedTwilioSignature, validateRequest } = require("twilio/lib/webhooks/webhooks");
    const url = URL_OF("twilio");
    return {
      provider: "twilio",
      secret: SECRET,
      url,
      bodies: ["CallSid=CA1&From=%2B15551234567&Body=Hello+w%C3%B6rld", "A=1&B=2&B=3&b=4&Z=", "Digits=1234"],
      sign: ({ body, query, forged }) => ({
        headers: { "x-twilio-signature": getExpectedTwilioSignature(forged ? OTHER : SECRET, full(url, query), params(body.toString())) },
      }),
      accepts: ({ headers, query, body }) =>
        validateRequest(SECRET, headers["x-twilio-signature"], full(url, query), params(body.toString())),
    };
  },

  async twilio_json() {
    const { getExpectedTwilioSignature, validateRequestWithBody } = require("twilio/lib/webhooks/webhooks");
    const url = URL_OF("twilio_json");
    return {
      provider: "twilio_json",
      secret: SECRET,
      url,
      sign: ({ body, forged }) => {
        const query = `a=1&bodySHA256=${createHash("sha256").update(body).digest("hex")}`;
        const signature = getExpectedTwilioSignature(forged ? OTHER : SECRET, full(url, query), {});
        return { query, headers: { "x-twilio-signature": signature } };
      },
      accepts: ({ headers, query, body }) =>
        validateRequestWithBody(SECRET, headers["x-twilio-signature"], full(url, query), body.toString()),
    };
  },

  async slack() {
    const { isValidSlackRequest } = require("@slack/bolt/dist/receivers/verify-request");
    return {
      provider: "slack",
      secret: SECRET,
      sign: ({ body, at, forged }) => ({
        headers: {
          "x-slack-request-timestamp": `${seconds(at)}`,
          "x-slack-signature": `v0=${hmac("sha256", forged ? OTHER : SECRET, `v0:${seconds(at)}:${body}`)}`,
        },
      }),
      accepts: ({ headers, body }) => isValidSlackRequest({ signingSecret: SECRET, headers, body: body.toString() }),
    };
  },

  async shopify() {
    const { accepts } = await import("./proofs/shopify.mjs");
    return plain("shopify", "x-shopify-hmac-sha256", {
      encoding: "base64",
      accepts: ({ headers, body }) => accepts({ text: body.toString(), headers, secret: SECRET }),
    });
  },

  async square() {
    const { WebhooksHelper } = require("square");
    const url = URL_OF("square");
    const header = "x-square-hmacsha256-signature";
    return {
      provider: "square",
      secret: SECRET,
      url,
      sign: ({ body, query, forged }) => ({
        headers: { [header]: hmac("sha256", forged ? OTHER : SECRET, full(url, query) + body, "base64") },
      }),
      accepts: ({ headers, query, body }) =>
        WebhooksHelper.verifySignature({
          requestBody: body.toString(),
          signatureHeader: headers[header],
          signatureKey: SECRET,
          notificationUrl: full(url, query),
        }),
    };
  },

  async paddle() {
    const { Paddle, WebhooksValidator } = await import("@paddle/paddle-node-sdk");
    new Paddle("key"); // sets the runtime of the SDK
    const validator = new WebhooksValidator();
    return {
      provider: "paddle",
      secret: SECRET,
      tolerance: 5,
      sign: ({ body, at, forged }) => {
        const h1 = hmac("sha256", forged ? OTHER : SECRET, `${seconds(at)}:${body}`);
        return { headers: { "paddle-signature": `ts=${seconds(at)};h1=${h1}` } };
      },
      accepts: ({ headers, body }) => validator.isValidSignature(body.toString(), SECRET, headers["paddle-signature"]),
    };
  },

  async sendgrid() {
    const { EventWebhook } = require("@sendgrid/eventwebhook");
    const webhook = new EventWebhook();
    const publicKey = key("p256.pub.pem").replace(/-----.*?-----|\s/g, "");
    const prefix = "x-twilio-email-event-webhook";
    const parsed = webhook.convertPublicKeyToECDSA(publicKey);
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
      accepts: ({ headers, body }) =>
        webhook.verifySignature(parsed, body, headers[`${prefix}-signature`], headers[`${prefix}-timestamp`]),
    };
  },

  async discord() {
    const { verifyKey } = require("discord-interactions");
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
      accepts: ({ headers, body }) =>
        verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], publicKey),
    };
  },

  async line() {
    const { validateSignature } = require("@line/bot-sdk");
    return plain("line", "x-line-signature", {
      encoding: "base64",
      accepts: ({ headers, body }) => validateSignature(body, SECRET, headers["x-line-signature"]),
    });
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

  async workos() {
    const { WorkOS } = await import("@workos-inc/node");
    const { webhooks } = new WorkOS("sk_test_1");
    const tolerance = 180;
    return {
      provider: "workos",
      secret: SECRET,
      tolerance,
      // In WorkOS's own spelling, because the SDK prints the parsed body again.
      bodies: ['{"id":"evt_1","event":"user.created","data":{"name":"Zoë"}}', '{"id":"evt_2","event":"dsync.activated"}'],
      sign: ({ body, at, forged }) => {
        const v1 = hmac("sha256", forged ? OTHER : SECRET, `${at}.${body}`);
        return { headers: { "workos-signature": `t=${at}, v1=${v1}` } };
      },
      accepts: ({ headers, body }) =>
        webhooks.verifyHeader({ payload: JSON.parse(body), sigHeader: headers["workos-signature"], secret: SECRET, tolerance: tolerance * 1000 }),
    };
  },

  async linear() {
    const { LinearWebhookClient } = require("@linear/sdk/webhooks");
    const client = new LinearWebhookClient(SECRET);
    const stamp = (body, at) => body.replace("1768478400000", `${at}`);
    return {
      provider: "linear",
      secret: SECRET,
      tolerance: 60,
      bodies: ['{"action":"create","type":"Issue","webhookTimestamp":1768478400000}', '{"type":"Comment","data":{},"webhookTimestamp":1768478400000}'],
      sign: ({ body, at, forged }) => {
        const stamped = stamp(body, at);
        return { body: Buffer.from(stamped), headers: { "linear-signature": hmac("sha256", forged ? OTHER : SECRET, stamped) } };
      },
      accepts: ({ headers, body }) => client.verify(body, headers["linear-signature"]),
    };
  },

  async contentful() {
    const { signRequest, verifyRequest } = require("@contentful/node-apps-toolkit");
    const url = URL_OF("contentful");
    const secret = SECRET.repeat(2);
    const path = (query) => full("/webhooks/contentful", query);
    return {
      provider: "contentful",
      secret,
      url,
      tolerance: 29, // the SDK refuses exactly 30 s
      sign: ({ body, at, query, forged }) => {
        const headers = { "x-contentful-topic": "ContentManagement.Entry.publish" };
        const request = { method: "POST", path: path(query), headers, body };
        return { headers: { ...headers, ...signRequest(forged ? OTHER.repeat(2) : secret, request, at) } };
      },
      accepts: ({ headers, query, body }) =>
        verifyRequest(secret, { method: "POST", path: path(query), headers, body: body.toString() }, 30),
    };
  },

  async messagebird() {
    const { verify } = require("messagebird/lib/webhook-signature-jwt");
    const url = URL_OF("messagebird_jwt");
    const header = "messagebird-signature-jwt";
    const hash = (text) => createHash("sha256").update(text).digest("hex");
    return {
      provider: "messagebird_jwt",
      secret: SECRET,
      url,
      tolerance: 5,
      sign: ({ body, at, query, forged }) => {
        const [iat, url_hash, payload_hash] = [seconds(at), hash(full(url, query)), hash(body)];
        const claims = { iss: "MessageBird", nbf: iat, iat, exp: iat + 60, jti: "j-1", url_hash, payload_hash };
        return { headers: { [header]: jwt(claims, forged ? OTHER : SECRET) } };
      },
      accepts: async ({ headers, query, body }) => {
        await verify(full(url, query), body, headers[header], Buffer.from(SECRET));
        return true;
      },
    };
  },

  async vonage() {
    const { verifySignature } = require("@vonage/jwt");
    const hash = (text) => createHash("sha256").update(text).digest("hex");
    return {
      provider: "vonage",
      secret: SECRET,
      sign: ({ body, at, forged }) => {
        const claims = { iss: "Vonage", iat: seconds(at), jti: "j-1", payload_hash: hash(body), api_key: "k" };
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

  async gocardless() {
    const { verifySignature } = require("gocardless-nodejs");
    return plain("gocardless", "webhook-signature", {
      accepts: ({ headers, body }) => {
        verifySignature(body.toString(), SECRET, headers["webhook-signature"]);
        return true;
      },
    });
  },

  async razorpay() {
    const { validateWebhookSignature } = require("razorpay/dist/utils/razorpay-utils");
    return plain("razorpay", "x-razorpay-signature", {
      accepts: ({ headers, body }) => validateWebhookSignature(body, headers["x-razorpay-signature"], SECRET),
    });
  },

  async mux() {
    const { default: Mux } = await import("@mux/mux-node");
    const { webhooks } = new Mux({ tokenId: "t", tokenSecret: "s", webhookSecret: SECRET });
    return {
      provider: "mux",
      secret: SECRET,
      sign: ({ body, at, forged }) => {
        const v1 = hmac("sha256", forged ? OTHER : SECRET, `${seconds(at)}.${body}`);
        return { headers: { "mux-signature": `t=${seconds(at)},v1=${v1}` } };
      },
      accepts: async ({ headers, body }) => {
        await webhooks.verifySignature(body.toString(), headers, SECRET);
        return true;
      },
    };
  },
};

for (const version of ["v1", "v2", "v3"]) {
  SDKS[`hubspot_${version}`] = async () => {
    const { Signature } = require("@hubspot/api-client");
    const provider = `hubspot_${version}`;
    const url = version === "v1" ? "" : URL_OF(provider);
    const header = version === "v3" ? "x-hubspot-signature-v3" : "x-hubspot-signature";
    const TIME = "x-hubspot-request-timestamp";
    const options = (query, body, timestamp, clientSecret = SECRET) => {
      return { clientSecret, requestBody: body.toString(), url: full(url, query), timestamp };
    };
    return {
      provider,
      secret: SECRET,
      url,
      bodies: ['[{"eventId":1,"subscriptionType":"contact.creation"}]', '[{"eventId":2,"subscriptionType":"deal.change"}]'],
      sign: ({ body, at, query, forged }) => {
        const asked = options(query, body, at, forged ? OTHER : SECRET);
        const signature = Signature.getSignature("POST", version, asked);
        return { headers: { [header]: signature, ...(version === "v3" && { [TIME]: `${at}` }) } };
      },
      accepts: ({ headers, query, body }) => {
        const asked = options(query, body, Number(headers[TIME]));
        return Signature.isValid({ ...asked, method: "POST", signatureVersion: version, signature: headers[header] });
      },
    };
  };
}
