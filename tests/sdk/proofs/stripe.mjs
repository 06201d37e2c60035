// npm stripe: webhooks.signature.verifyHeader
import Stripe from "stripe";

export const accepts = ({ text, headers, secret, tolerance }) => {
  const { webhooks } = new Stripe("sk_test_1");
  return webhooks.signature.verifyHeader(text, headers["stripe-signature"], secret, tolerance ?? 300);
};
