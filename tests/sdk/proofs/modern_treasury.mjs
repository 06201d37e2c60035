// npm modern-treasury: webhooks.validateSignature
import ModernTreasury from "modern-treasury";

const client = new ModernTreasury({ apiKey: "key", organizationID: "organization" });

export const accepts = ({ text, headers, secret }) => client.webhooks.validateSignature(text, headers, { key: secret });
