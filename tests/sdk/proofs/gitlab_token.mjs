// npm nuxt-webhook-validators: isValidGitLabWebhook. Nuxt gives it its settings; here the event carries them.
import { register } from "node:module";

const settings = "export const useRuntimeConfig = (event) => event.settings;";
const hook = `export const resolve = (name, context, next) =>
  name === "#imports" ? { url: ${JSON.stringify(`data:text/javascript,${settings}`)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const at = "runtime/server/lib/validators/gitlab.js";
const { isValidGitLabWebhook } = await import(new URL(at, import.meta.resolve("nuxt-webhook-validators")));

export const accepts = async ({ body, headers, secret }) => {
  const req = new Request("https://hooks.example.com/", { method: "POST", headers, body });
  return isValidGitLabWebhook({ req, settings: { webhook: { gitlab: { secretToken: secret } } } });
};
