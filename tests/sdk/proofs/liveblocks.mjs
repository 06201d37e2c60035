// npm @liveblocks/node: WebhookHandler.verifyRequest
import { WebhookHandler } from "@liveblocks/node";

export const verify = ({ text, headers, secret }) => new WebhookHandler(secret).verifyRequest({ headers, rawBody: text });
