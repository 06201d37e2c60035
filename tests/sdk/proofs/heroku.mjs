// npm nuxt-webhook-validators: isValidHerokuWebhook
import { validator } from "../nuxt.mjs";

export const accepts = await validator("heroku", "isValidHerokuWebhook", (secret) => ({ secretKey: secret }));
