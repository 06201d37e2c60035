// npm standardwebhooks: Webhook.verify
import { Webhook } from "standardwebhooks";

export const accepts = ({ text, headers, secret }) => {
  new Webhook(secret).verify(text, headers);
  return true;
};
