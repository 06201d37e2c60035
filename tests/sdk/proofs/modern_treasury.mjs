// npm modern-treasury: webhooks.validateSignature
import ModernTreasury from "modern-treasury";

export const accepts = ({ text, headers, secret }) =>
  new ModernTreasury({ apiKey: "key", organizationID: "id" }).webhooks.validateSignature(text, headers, { key: secret });

export const looser = {
  "x-signature: said twice": "a header that comes twice is a list, and one of its signatures is enough; it compares the whole text",
};
