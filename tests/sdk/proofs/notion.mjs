// npm @notionhq/client: verifyWebhookSignature
import { verifyWebhookSignature } from "@notionhq/client";

export const accepts = ({ body, headers, secret }) =>
  verifyWebhookSignature({ body, signature: headers["x-notion-signature"], verificationToken: secret });
