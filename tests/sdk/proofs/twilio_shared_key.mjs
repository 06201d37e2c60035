// npm twilio: validateRequest with HMAC_SHA256, for a shared key
import twilio from "twilio/lib/webhooks/webhooks.js";
import { params } from "../form.mjs";

export const accepts = ({ text, headers, secret, url }) =>
  twilio.validateRequest(secret, headers["x-twilio-signature"], url, params(text), "HMAC_SHA256");
