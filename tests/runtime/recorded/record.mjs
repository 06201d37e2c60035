// Records the state that the build in build/ leaves behind: see README.md in this directory.
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway } from "../gateway.mjs";
import { Origin, eventually } from "../http.mjs";
import { ADMIN_TOKEN, ORIGIN_SIGNING_SECRET, SECRETS, delivery, source } from "../providers.mjs";
import { alertsTo, play, prove, sources as later } from "./scenes.mjs";
import { packed, readStores, unpacked } from "./stores.mjs";

const [record = ""] = process.argv.slice(2);
const directory = new URL(`${record}/`, import.meta.url);
if (!/^[0-9a-z.-]+$/.test(record)) throw new Error("the record needs a name: node tests/runtime/recorded/record.mjs 2026-12-31");
if (existsSync(directory)) throw new Error(`${record} is recorded, and stays`);
/** The gateway's clock. No alarm of an object comes, and no lease ends, because real time passes. */
let ahead = Date.UTC(2100, 0, 1) - Date.now();

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
  ...later,
};
const secrets = { ...SECRETS, ADMIN_TOKEN, ORIGIN_SIGNING_SECRET };
const receiver = await Origin.start();
const vars = { CLAIM_SHARDS: 2, ALERTS: alertsTo(`${receiver.url}/alerts`) };
const state = await mkdtemp(join(tmpdir(), "hookgate-"));
const gateway = await Gateway.start({ sources, secrets, vars, state });
const { origin } = gateway;
await gateway.ahead(ahead);
const now = () => Date.now() + ahead;
async function forward(milliseconds) {
  ahead += milliseconds;
  await gateway.ahead(ahead);
}

/** What was sent, by source: the only event of most sources, and `many` events of some. */
const sent = {};
const many = {};
const packedEvent = (made) => ({ ...made, body: packed(made.body) });
const forwards = {};

async function send(name, made, status = 200) {
  const answer = await gateway.post(name, made);
  if (answer.status !== status) throw new Error(`${name}: ${answer.status}: ${answer.body}`);
}
function post(name, made) {
  sent[name] = packedEvent(made);
  return send(name, made);
}
/** Asks the API for a change. */
async function ask(path, body) {
  const answer = await gateway.api(path, { method: "POST", body: body && JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status}: ${answer.body}`);
  return answer.json();
}

/** The texts that were put into a queue and have `part`: the name of a source, or the beginning of a message. */
const messages = async (operation, part) => (await gateway.operations())
  .filter((one) => one.operation === operation && one.args[0].includes(part.startsWith("{") ? part : `"/webhooks/${part}"`))
  .map(({ args }) => args[0]);
function generic(more = {}) {
  const { id, body } = delivery("generic", { at: now() });
  return delivery("generic", { id, body: JSON.stringify({ ...JSON.parse(body), ...more }) });
}
/** A body that no message can hold. */
function large(from) {
  const bytes = Uint8Array.from({ length: 99_000 }, (_, at) => from + at + (at >> 8));
  return delivery("github", { body: Buffer.from(bytes) });
}
const listed = async (name) => (await gateway.api(`dead-letters?source=${name}`)).json().dead_letters;
/** The destination answers the first events of a source with `statuses`, and later ones with `last`. */
const answersOf = (name, statuses, last) => origin.answers(name, (response, _, earlier) => {
  response.writeHead(statuses[earlier] ?? last).end();
});
const answering = (name, ...statuses) => answersOf(name, statuses, 200);
const failing = (name, ...statuses) => answersOf(name, statuses, 500);
const letterOf = (name) => eventually(`a letter of ${name}`, async () => (await listed(name))[0]);
/** Waits until so many messages hang on their way into the queue. */
const hanging = (count) => eventually("a message that hangs", async () => {
  return (await gateway.operations()).filter(({ operation, failed }) => operation === "EVENTS.send" && failed).length === count;
});
/** The events of a source in a state, once there are `count`. */
const inState = (name, state, count = 1) => eventually(`${count} events of ${name} that are ${state}`, async () => {
  const { events } = (await gateway.api(`events?source=${name}&state=${state}`)).json();
  return events.length >= count && events;
});

for (const name of ["kept-kv", "kept-exact"]) await post(name, generic());
for (const name of ["kept-kv", "kept-exact"]) await gateway.logged({ source: name, verdict: "delivered" });

for (const name of ["dead", "redriven", "dead-again", "dead-large"]) {
  answering(name, 410, name === "dead-again" ? 410 : 200);
  await post(name, name === "dead-large" ? large(7) : generic());
  await letterOf(name);
}
for (const name of ["redriven", "dead-again"]) await ask(`dead-letters/${(await letterOf(name)).id}/redrive`);
await gateway.logged({ source: "redriven", verdict: "delivered" });
await eventually("a letter that died again", async () => (await listed("dead-again"))[0]?.redrives === 1);
await gateway.enqueue("no event");
await eventually("a letter that is none", async () => (await gateway.letters()).some(({ source }) => source === ""));

await gateway.post("asana", { body: "{}", headers: { "x-hook-secret": "canary-sent-by-asana-19f0" } });

const { notices: [notice], job, cancelled } = await play({
  gateway, origin, receiver, forward, send, post, ask, messages, generic, large, listed, answering, failing, letterOf,
  inState, hanging,
  sent: (name, made) => { sent[name] = packedEvent(made); },
  many: (name, made) => { (many[name] ??= []).push(packedEvent(made)); return made; },
  again: (name) => send(name, { ...sent[name], body: unpacked(sent[name].body) }),
  forwardedLast: (name) => { forwards[name] = origin.of(name).at(-1).rawHeaders; },
});

// The scenes end with a database that fails.
for (const name of ["buried", "waiting"]) {
  answering(name, 410);
  await post(name, generic());
  await gateway.logged({ source: name, verdict: "retried", reason: "keep_failed" });
}
const [letter] = await messages("DEAD.send", "waiting");
if ((await gateway.batch("hookgate-dead", letter, 6)) !== "ack") throw new Error("the letter does not wait in the bucket");

const QUEUED = ["queued-kv", "queued-exact", "queued-none", "queued-nameless", "queued-large", "given-up"];
for (const name of QUEUED) {
  failing(name);
  const nameless = () => delivery("shopify", { body: '{"id":1,"name":"Zoë"}' });
  const made = { "queued-nameless": nameless, "queued-large": () => large(0) };
  await post(name, (made[name] ?? generic)());
}
for (const name of QUEUED) await gateway.logged({ source: name, reason: "origin_failed" });

// A delivery, and an acceptance, that the end of the runtime interrupts.
origin.answers("delivering", () => new Promise(() => {}));
await post("delivering", generic());
await origin.received("delivering");
await gateway.fail("EVENTS.send", 1, "hang");
const interrupted = post("accepting", generic()).catch(() => {});
await hanging(2);

const events = {};
const waiting = Object.keys(sent).filter((name) => name.startsWith("queued-"));
for (const name of [...waiting, "given-up", "kept-exact", "kept-large", "paused", "delivering"]) {
  events[name] = (await messages("EVENTS.send", name)).at(-1);
}
const [buried] = await messages("DEAD.send", "buried");
const [probe] = await messages("DEAD.send", '{"hookgate_probe"');
for (const { path, rawHeaders } of origin.requests) forwards[path.slice(1)] ??= rawHeaders;
const letters = (await gateway.api("dead-letters")).status;
if (letters !== 503) throw new Error(`the database is not away: ${letters}`);
const recorded = new Date(now()).toISOString();
await gateway.close();
await receiver.close();
await interrupted;

const stores = await readStores(state);
await rm(state, { recursive: true });
const all = [...Object.values(events), buried, ...job.sent, ...cancelled.waits];
prove(stores, all, { job, cancelled }, await readFile(new URL("../../../src/message.rs", import.meta.url), "utf8"));
await mkdir(directory);
const save = (name, content) => writeFile(new URL(name, directory), `${JSON.stringify(content, null, 1)}\n`);
await save("stores.json", stores);
await save("queues.json", { events, dead: { buried, probe }, notice, job, cancelled });
await save("sent.json", { recorded, sources, vars, secrets, sent, many, forwards });
