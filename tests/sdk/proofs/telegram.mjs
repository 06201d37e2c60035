// npm grammy: webhookCallback with a secretToken. The token does not sign the body, so grammy gets a body that it can read.
import { Bot, webhookCallback } from "grammy";

const me = { id: 1, is_bot: true, first_name: "Bot", username: "a_bot" };

export const accepts = async ({ headers, secret }) => {
  const bot = new Bot("1:token", { botInfo: me });
  const handler = webhookCallback(bot, "std/http", { secretToken: secret });
  const json = { ...headers, "content-type": "application/json" };
  const request = new Request("https://hooks.example.com/", { method: "POST", headers: json, body: '{"update_id":1}' });
  return (await handler(request)).status === 200;
};
