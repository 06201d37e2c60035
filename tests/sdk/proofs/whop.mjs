// npm @whop/sdk: webhooks.unwrap, whose key is the secret in base64
import Whop from "@whop/sdk";

export const verify = ({ text, headers, secret }) => {
  const client = new Whop({ apiKey: "key" });
  client.webhooks.unwrap(text, { headers, key: Buffer.from(secret).toString("base64") });
};
