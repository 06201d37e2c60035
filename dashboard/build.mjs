// Bundles the dashboard into public/, which wrangler.toml serves as static assets. `--check` also checks the budget, the
// types of the API and the types of the code, and changes nothing that git knows.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** The most bytes of all scripts and styles, gzipped. */
const BUDGET = 80_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
// esbuild is one of the tools of the checkout.
const esbuild = createRequire(here("../package.json"))("esbuild");

/** Where each provider shows its secret, and how it changes one, from the presets. The Worker has only their schemes. */
function providers() {
  const directory = here("../crates/verify/presets/");
  const files = readdirSync(directory).filter((file) => file.endsWith(".toml"));
  const all = files.sort().map((file) => {
    const preset = readFileSync(directory + file, "utf8");
    const fact = (name) => {
      const [, quoted] = new RegExp(`^${name} = (".*")$`, "m").exec(preset) ?? [];
      if (quoted === undefined) throw new Error(`${file} has no line: ${name} = "…"`);
      return JSON.parse(quoted);
    };
    // A fact ends with the names of its sources.
    const rotation = fact("rotation").replace(/ \[[^\]]*\]$/, "");
    return [file.replace(".toml", ""), [fact("title"), fact("secret_at"), rotation]];
  });
  return JSON.stringify(Object.fromEntries(all));
}

export async function bundle() {
  const facts = providers();
  const name = `providers-${createHash("sha256").update(facts).digest("hex").slice(0, 8)}.json`;
  const built = await esbuild.build({
    entryPoints: { app: here("src/main.tsx"), style: here("src/style.css"), icon: here("icon.svg") },
    absWorkingDir: here("."), // or the hashes would depend on the directory of the caller
    outdir: here("public/dashboard"),
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: ["es2022", "chrome111", "firefox113", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".svg": "copy" },
    define: { PROVIDERS: JSON.stringify(`/dashboard/${name}`) },
    legalComments: "none",
    logLevel: "warning",
  });
  const files = built.outputFiles.map(({ path, contents }) => ({
    name: path.slice(here("public/dashboard/").length),
    contents,
  }));
  files.push({ name, contents: Buffer.from(facts) });
  const named = (start) => `/dashboard/${files.find(({ name }) => name.startsWith(start)).name}`;
  const page = readFileSync(here("index.html"), "utf8")
    .replace("{{icon}}", named("icon-"))
    .replace("{{style}}", named("style-"))
    .replace("{{script}}", named("app-"));
  return { files, page };
}

/** Writes the files, if they are others than those that are there. Returns the size of scripts and styles, gzipped. */
export function write({ files, page }) {
  mkdirSync(here("public/dashboard"), { recursive: true });
  const wanted = new Set(files.map(({ name }) => name));
  const there = new Set(readdirSync(here("public/dashboard")));
  for (const { name, contents } of files)
    if (!there.has(name)) writeFileSync(here(`public/dashboard/${name}`), contents);
  writeFileSync(here("public/dashboard.html"), page);
  for (const name of there) if (!wanted.has(name)) rmSync(here(`public/dashboard/${name}`));
}

export const sizeOf = ({ files }) => {
  const counted = files.filter(({ name }) => /\.(js|css)$/.test(name));
  return counted.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
};

const FAILURES = {
  budget: (size) => `the dashboard has ${size} bytes of scripts and styles, gzipped; the budget is ${BUDGET}`,
  types: "dashboard/src/openapi.d.ts is stale: make openapi",
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = await bundle();
  const size = sizeOf(built);
  if (process.argv.includes("--types")) writeFileSync(here("src/openapi.d.ts"), types());
  else write(built);
  console.log(`dashboard: ${(size / 1024).toFixed(1)} KiB of scripts and styles, gzipped`);
  if (process.argv.includes("--check")) {
    const failures = [];
    if (size > BUDGET) failures.push(FAILURES.budget(size));
    if (readFileSync(here("src/openapi.d.ts"), "utf8") !== types()) failures.push(FAILURES.types);
    for (const failure of failures) console.error(failure);
    if (failures.length > 0) process.exit(1);
    execFileSync(process.execPath, [here("node_modules/typescript/bin/tsc"), "--project", here(".")], {
      stdio: "inherit",
    });
  }
}

/** The types of docs/openapi.json. */
function types() {
  const program = here("node_modules/openapi-typescript/bin/cli.js");
  return execFileSync(process.execPath, [program, here("../docs/openapi.json")], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}
