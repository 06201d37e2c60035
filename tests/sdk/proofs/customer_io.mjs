// npm customerio-node: verifyRequestSignature
import { verifyRequestSignature } from "customerio-node";

export const accepts = async ({ body, headers, secret }) =>
  verifyRequestSignature({
    signingSecret: secret,
    timestamp: headers["x-cio-timestamp"],
    signature: headers["x-cio-signature"],
    body,
  });

export const looser = {
  "x-cio-signature: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "x-cio-signature: a character put in": "a comma at an end is an empty element, which is passed over",
  "x-cio-timestamp: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
};
