// npm twilio: validateRequest
import { createRequire } from "node:module";
import { params } from "../form.mjs";

const require = createRequire(import.meta.url);
const { validateRequest } = require("twilio/lib/webhooks/webhooks");

export const accepts = ({ text, headers, secret, url }) =>
  validateRequest(secret, headers["x-twilio-signature"], url, params(text));
