// npm openai: webhooks.verifySignature
import OpenAI from "openai";

export const verify = async ({ text, headers, secret }) => {
  const client = new OpenAI({ apiKey: "key", webhookSecret: secret });
  await client.webhooks.verifySignature(text, headers, secret);
};
