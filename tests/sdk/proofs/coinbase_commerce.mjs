// npm coinbase-commerce-node: Webhook.verifyEventBody
import commerce from "coinbase-commerce-node";

export const verify = ({ text, headers, secret }) =>
  commerce.Webhook.verifyEventBody(text, headers["x-cc-webhook-signature"], secret);
