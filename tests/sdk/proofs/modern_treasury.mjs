// npm modern-treasury: webhooks.validateSignature
import ModernTreasury from "modern-treasury";

export const accepts = ({ text, headers, secret }) =>
  new ModernTreasury({ apiKey: "key", organizationID: "id" }).webhooks.validateSignature(text, headers, { key: secret });
