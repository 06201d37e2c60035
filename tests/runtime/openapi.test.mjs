// The built Worker against docs/openapi.json: schemathesis makes good and bad requests from the document, and judges each
// answer by it. A gateway with events, dead letters, an audit and refused requests answers.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";
import { ADMIN_TOKEN, SECRETS, delivery, sourcesOf } from "./providers.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PYTHON = here("../../.tools/openapi/bin");
const DOCUMENT = here("../../docs/openapi.json");
// The seed is fixed, so a failure can be repeated. `SEED=2 EXAMPLES=500` tries more requests.
const { SEED = "1", EXAMPLES = "50" } = process.env;

const gateway = await Gateway.start({
  sources: {
    ...sourcesOf(["fine", "refused", "failing"], "generic"),
    armed: { provider: "asana", handshake: "armed", deliver: "origin", dedup: "none" },
  },
  secrets: { ...SECRETS, ADMIN_TOKEN },
  plain: true,
});
after(() => gateway.close());
const work = mkdtempSync(join(tmpdir(), "hookgate-openapi-"));
after(() => rmSync(work, { recursive: true }));

/** Runs a program. Returns its exit code and its output. */
function run(program, args, env = {}) {
  return new Promise((resolve) => {
    const options = { cwd: work, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? 1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

const json = async (path) => (await gateway.api(path)).json();

test("each example fits its schema", async () => {
  const { code, output } = await run(join(PYTHON, "python"), [here("openapi/examples.py"), DOCUMENT]);
  assert.equal(code, 0, output);
  assert.match(output, /^[1-9]\d* examples fit/);
});

test("the Worker answers as docs/openapi.json says", { timeout: 300_000 }, async () => {
  gateway.origin.statuses("refused", ...Array(20).fill(410));
  gateway.origin.statuses("failing", ...Array(20).fill(503));
  for (const name of ["fine", "fine", "refused", "refused", "refused", "failing"]) {
    assert.equal((await gateway.post(name, delivery("generic"))).status, 200);
  }
  await gateway.post("fine", delivery("generic", { key: "not the secret" }));
  await eventually("the dead letters", async () => (await json("dead-letters")).dead_letters.length === 3, 60_000);
  await eventually("the events", async () => (await json("events")).events.length === 6, 60_000);
  const offered = { body: "{}", headers: { "x-hook-secret": "canary-sent-by-asana-51d7" } };
  assert.equal((await gateway.post("armed", offered)).status, 200);
  assert.equal((await gateway.api("keys?source=fine&id=evt_1", { method: "DELETE" })).status, 200);

  const { events: [{ id: event }] } = await json("events");
  const { dead_letters: [{ id: letter }] } = await json("dead-letters");
  const missing = { source: "failing", include_retrying: true };
  const replay = async (body) => (await gateway.api("replay", { method: "POST", body: JSON.stringify(body) })).json();
  const { token } = await replay(missing);
  const { id: job } = await replay({ ...missing, dry_run: false, token });
  assert.match(job, /^[0-9a-f]{16}$/);
  const settings = readFileSync(here("openapi/schemathesis.toml"), "utf8");
  const config = join(work, "schemathesis.toml");
  writeFileSync(config, settings.replaceAll("EVENT_ID", event).replaceAll("LETTER_ID", letter).replaceAll("JOB_ID", job));
  const url = `http://127.0.0.1:${gateway.port}`;
  const bounds = ["--checks", "all", "--seed", SEED, "--max-examples", EXAMPLES];
  const args = ["--config-file", config, "run", DOCUMENT, "--url", url, "--no-color", ...bounds];
  const { code, output } = await run(join(PYTHON, "schemathesis"), args, { ADMIN_TOKEN });
  assert.equal(code, 0, output);
  assert.match(output, /\b[1-9]\d{2,} generated, [1-9]\d{2,} passed/, output);
});

test("the largest filter is answered", async () => {
  const many = (text) => Array.from({ length: 20 }, (_, number) => text(number)).join();
  const query = new URLSearchParams({
    source: many((number) => `source${number}`),
    state: many(() => "dead"),
    reason: many((number) => `reason${number}`),
    type: many((number) => `type${number}.*`),
    status: many((number) => 500 + number),
    id: "evt_1",
    key: "0".repeat(64),
    destination: "https://app.example.com/",
    since: "1",
    until: "2036-01-01T00:00:00Z",
    text: "\u{1f980}".repeat(512),
  });
  for (const all of [query, new URLSearchParams([...query].filter(([name]) => name !== "key"))]) {
    const answer = await gateway.api(`events?${all}`);
    assert.deepEqual([answer.status, answer.body.toString()], [200, '{"events":[],"next":null}']);
  }
});
