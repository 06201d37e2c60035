// npm grammy: webhookCallback with a secretToken
import { Bot, webhookCallback } from "grammy";

const me = { id: 1, is_bot: true, first_name: "Bot", username: "a_bot" };

export const accepts = async ({ text, headers, secret }) => {
  const bot = new Bot("1:token", { botInfo: me });
  const handler = webhookCallback(bot, "std/http", { secretToken: secret });
  const request = new Request("https://hooks.example.com/", { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: text });
  return (await handler(request)).status === 200;
};
