// npm @hubspot/api-client: Signature.isValid
import { Signature } from "@hubspot/api-client";

export const asked = (signatureVersion, header) => ({ method, url, text, headers, secret }) =>
  Signature.isValid({
    signatureVersion,
    method,
    url,
    requestBody: text,
    clientSecret: secret,
    signature: headers[header],
    timestamp: Number(headers["x-hubspot-request-timestamp"]),
  });

export const accepts = asked("v1", "x-hubspot-signature");
