// npm @fingerprint/node-sdk: isValidWebhookSignature
import { isValidWebhookSignature } from "@fingerprint/node-sdk";

export const accepts = ({ body, headers, secret }) =>
    isValidWebhookSignature({ header: headers["fpjs-event-signature"], data: Buffer.from(body), secret });
