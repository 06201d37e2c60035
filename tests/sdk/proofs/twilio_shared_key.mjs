// npm twilio: validateRequest with HMAC_SHA256, for a shared key
import { createRequire } from "node:module";
import { params } from "../form.mjs";

const require = createRequire(import.meta.url);
const { validateRequest } = require("twilio/lib/webhooks/webhooks");

export const accepts = ({ text, headers, secret, url }) =>
  validateRequest(secret, headers["x-twilio-signature"], url, params(text), "HMAC_SHA256");
