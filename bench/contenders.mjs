// The contenders: the Workers by name, each with its files.
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
/** Bundles a contender and its libraries into one file. The libraries load Node's modules with `require`. */
function bundled(name) {
  const outfile = join(here, "../target/bench", `${name}.js`);
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' };
  const how = { bundle: true, minify: true, format: "esm", platform: "node", logLevel: "error", banner, outfile };
  buildSync({ ...how, entryPoints: script(name) });
  return [outfile];
}

/**
 * `checks`: the contender refuses a forged request, and makes exactly the storage calls of the workload. `exact`: its
 * claims are in Durable Objects. `log`: it writes the log into D1.
 */
export const CONTENDERS = {
  empty: { files: () => script("empty"), checks: false },
  "floor-calls": { files: () => script("floor-calls"), checks: false },
  "js-webcrypto": { files: () => script("js-webcrypto"), checks: true },
  "hono-standardwebhooks": { files: () => bundled("hono-standardwebhooks"), checks: true },
  tern: { files: () => bundled("tern"), checks: true },
  "hookgate-kv": { files: () => gateway(BUILD), checks: true },
  "hookgate-log": { files: () => gateway(BUILD), checks: true, log: true },
  "hookgate-exact": { files: () => gateway(BUILD), checks: true, exact: true },
};

/** The build in AGAINST. It takes part in each workload of `hookgate-kv`. */
export const BEFORE = "hookgate-before-kv";
if (process.env.AGAINST) {
  const files = gateway(resolve(process.env.AGAINST));
  CONTENDERS[BEFORE] = { files: () => files, checks: true };
}
