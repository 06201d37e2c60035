// npm svix: Webhook.verify
import { Webhook } from "svix";

export const accepts = ({ text, headers, secret }) => {
  new Webhook(secret).verify(text, headers);
  return true;
};
