// Runs schemathesis: it makes good and bad requests from docs/openapi.json, and judges each answer by it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
// The program has the path of its interpreter in its first line, which is wrong after the checkout was moved.
const PROGRAM = ["python3", "schemathesis"].map((name) => here(`../../../.tools/openapi/bin/${name}`));
const DOCUMENT = here("../../../docs/openapi.json");
// The seed is fixed, so a failure can be repeated.
const { SEED = "1" } = process.env;

/** Sends `examples` requests at most for each operation to `gateway`, with `token`, without the checks in `without`. */
export async function conforms(gateway, { token, examples, without = [] }) {
  const work = mkdtempSync(join(tmpdir(), "hookgate-openapi-"));
  try {
    const config = join(work, "schemathesis.toml");
    const settings = readFileSync(here("schemathesis.toml"), "utf8");
    // None of these ids exists.
    const [event, letter, job] = [`1768480200-${"0".repeat(32)}`, "0".repeat(64), "0".repeat(16)];
    writeFileSync(config, settings.replaceAll("EVENT_ID", event).replaceAll("LETTER_ID", letter).replaceAll("JOB_ID", job));
    const url = `http://127.0.0.1:${gateway.port}`;
    const bounds = ["--checks", "all", "--seed", SEED, "--max-examples", String(examples)];
    const excluded = without.length > 0 ? ["--exclude-checks", without.join(",")] : [];
    const args = [PROGRAM[1], "--config-file", config, "run", DOCUMENT, "--url", url, "--no-color", ...bounds, ...excluded];
    const options = { cwd: work, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ADMIN_TOKEN: token } };
    const output = await new Promise((resolve) => {
      execFile(PROGRAM[0], args, options, (error, stdout, stderr) => resolve(`${error ?? ""}${stdout}${stderr}`));
    });
    assert.match(output, /\b[1-9]\d+ generated, [1-9]\d+ passed\b(?!.*failed)/, output);
  } finally {
    rmSync(work, { recursive: true });
  }
}
