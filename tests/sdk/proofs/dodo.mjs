// npm dodopayments: webhooks.unwrap
import DodoPayments from "dodopayments";

export const verify = ({ text, headers, secret }) => {
  const client = new DodoPayments({ bearerToken: "key", webhookKey: secret });
  client.webhooks.unwrap(text, { headers, key: secret });
};
