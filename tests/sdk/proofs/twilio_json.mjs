// npm twilio: validateRequestWithBody
import twilio from "twilio/lib/webhooks/webhooks.js";

export const accepts = ({ text, headers, secret, url }) =>
  twilio.validateRequestWithBody(secret, headers["x-twilio-signature"], url, text);
