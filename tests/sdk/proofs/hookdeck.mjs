// npm @hookdeck/sdk: verifyWebhookSignature
import sdk from "@hookdeck/sdk/webhooks/helpers.js";

export const accepts = async ({ text, headers, secret }) => {
  const { isValidSignature } = await sdk.verifyWebhookSignature({ headers, rawBody: text, signingSecret: secret });
  return isValidSignature;
};
