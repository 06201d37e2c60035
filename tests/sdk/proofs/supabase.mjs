// npm standardwebhooks: Webhook.verify, as Supabase's documentation has it
import { Webhook } from "standardwebhooks";

export const verify = ({ text, headers, secret }) => new Webhook(secret.replace("v1,whsec_", "")).verify(text, headers);
