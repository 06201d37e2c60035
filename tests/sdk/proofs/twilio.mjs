// npm twilio: validateRequest
import twilio from "twilio/lib/webhooks/webhooks.js";
import { params } from "../form.mjs";

export const accepts = ({ text, headers, secret, url }) =>
  twilio.validateRequest(secret, headers["x-twilio-signature"], url, params(text));
