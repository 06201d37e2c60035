// Who is measured: Workers by name, as lists of modules.
import { join } from "node:path";
import { buildSync } from "esbuild";

const here = import.meta.dirname;
export const BUILD = join(here, "../build");

export const gateway = (directory) => [join(directory, "index.js"), join(directory, "index_bg.wasm")];
const script = (name) => [join(here, "contenders", `${name}.js`)];
/** With its libraries in one file. They look for Node's modules by `require`. */
function bundled(name) {
  const outfile = join(here, "../target/bench", `${name}.js`);
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' };
  const how = { bundle: true, minify: true, format: "esm", platform: "node", logLevel: "error", banner, outfile };
  buildSync({ ...how, entryPoints: script(name) });
  return [outfile];
}

/**
 * `checks`: whether it refuses what is forged, and so makes the workload's calls and no others. `exact`: whether objects
 * hold its claims. `object`: the objects alone are measured, without the requests that lead to their claims.
 */
export const CONTENDERS = {
  "floor-read": { files: script("floor-read"), checks: false },
  "floor-calls": { files: script("floor-calls"), checks: false },
  "floor-calls-log": { files: script("floor-calls-log"), checks: false },
  "reject-noread": { files: script("reject-noread"), checks: true },
  "js-webcrypto": { files: script("js-webcrypto"), checks: true },
  "hono-standardwebhooks": { files: bundled("hono-standardwebhooks"), checks: true },
  "hono-svix": { files: bundled("hono-svix"), checks: true },
  tern: { files: bundled("tern"), checks: true },
  "hookgate-kv": { files: gateway(BUILD), checks: true },
  "hookgate-exact": { files: gateway(BUILD), checks: true, exact: true },
  "claims-object": { files: gateway(BUILD), checks: false, exact: true, object: true },
};
