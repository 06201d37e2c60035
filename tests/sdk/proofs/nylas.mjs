// npm nylas 6: WebhookNotification.verifyWebhookSignature. Later versions leave this to their users.
import webhook from "nylas/lib/models/webhook-notification.js";

export const accepts = ({ body, headers, secret }) =>
  webhook.default.verifyWebhookSignature(headers["x-nylas-signature"], body, secret);
