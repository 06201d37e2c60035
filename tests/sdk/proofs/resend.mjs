// npm resend: webhooks.verify
import { Resend } from "resend";

export const verify = ({ text, headers, secret }) => {
  const named = { id: headers["svix-id"], timestamp: headers["svix-timestamp"], signature: headers["svix-signature"] };
  new Resend("re_1").webhooks.verify({ payload: text, headers: named, webhookSecret: secret });
};
