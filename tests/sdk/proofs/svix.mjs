// npm svix: Webhook.verify
import { Webhook } from "svix";

export const verify = ({ text, headers, secret }) => new Webhook(secret).verify(text, headers);
