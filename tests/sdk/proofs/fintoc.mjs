// npm fintoc: WebhookSignature.verifyHeader
import { WebhookSignature } from "fintoc";

export const accepts = ({ body, headers, secret }) => {
  WebhookSignature.verifyHeader(body, headers["fintoc-signature"], secret);
  return true;
};

export const looser = {
  capitals: "hexadecimal digits are the same in capitals; it compares texts",
  "fintoc-signature: one of another version beside it": "a second v1 after the right one is the only one that it looks at",
};
