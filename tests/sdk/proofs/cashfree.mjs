// npm cashfree-pg: PGVerifyWebhookSignature
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Cashfree, CFEnvironment } = require("cashfree-pg");

export const accepts = ({ text, headers, secret }) => {
  const cashfree = new Cashfree(CFEnvironment.SANDBOX, "id", secret);
  return Boolean(cashfree.PGVerifyWebhookSignature(headers["x-webhook-signature"], text, headers["x-webhook-timestamp"]));
};
