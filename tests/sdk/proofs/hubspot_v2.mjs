// npm @hubspot/api-client: Signature.isValid
import { Signature } from "@hubspot/api-client";

export const accepts = ({ method, url, text, headers, secret }) =>
  Signature.isValid({
    signatureVersion: "v2",
    method,
    url,
    requestBody: text,
    clientSecret: secret,
    signature: headers["x-hubspot-signature"],
  });
