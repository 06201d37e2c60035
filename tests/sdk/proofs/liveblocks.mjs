// npm @liveblocks/node: WebhookHandler.verifyRequest
import { WebhookHandler } from "@liveblocks/node";

export const accepts = ({ text, headers, secret }) => {
  new WebhookHandler(secret).verifyRequest({ headers, rawBody: text });
  return true;
};
