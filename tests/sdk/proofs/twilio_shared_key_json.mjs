// npm twilio: validateRequestWithBody with HMAC_SHA256, for a shared key
import twilio from "twilio/lib/webhooks/webhooks.js";

export const accepts = ({ text, headers, secret, url }) =>
  twilio.validateRequestWithBody(secret, headers["x-twilio-signature"], url, text, "HMAC_SHA256");
