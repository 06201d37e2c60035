// npm @slack/bolt: isValidSlackRequest
import bolt from "@slack/bolt/dist/receivers/verify-request.js";

export const accepts = ({ text, headers, secret }) =>
  bolt.isValidSlackRequest({ signingSecret: secret, headers, body: text });
