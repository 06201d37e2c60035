// npm twilio: validateRequest
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { validateRequest } = require("twilio/lib/webhooks/webhooks");

/** The form as a server hands it over: a name that came more than once has an array. */
function params(text) {
  const form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    form[name] = name in form ? [form[name], value].flat() : value;
  }
  return form;
}

export const accepts = ({ text, headers, secret, url }) =>
  validateRequest(secret, headers["x-twilio-signature"], url, params(text));
