// npm @hubspot/api-client: Signature.isValid
import { Signature } from "@hubspot/api-client";

export const accepts = ({ text, headers, secret }) =>
  Signature.isValid({
    signatureVersion: "v1",
    requestBody: text,
    clientSecret: secret,
    signature: headers["x-hubspot-signature"],
  });
