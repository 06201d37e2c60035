// npm customerio-node: verifyRequestSignature
import { verifyRequestSignature } from "customerio-node";

export const accepts = async ({ body, headers, secret }) =>
  verifyRequestSignature({
    signingSecret: secret,
    timestamp: headers["x-cio-timestamp"],
    signature: headers["x-cio-signature"],
    body,
  });
