// npm @hubspot/api-client: Signature.isValid
import { Signature } from "@hubspot/api-client";

export const accepts = ({ text, headers, secret }) =>
  Signature.isValid({
    signatureVersion: "v1",
    requestBody: text,
    clientSecret: secret,
    signature: headers["x-hubspot-signature"],
  });

export const looser = {
  "x-hubspot-signature: said twice": "a header that comes twice is a list, and one of its signatures is enough; it compares the whole text",
};
