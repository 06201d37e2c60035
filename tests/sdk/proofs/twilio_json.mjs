// npm twilio: validateRequestWithBody
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { validateRequestWithBody } = require("twilio/lib/webhooks/webhooks");

export const accepts = ({ text, headers, secret, url }) =>
  validateRequestWithBody(secret, headers["x-twilio-signature"], url, text);
