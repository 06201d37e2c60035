// The vectors that a package made or accepts: `proofs/PRESET.mjs` or `proofs/PRESET.py` asks the package.
//
//   proofs/PRESET.mjs exports `accepts(request)`, which is true if the package accepts the request, or `verify(request)`,
//   which throws if the package refuses the request. An exception of `accepts` is a refusal too.
//   proofs/PRESET.py has the function `accepts`. A request has `headers` (an object, names in lower case), `body` (bytes),
//   `text` (the body as text), `query`, `url` (with the query), `method`, `secrets`, `secret` (the first), `account`, `now`
//   (seconds; the clock is stopped at this time), `tolerance` (seconds, or null). `looser` names changes that the package
//   refuses and the gateway may accept, each with the reason.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { stopAt } from "./clock.mjs";

const here = (path) => new URL(path, import.meta.url);
const file = (name, extension) => here(`proofs/${name}.${extension}`);

/** The presets with a module in `proofs/`. */
export const NAMES = readdirSync(here("proofs"))
  .filter((name) => /\.(mjs|py)$/.test(name))
  .map((name) => name.replace(/\.\w+$/, ""))
  .sort();

/** The request of a vector, in the form that a proof takes. */
function requestOf(vector) {
  const joined = (value) => (Array.isArray(value) ? value.join(", ") : value);
  const headers = Object.entries(vector.headers ?? {}).map(([name, value]) => [name.toLowerCase(), joined(value)]);
  const [, query = ""] = (vector.url ?? "").split(/\?(.*)/s);
  return {
    headers: Object.fromEntries(headers),
    body: vector.body === undefined ? Buffer.from(vector.body_base64, "base64") : Buffer.from(vector.body),
    query,
  };
}

/** The vectors of `name` that a package made or accepts. */
export function vectorsOf(name) {
  const all = JSON.parse(readFileSync(here(`../../crates/verify/tests/vectors/${name}.json`), "utf8"));
  const asked = all.filter(({ proof, expected }) => ["sdk", "library"].includes(proof) && expected.verified);
  return asked.map((vector) => ({ ...vector, request: requestOf(vector) }));
}

/** Asks the package of `name` about requests. Each request comes with its vector. */
export async function proofOf(name) {
  const told = (vector, request) => ({
    ...request,
    text: request.body.toString(),
    url: (vector.url ?? "").split("?")[0] + (request.query ? `?${request.query}` : ""),
    method: vector.method ?? "POST",
    secrets: vector.secrets,
    secret: vector.secrets[0],
    account: vector.account ?? "",
    now: vector.now,
    tolerance: vector.tolerance_seconds ?? null,
  });
  if (existsSync(file(name, "py"))) return asked(name, told);
  const { accepts, verify, looser = {} } = await import(file(name, "mjs"));
  if (!process.env.SHOW) console.error = () => {}; // some packages print each refusal
  const takes = async (vector, request) => {
    stopAt(vector.now * 1000);
    try {
      if (accepts) return Boolean(await accepts(told(vector, request)));
      await verify(told(vector, request));
      return true;
    } catch (error) {
      if (process.env.SHOW) console.error(`${name}: ${error.stack}`);
      return false;
    }
  };
  return { takes, looser, end() {} };
}

/** The same for a package of PyPI: a line for each request, and a line for each answer. */
async function asked(name, told) {
  const python = existsSync(here("../../.tools/python/bin/python")) ? here("../../.tools/python/bin/python").pathname : "python3";
  const child = spawn(python, [here("recorded.py").pathname, name], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: first } = await lines.next();
  if (first === undefined) throw new Error(`${name}: recorded.py ended: are PyPI's packages installed? make sdks`);
  const takes = async (vector, request) => {
    const { body, text, ...rest } = told(vector, request);
    if (!child.stdin.write(`${JSON.stringify({ ...rest, body: body.toString("base64") })}\n`)) await once(child.stdin, "drain");
    return JSON.parse((await lines.next()).value);
  };
  return { takes, looser: JSON.parse(first), end: () => child.stdin.end() };
}
