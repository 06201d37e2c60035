// npm telnyx: webhooks.unwrap
import Telnyx from "telnyx";

export const accepts = async ({ text, headers, secret }) => {
  const client = new Telnyx({ apiKey: "key", publicKey: secret });
  await client.webhooks.unwrap(text, { headers, key: secret });
  return true;
};
