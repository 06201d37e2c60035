// npm telnyx: webhooks.unwrap
import Telnyx from "telnyx";

export const verify = async ({ text, headers, secret }) => {
  const client = new Telnyx({ apiKey: "key", publicKey: secret });
  await client.webhooks.unwrap(text, { headers, key: secret });
};
