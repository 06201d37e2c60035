// npm hook0-client: verifyWebhookSignature. It reads v1, or v0 if there is no v1.
import hook0 from "hook0-client";

export const accepts = async ({ text, headers, secret, tolerance }) =>
  hook0.verifyWebhookSignature(headers["x-hook0-signature"], text, new Headers(headers), secret, tolerance ?? 300);

export const looser = {
  "x-hook0-signature: one of another version": "v0 proves the body, with any v1 beside it",
};
