// npm @clerk/backend: verifyWebhook
import { verifyWebhook } from "@clerk/backend/webhooks";

export const verify = async ({ body, headers, secret }) => {
  const request = new Request("https://hooks.example.com/", { method: "POST", headers, body });
  await verifyWebhook(request, { signingSecret: secret });
};
