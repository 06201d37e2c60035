// npm coinbase-commerce-node: Webhook.verifyEventBody
import commerce from "coinbase-commerce-node";

export const accepts = async ({ text, headers, secret }) => {
  commerce.Webhook.verifyEventBody(text, headers["x-cc-webhook-signature"], secret);
  return true;
};

export const looser = {
  "x-cc-webhook-signature: said twice": "a header that comes twice reaches the gateway as one text with a comma, and each element is read",
  "x-cc-webhook-signature: a character put in": "a comma at an end is an empty element, which is passed over",
};
