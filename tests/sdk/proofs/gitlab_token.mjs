// npm nuxt-webhook-validators: isValidGitLabWebhook
import { validator } from "../nuxt.mjs";

export const accepts = await validator("gitlab", "isValidGitLabWebhook", (secret) => ({ secretToken: secret }));
