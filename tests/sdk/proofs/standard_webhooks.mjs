// npm standardwebhooks: Webhook.verify
import { Webhook } from "standardwebhooks";

export const verify = ({ text, headers, secret }) => new Webhook(secret).verify(text, headers);
