// `make dev` and `make demo` in a new checkout: without state, without local secrets.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually, freePort } from "./http.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const checkout = mkdtempSync(join(tmpdir(), "hookgate-dev-"));
const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
execFileSync("xargs", ["-0", "cp", "--parents", "-t", checkout], { cwd: root, input: files });
// What a build has made is shared, so that nothing compiles again.
for (const made of ["target", "build", ".tools", "node_modules", "dashboard/node_modules"]) symlinkSync(join(root, made), join(checkout, made));

const ORIGIN = `http://127.0.0.1:${await freePort()}/{source}`;
const env = { ...process.env, PORT: String(await freePort()), ORIGIN };
const url = `http://127.0.0.1:${env.PORT}`;
/** The token that `make dev` has drawn. */
const token = () => /^ADMIN_TOKEN="([0-9a-f]{32})"$/m.exec(readFileSync(join(checkout, ".dev.vars"), "utf8"))[1];
let printed = "";
const server = spawn("sh", ["scripts/dev"], { cwd: checkout, env, stdio: ["ignore", "pipe", "pipe"] });
for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => (printed += data));
after(async () => {
  if (server.exitCode === null) {
    server.kill("SIGINT");
    await once(server, "exit");
  }
  rmSync(checkout, { recursive: true });
});

test("the first `make dev` serves, and `make demo` gets the answers that it expects and fills the dashboard", async () => {
  await eventually(() => printed, async () => {
    assert.equal(server.exitCode, null, printed);
    return (await fetch(`${url}/healthz`).catch(() => undefined))?.ok;
  }, 180_000);
  // What `make demo` runs. cargo itself would compile the command line again, because the directory is another one.
  // Not in one blocking call: the output of the server must be read meanwhile.
  const { stdout: demo } = await promisify(execFile)("sh", ["scripts/demo"], {
    cwd: checkout,
    env: { ...env, HOOKGATE: join(root, "target/debug/hookgate") },
  });
  const [, asExpected, all] = /^([0-9]+) of ([0-9]+) as expected$/m.exec(demo);
  assert.ok(Number(all) >= 20, demo);
  assert.equal(asExpected, all, demo);
  assert.ok(demo.includes(`open ${url}/dashboard`), demo);

  // The dashboard has something to show in each view.
  const api = async (path) => {
    const answer = await fetch(`${url}/api/${path}`, { headers: { authorization: `Bearer ${token()}` } });
    return answer.json();
  };
  for (const state of ["delivered", "retrying", "dead", "paused", "filtered"]) {
    assert.ok((await api(`events?state=${state}`)).events.length > 0, `${state}: ${demo}`);
  }
  assert.ok((await api("dead-letters")).dead_letters.length > 0);
  assert.ok((await api("refused")).refused.length > 0);
  assert.deepEqual((await api("stats")).backlog.paused.map(({ source }) => source), ["relaybox"]);
});

test("`make dev` draws a token of its own, and the Worker reports no error", async () => {
  const ask = (bearer) => fetch(`http://127.0.0.1:${env.PORT}/api/caller`, { headers: { authorization: `Bearer ${bearer}` } });
  assert.equal((await ask(token())).status, 200);
  assert.equal((await ask("local-admin-token")).status, 401);
  assert.doesNotMatch(printed, /"reason":"configuration"/, printed);
  assert.ok(!printed.includes(token()), "the token is in the file alone");
});
