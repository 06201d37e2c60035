// npm @linear/sdk: LinearWebhookClient.verify
import { LinearWebhookClient } from "@linear/sdk/webhooks";

export const accepts = ({ body, headers, secret }) =>
  new LinearWebhookClient(secret).verify(body, headers["linear-signature"]);

export const looser = {
  "linear-signature: said twice": "a header that comes twice is a list, and one of its signatures is enough; it compares the whole text",
};
