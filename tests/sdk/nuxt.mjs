// The npm package nuxt-webhook-validators reads its settings from Nuxt. Here, the settings are in the event.
import { register } from "node:module";

const settings = "export const useRuntimeConfig = (event) => event.settings;";
const hook = `export const resolve = (name, context, next) =>
  name === "#imports" ? { url: ${JSON.stringify(`data:text/javascript,${settings}`)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

/** The validator `exported` of the provider `name`. `settingsOf(secret)` makes its settings. */
export async function validator(name, exported, settingsOf) {
  const at = `runtime/server/lib/validators/${name}.js`;
  const { [exported]: isValid } = await import(new URL(at, import.meta.resolve("nuxt-webhook-validators")));
  return ({ body, headers, secret }) => {
    const req = new Request("https://hooks.example.com/", { method: "POST", headers, body });
    return isValid({ req, settings: { webhook: { [name]: settingsOf(secret) } } });
  };
}
