// Records the state that the build in build/ leaves behind: see README.md in this directory.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway } from "../gateway.mjs";
import { eventually } from "../http.mjs";
import { ADMIN_TOKEN, ORIGIN_SIGNING_SECRET, SECRETS, delivery, source } from "../providers.mjs";
import { packed, readStores } from "./stores.mjs";

const [record = ""] = process.argv.slice(2);
const directory = new URL(`${record}/`, import.meta.url);
if (!/^[0-9a-z.-]+$/.test(record)) throw new Error("the record needs a name: node tests/runtime/recorded/record.mjs 2026-12-31");
if (existsSync(directory)) throw new Error(`${record} is recorded, and stays`);
/** The gateway's clock. No alarm of an object comes, and no lease ends, because real time passes. */
const EPOCH = Date.UTC(2100, 0, 1) - Date.now();

const exact = { dedup: "exact" };
const sources = {
  "kept-kv": source("generic"),
  "kept-exact": source("generic", exact),
  "queued-kv": source("generic"),
  "queued-exact": source("generic", exact),
  "queued-none": source("generic", { dedup: "none" }),
  "queued-nameless": source("shopify"),
  "queued-large": source("github", exact),
  "given-up": source("generic", exact),
  accepting: source("generic", exact),
  delivering: source("generic", exact),
  dead: source("generic", exact),
  "dead-large": source("github"),
  redriven: source("generic", exact),
  "dead-again": source("generic", exact),
  buried: source("generic"),
  waiting: source("generic", exact),
  asana: { provider: "asana", handshake: "armed", ...exact },
};
const secrets = { ...SECRETS, ADMIN_TOKEN, ORIGIN_SIGNING_SECRET };
const vars = { CLAIM_SHARDS: 2 };
const state = await mkdtemp(join(tmpdir(), "hookgate-"));
const gateway = await Gateway.start({ sources, secrets, vars, state });
const { origin } = gateway;
await gateway.ahead(EPOCH);
const now = () => Date.now() + EPOCH;

/** What was sent, by source. */
const sent = {};

async function post(name, made, status = 200) {
  sent[name] = { ...made, body: packed(made.body) };
  const answer = await gateway.post(name, made);
  if (answer.status !== status) throw new Error(`${name}: ${answer.status}: ${answer.body}`);
}

/** The texts that were put into a queue for a source. */
const messages = async (operation, name) => (await gateway.operations())
  .filter((one) => one.operation === operation && one.args[0].includes(`"/webhooks/${name}"`))
  .map(({ args }) => args[0]);
const generic = () => delivery("generic", { at: now() });
/** A body that no message can hold. */
const large = (from) => delivery("github", { body: Buffer.from(Uint8Array.from({ length: 99_000 }, (_, at) => from + at + (at >> 8))) });
const listed = async (name) => (await gateway.api(`dead-letters?source=${name}`)).json().dead_letters;
const answering = (name, ...statuses) => origin.answers(name, (response, _, earlier) => response.writeHead(statuses[earlier] ?? 200).end());
const letterOf = (name) => eventually(`a letter of ${name}`, async () => (await listed(name))[0]);

for (const name of ["kept-kv", "kept-exact"]) await post(name, generic());
for (const name of ["kept-kv", "kept-exact"]) await gateway.logged({ source: name, verdict: "delivered" });

for (const name of ["dead", "redriven", "dead-again", "dead-large"]) {
  answering(name, 410, name === "dead-again" ? 410 : 200);
  await post(name, name === "dead-large" ? large(7) : generic());
  await letterOf(name);
}
for (const name of ["redriven", "dead-again"]) await gateway.api(`dead-letters/${(await letterOf(name)).id}/redrive`, { method: "POST" });
await gateway.logged({ source: "redriven", verdict: "delivered" });
await eventually("a letter that died again", async () => (await listed("dead-again"))[0]?.redrives === 1);
await gateway.enqueue("no event");
await eventually("a letter that is none", async () => (await gateway.letters()).some(({ source }) => source === ""));

await gateway.post("asana", { body: "{}", headers: { "x-hook-secret": "canary-sent-by-asana-19f0" } });

// From here on, the database fails.
await gateway.failDatabase(1000);
for (const name of ["buried", "waiting"]) {
  answering(name, 410);
  await post(name, generic());
  await gateway.logged({ source: name, verdict: "retried", reason: "keep_failed" });
}
const [letter] = await messages("DEAD.send", "waiting");
if ((await gateway.batch("hookgate-dead", letter, 6)) !== "ack") throw new Error("the letter does not wait in the bucket");

const QUEUED = ["queued-kv", "queued-exact", "queued-none", "queued-nameless", "queued-large", "given-up"];
for (const name of QUEUED) {
  answering(name, ...Array(50).fill(500));
  const made = { "queued-nameless": () => delivery("shopify", { body: '{"id":1,"name":"Zoë"}' }), "queued-large": () => large(0) };
  await post(name, (made[name] ?? generic)());
}
for (const name of QUEUED) await gateway.logged({ source: name, reason: "origin_failed" });

// A delivery, and an acceptance, that the end of the runtime interrupts.
origin.answers("delivering", () => new Promise(() => {}));
await post("delivering", generic());
await origin.received("delivering");
await gateway.fail("EVENTS.send", 1, "hang");
const interrupted = post("accepting", generic()).catch(() => {});
await eventually("an acceptance under way", async () => {
  return (await gateway.operations()).some(({ operation, failed }) => operation === "EVENTS.send" && failed);
});

const events = {};
for (const name of [...QUEUED, "kept-exact", "delivering"]) [events[name]] = await messages("EVENTS.send", name);
const [buried] = await messages("DEAD.send", "buried");
const forwards = {};
for (const { path, rawHeaders } of origin.requests) forwards[path.slice(1)] ??= rawHeaders;
const letters = (await gateway.api("dead-letters")).status;
if (letters !== 503) throw new Error(`the database is not away: ${letters}`);
const recorded = new Date(now()).toISOString();
await gateway.close();
await interrupted;

const stores = await readStores(state);
await rm(state, { recursive: true });
await mkdir(directory);
const save = (name, content) => writeFile(new URL(name, directory), `${JSON.stringify(content, null, 1)}\n`);
await save("stores.json", stores);
await save("queues.json", { events, dead: { buried } });
await save("sent.json", { recorded, sources, vars, secrets, sent, forwards });
