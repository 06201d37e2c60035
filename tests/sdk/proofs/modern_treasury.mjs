// npm modern-treasury: webhooks.validateSignature
import ModernTreasury from "modern-treasury";

const client = new ModernTreasury({ apiKey: "key", organizationID: "organisation" });

export const accepts = async ({ text, headers, secret }) => client.webhooks.validateSignature(text, headers, { key: secret });

export const looser = {
  "x-signature: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "x-signature: a character put in": "a comma at an end is an empty element, which is passed over",
};
