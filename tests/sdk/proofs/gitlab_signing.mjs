// npm standardwebhooks: Webhook.verify. GitLab says that it follows Standard Webhooks.
import { Webhook } from "standardwebhooks";

export const verify = ({ body, headers, secret }) => new Webhook(secret).verify(body, headers);
