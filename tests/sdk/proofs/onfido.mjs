// npm @onfido/api: WebhookEventVerifier.readPayload
import { WebhookEventVerifier } from "@onfido/api";

export const accepts = ({ body, headers, secret }) =>
  Boolean(new WebhookEventVerifier(secret).readPayload(body, headers["x-sha2-signature"]));
