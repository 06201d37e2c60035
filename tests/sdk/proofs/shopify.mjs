// npm @shopify/shopify-api: webhooks.validate
import "@shopify/shopify-api/adapters/node";
import { ApiVersion, WebhookValidationErrorReason, shopifyApi } from "@shopify/shopify-api";

export const accepts = async ({ text, headers, secret }) => {
  const shopify = shopifyApi({
    apiKey: "key",
    apiSecretKey: secret,
    hostName: "hooks.example.com",
    apiVersion: Object.values(ApiVersion)[0],
    isEmbeddedApp: false,
    logger: { log: () => {} },
  });
  const rawRequest = { method: "POST", url: "/webhooks/shopify", headers };
  const outcome = await shopify.webhooks.validate({ rawBody: text, rawRequest, rawResponse: {} });
  // After the HMAC, the package also wants headers that are not signed.
  return outcome.valid || outcome.reason === WebhookValidationErrorReason.MissingHeaders;
};
