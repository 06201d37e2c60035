// The SDKs. `sign` signs a request as the provider does, with the SDK itself if it can sign. `accepts` asks the SDK; without
// it, `proofs/` asks. Only authenticity and age count: an exception while the SDK parses an authentic body is no refusal.
import { OTHER, SECRET, URL_OF, full, hmac, seconds, sha256 } from "./common.mjs";
import { params } from "./form.mjs";
import { TOKENS } from "./tokens.mjs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const BASE64_SECRET = `whsec_${Buffer.from(SECRET).toString("base64")}`;
const BASE64_OTHER = `whsec_${Buffer.from(OTHER).toString("base64")}`;

/** An SDK whose provider signs `content` with one HMAC. `headers` has the HMAC: a name, or a function of the HMAC and the time. */
function keyed(provider, headers, { content = ({ body }) => body, encoding = "hex", ...more } = {}) {
  const written = typeof headers === "string" ? (mac) => ({ [headers]: mac }) : headers;
  const sign = (request) => {
    const mac = hmac("sha256", request.forged ? OTHER : SECRET, content(request), encoding);
    return { headers: written(mac, request.at) };
  };
  return { provider, secret: SECRET, sign, ...more };
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

export const SDKS = {
  ...TOKENS,

  async stripe() {
    const { default: Stripe } = await import("stripe");
    const { webhooks } = new Stripe("sk_test_1");
    const sign = ({ body, at, forged }) => {
      const secret = forged ? OTHER : SECRET;
      const header = webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds(at) });
      return { headers: { "stripe-signature": header } };
    };
    return { provider: "stripe", secret: SECRET, sign };
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
    const { sign } = await import("@octokit/webhooks-methods");
    return {
      provider: "github",
      secret: SECRET,
      sign: async ({ body, forged }) => ({ headers: { "x-hub-signature-256": await sign(forged ? OTHER : SECRET, body) } }),
    };
  },

  async twilio() {
    const { getExpectedTwilioSignature } = require("twilio/lib/webhooks/webhooks");
    const url = URL_OF("twilio");
    return {
      provider: "twilio",
      secret: SECRET,
      url,
      bodies: ["CallSid=CA1&From=%2B15551234567&Body=Hello+w%C3%B6rld", "A=1&B=2&B=3&b=4&Z=", "Digits=1234"],
      sign: ({ body, query, forged }) => ({
        headers: { "x-twilio-signature": getExpectedTwilioSignature(forged ? OTHER : SECRET, full(url, query), params(body.toString())) },
      }),
    };
  },

  async twilio_json() {
    const { getExpectedTwilioSignature } = require("twilio/lib/webhooks/webhooks");
    const url = URL_OF("twilio_json");
    return {
      provider: "twilio_json",
      secret: SECRET,
      url,
      sign: ({ body, forged }) => {
        const query = `a=1&bodySHA256=${sha256(body)}`;
        const signature = getExpectedTwilioSignature(forged ? OTHER : SECRET, full(url, query), {});
        return { query, headers: { "x-twilio-signature": signature } };
      },
    };
  },

  async slack() {
    const headers = (mac, at) => ({ "x-slack-request-timestamp": `${seconds(at)}`, "x-slack-signature": `v0=${mac}` });
    return keyed("slack", headers, { content: ({ body, at }) => `v0:${seconds(at)}:${body}` });
  },

  async shopify() {
    return keyed("shopify", "x-shopify-hmac-sha256", { encoding: "base64" });
  },

  async square() {
    const url = URL_OF("square");
    const content = ({ body, query }) => full(url, query) + body;
    return keyed("square", "x-square-hmacsha256-signature", { url, encoding: "base64", content });
  },

  async paddle() {
    const headers = (h1, at) => ({ "paddle-signature": `ts=${seconds(at)};h1=${h1}` });
    return keyed("paddle", headers, { tolerance: 5, content: ({ body, at }) => `${seconds(at)}:${body}` });
  },

  async line() {
    return keyed("line", "x-line-signature", { encoding: "base64" });
  },

  async workos() {
    return keyed("workos", (v1, at) => ({ "workos-signature": `t=${at}, v1=${v1}` }), {
      tolerance: 180,
      // In WorkOS's own spelling, because the SDK prints the parsed body again.
      bodies: ['{"id":"evt_1","event":"user.created","data":{"name":"Zoë"}}', '{"id":"evt_2","event":"dsync.activated"}'],
      content: ({ body, at }) => `${at}.${body}`,
    });
  },

  async linear() {
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
    };
  },

  async contentful() {
    const { signRequest } = require("@contentful/node-apps-toolkit");
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
    };
  },

  async gocardless() {
    const { verifySignature } = require("gocardless-nodejs");
    return keyed("gocardless", "webhook-signature", {
      accepts: ({ headers, body }) => {
        verifySignature(body.toString(), SECRET, headers["webhook-signature"]);
        return true;
      },
    });
  },

  async razorpay() {
    return keyed("razorpay", "x-razorpay-signature");
  },

  async mux() {
    const headers = (v1, at) => ({ "mux-signature": `t=${seconds(at)},v1=${v1}` });
    return keyed("mux", headers, { content: ({ body, at }) => `${seconds(at)}.${body}` });
  },
};

for (const version of ["v1", "v2", "v3"]) {
  SDKS[`hubspot_${version}`] = async () => {
    const { Signature } = require("@hubspot/api-client");
    const provider = `hubspot_${version}`;
    const url = version === "v1" ? "" : URL_OF(provider);
    const header = version === "v3" ? "x-hubspot-signature-v3" : "x-hubspot-signature";
    const TIME = "x-hubspot-request-timestamp";
    return {
      provider,
      secret: SECRET,
      url,
      bodies: ['[{"eventId":1,"subscriptionType":"contact.creation"}]', '[{"eventId":2,"subscriptionType":"deal.change"}]'],
      sign: ({ body, at, query, forged }) => {
        const asked = { clientSecret: forged ? OTHER : SECRET, requestBody: body, url: full(url, query), timestamp: at };
        const signature = Signature.getSignature("POST", version, asked);
        return { headers: { [header]: signature, ...(version === "v3" && { [TIME]: `${at}` }) } };
      },
    };
  };
}
