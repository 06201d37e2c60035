// npm fintoc: WebhookSignature.verifyHeader
import { WebhookSignature } from "fintoc";

export const verify = ({ body, headers, secret }) =>
  WebhookSignature.verifyHeader(body, headers["fintoc-signature"], secret);

export const looser = {
  "fintoc-signature: one of another version beside it": "a second v1 after the right one is the only one that it looks at",
};
