// npm braintree: webhookNotification.parse
import braintree from "braintree";

export const verify = async ({ text, secret, account }) => {
  const gateway = new braintree.BraintreeGateway({
    environment: braintree.Environment.Sandbox,
    merchantId: "integration_merchant_id",
    publicKey: account || "integration_public_key",
    privateKey: secret,
  });
  const form = new URLSearchParams(text);
  await gateway.webhookNotification.parse(form.get("bt_signature"), form.get("bt_payload"));
};
