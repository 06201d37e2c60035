// npm mercadopago: WebhookSignatureValidator.validate
import { WebhookSignatureValidator } from "mercadopago";

export const verify = ({ query, headers, secret, tolerance, now }) => {
  WebhookSignatureValidator.validate({
    xSignature: headers["x-signature"],
    xRequestId: headers["x-request-id"],
    dataId: new URLSearchParams(query).get("data.id"),
    secret,
    toleranceSeconds: tolerance ?? 300,
    now: () => now * 1000,
  });
};

export const looser = {
  "x-signature: one of another version": "v1 stands twice, and one of the two is enough; it reads the last",
};
