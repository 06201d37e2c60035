// The contenders: Workers by name, as lists of modules.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";

const here = import.meta.dirname;
export const BUILD = join(here, "../build");

export function gateway(directory) {
  const files = ["index.js", "index_bg.wasm"].map((file) => join(directory, file));
  const missing = files.find((file) => !existsSync(file));
  if (missing) throw new Error(`${missing} does not exist`);
  return files;
}

const script = (name) => [join(here, "contenders", `${name}.js`)];
/** A contender and its libraries in one file. The libraries load Node's modules by `require`. */
function bundled(name) {
  const outfile = join(here, "../target/bench", `${name}.js`);
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' };
  const how = { bundle: true, minify: true, format: "esm", platform: "node", logLevel: "error", banner, outfile };
  buildSync({ ...how, entryPoints: script(name) });
  return [outfile];
}

/** `checks`: the contender refuses a forged request, and makes exactly the workload's calls. `exact`: objects hold its claims. */
export const CONTENDERS = {
  empty: { files: () => script("empty"), checks: false },
  "floor-calls": { files: () => script("floor-calls"), checks: false },
  "js-webcrypto": { files: () => script("js-webcrypto"), checks: true },
  "hono-standardwebhooks": { files: () => bundled("hono-standardwebhooks"), checks: true },
  tern: { files: () => bundled("tern"), checks: true },
  "hookgate-kv": { files: () => gateway(BUILD), checks: true },
  "hookgate-exact": { files: () => gateway(BUILD), checks: true, exact: true },
};

/** Another build of the gateway takes part in each workload of `hookgate-kv`. */
export const BEFORE = "hookgate-before-kv";
if (process.env.AGAINST) {
  const files = gateway(resolve(process.env.AGAINST));
  CONTENDERS[BEFORE] = { files: () => files, checks: true };
}
