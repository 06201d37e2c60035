// npm standardwebhooks: Webhook.verify, as Supabase's documentation has it
import { Webhook } from "standardwebhooks";

export const accepts = ({ text, headers, secret }) => {
  new Webhook(secret.replace("v1,whsec_", "")).verify(text, headers);
  return true;
};
