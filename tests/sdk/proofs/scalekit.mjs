// npm @scalekit-sdk/node: verifyWebhookPayload
import { ScalekitClient } from "@scalekit-sdk/node";

export const accepts = ({ text, headers, secret }) =>
  new ScalekitClient("https://example.scalekit.com", "id", "secret").verifyWebhookPayload(secret, headers, text);
