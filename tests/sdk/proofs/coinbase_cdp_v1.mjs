// npm hook0-client: verifyWebhookSignature. It takes v1 where there is one, and v0 else.
import hook0 from "hook0-client";

export const accepts = async ({ text, headers, secret, tolerance }) =>
  hook0.verifyWebhookSignature(headers["x-hook0-signature"], text, new Headers(headers), secret, tolerance ?? 300);
