// npm hook0-client: verifyWebhookSignature
import hook0 from "hook0-client";

export const accepts = async ({ text, headers, secret, tolerance }) =>
  hook0.verifyWebhookSignature(headers["x-hook0-signature"], text, new Headers(headers), secret, tolerance ?? 300);

export const looser = {
  "x-hook0-signature: ": "h is not read: which headers are signed is fixed, and v1 covers their names and values",
};
