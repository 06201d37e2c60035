// npm @hubspot/api-client: Signature.isValid
import { Signature } from "@hubspot/api-client";

export const accepts = ({ method, url, text, headers, secret }) =>
  Signature.isValid({
    signatureVersion: "v3",
    method,
    url,
    requestBody: text,
    clientSecret: secret,
    signature: headers["x-hubspot-signature-v3"],
    timestamp: headers["x-hubspot-request-timestamp"],
  });

export const looser = {
  "x-hubspot-signature-v3: said twice": "a header that comes twice is a list, and one of its signatures is enough; it compares the whole text",
};
