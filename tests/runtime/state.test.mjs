// The build at hand goes on with the state that an earlier build left in its stores and queues: see recorded/README.md.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { Origin } from "./http.mjs";
import { MINUTE, isSignedForward } from "./providers.mjs";
import { cronTests, goingOnTests, listTests } from "./recorded/log-tests.mjs";
import { time } from "./recorded/shown.mjs";
import { unpacked, writeStores } from "./recorded/stores.mjs";

const RECORDED = new URL("recorded/", import.meta.url);
const records = readdirSync(RECORDED, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
/**
 * Copies of their events are no duplicates: the events have no identity, the source has no deduplication, or it does not
 * want the event.
 */
const NAMELESS = ["queued-none", "queued-nameless", "queued-copied"];
/** The headers that differ between two forwards of an event. */
const OWN = new Set(["host", "cf-worker", "hookgate-attempt", "webhook-timestamp", "webhook-signature"]);

/** The headers of a forward that the event decides. */
function headersOf(rawHeaders) {
  const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : []));
  // Each attempt is a new child in the event's trace.
  const inTrace = pairs.map((pair) => pair.replace(/^(traceparent: 00-[0-9a-f]{32}-)[0-9a-f]{16}/, "$1"));
  return inTrace.filter((pair) => !OWN.has(pair.split(":", 1)[0])).sort();
}

test("there is a record", () => assert.ok(records.length > 0));

for (const record of records) {
  const read = (name) => JSON.parse(readFileSync(new URL(`${record}/${name}.json`, RECORDED), "utf8"));
  const stores = read("stores");
  const queues = read("queues");
  const { events, dead } = queues;
  const { recorded, sources, vars, secrets, sent, many, forwards } = read("sent");
  const rows = stores.d1.rows.dead_letters;
  const waiting = rows.filter(({ redriven }) => redriven === null);
  const [installed] = stores.objects.handshakes?.rows.handshakes ?? [];

  describe(`the state of ${record}`, () => {
    let state, gateway, receiver;
    /** The alerts, with the receiver of this test. */
    const told = () => vars.ALERTS && { ALERTS: { ...vars.ALERTS, url: `${receiver.url}/alerts` } };
    const options = () => ({
      sources: { ...sources, "asana-set": { provider: "asana", secrets: ["SET"], deliver: "origin", dedup: "none" } },
      secrets: { ...secrets, SET: installed?.secret ?? "none" },
      vars: { ...vars, ...told() },
      state,
    });
    /** Sets the clock to so many milliseconds after the recording. */
    const at = (later) => gateway.ahead(Date.parse(recorded) + later - Date.now());
    const post = (name) => gateway.post(name, { ...sent[name], body: unpacked(sent[name].body) });
    const api = (path, method) => gateway.api(path, { method, token: secrets.ADMIN_TOKEN });
    const listed = async (query = "") => (await api(`dead-letters${query}`)).json().dead_letters;
    /** The forward of the event at `name` is equal to the forward of the earlier build, with `more` headers. */
    async function forwarded(name, more = []) {
      const [forward, ...others] = await gateway.origin.received(name);
      assert.deepEqual(others, []);
      assert.ok(forward.body.equals(unpacked(sent[name].body)), `${name}, byte for byte`);
      assert.deepEqual(headersOf(forward.rawHeaders), [...headersOf(forwards[name]), ...more].sort());
      assert.ok(isSignedForward(forward, secrets.ORIGIN_SIGNING_SECRET));
    }
    async function redriven(name, id) {
      assert.deepEqual((await api(`dead-letters/${id}/redrive`, "POST")).json(), { redriven: 1, failed: 0 }, name);
      await forwarded(name);
      assert.deepEqual(await listed(`?source=${name}`), []);
    }

    async function start(more) {
      gateway = await Gateway.start({ ...options(), ...more });
      await at(0);
    }

    const run = { at, api, listed, forwarded, get gateway() { return gateway; }, get receiver() { return receiver; } };

    before(async () => {
      receiver = await Origin.start();
      state = await mkdtemp(join(tmpdir(), "hookgate-"));
      await writeStores(state, stores);
      await start({ vars: { CLAIM_SHARDS: 3 } });
    });
    after(async () => {
      await gateway.close();
      await receiver.close();
      await rm(state, { recursive: true, force: true });
    });

    // This test comes first, because a claim with the recorded number adds that number to the registry.
    test("another number of objects is refused while the claims hold", async () => {
      await gateway.fail("DEDUP.get");
      const { status } = await post("kept-exact");
      const [{ detail }] = gateway.records("kept-exact");
      await gateway.close();
      await start();
      assert.equal(status, 503);
      assert.match(detail, /CLAIM_SHARDS_BEFORE = 2/);
    });

    test("every dead letter is listed unchanged, without the redriven letters", async () => {
      const shown = ({ died, expires, redrives = 0, ...row }) => {
        const { id, source, event_id, type, key, received, reason, bytes } = row;
        return { id, redrives, source, event_id, type, key, received, died: time(died), reason, bytes, expires: time(expires) };
      };
      assert.ok(waiting.length > 0 && waiting.length < rows.length);
      assert.deepEqual(await listed(), waiting.map(shown));
    });

    if (stores.d1.rows.log_events) listTests({ rows: stores.d1.rows, run });

    test("an event with a claim of another request is refused until the lease ends", async () => {
      await at(0);
      const answer = await post("accepting");
      assert.equal(answer.status, 503);
      assert.match(answer.headers["retry-after"], /^[1-9][0-9]*$/);
    });

    for (const name of Object.keys(sent).filter((name) => name !== "accepting" && !NAMELESS.includes(name))) {
      const isExact = sources[name].dedup === "exact";
      test(`a copy of the event at ${name} is a duplicate, ${isExact ? "as its object says" : "as KV says"}`, async () => {
        if (isExact) await gateway.fail("DEDUP.get");
        const answer = await post(name);
        assert.deepEqual([answer.status, answer.json().duplicate], [200, true]);
      });
    }

    test("a delivery with a claim of another message is retried later", async () => {
      await at(0);
      assert.equal(await gateway.batch("hookgate-events", events.delivering), "retry");
      await gateway.logged({ source: "delivering", reason: "in_flight" });
      assert.deepEqual(gateway.origin.of("delivering"), []);
    });

    test("a second message of an event that was delivered is not forwarded", async () => {
      assert.equal(await gateway.batch("hookgate-events", events["kept-exact"]), "ack");
      assert.equal(gateway.records("kept-exact").at(-1).verdict, "duplicate");
      assert.deepEqual(gateway.origin.of("kept-exact"), []);
    });

    for (const name of Object.keys(events).filter((name) => name.startsWith("queued-"))) {
      test(`the message of ${name} is forwarded as before`, async () => {
        await gateway.enqueue(events[name]);
        await forwarded(name);
        await gateway.logged({ source: name, verdict: "delivered" });
      });
    }

    test("a message among the dead letters is kept, with its mark and without", async () => {
      const [marked, unmarked] = [["buried", dead.buried], ["given-up", events["given-up"]]];
      // Where nothing is noted of the queues, the mark of the first message shows the Worker which queue this is.
      const isNoted = stores.kv.some(({ name }) => name.startsWith("queue/"));
      for (const [name, text] of isNoted ? [unmarked, marked] : [marked, unmarked]) {
        assert.equal(await gateway.batch("hookgate-dead", text), "ack");
        assert.equal((await listed(`?source=${name}`)).length, 1, name);
      }
      assert.deepEqual((await listed("?source=given-up")).map(({ reason }) => reason), ["its retries ran out"]);
    });

    for (const { id, source } of waiting.filter(({ source }) => sent[source])) {
      test(`the letter of ${source} is redriven`, () => redriven(source, id));
    }

    test("a redriven letter cannot be redriven again", async () => {
      await at(2 * MINUTE);
      const gone = rows.filter(({ redriven }) => redriven !== null);
      for (const { id } of gone) assert.equal((await api(`dead-letters/${id}/redrive`, "POST")).status, 404);
    });

    if (queues.job) goingOnTests({ rows: stores.d1.rows, messages: queues, sent, many, secrets, run });

    if (stores.r2.some(({ key }) => key.startsWith("letters/"))) {
      test("a letter that waits in the bucket moves into the table and is redriven", async () => {
        await gateway.sweep();
        const [{ id }] = await listed("?source=waiting");
        await redriven("waiting", id);
        assert.deepEqual((await (await gateway.bucket()).list({ prefix: "letters/" })).objects, []);
      });
    }

    if (queues.job) cronTests({ rows: stores.d1.rows, run });

    test("an interrupted delivery and an interrupted acceptance are done once, after their leases", async () => {
      await at(2 * MINUTE);
      assert.equal(await gateway.batch("hookgate-events", events.delivering), "ack");
      await forwarded("delivering");
      const answer = await post("accepting");
      assert.deepEqual([answer.status, answer.json().duplicate], [200, undefined]);
      assert.equal((await post("accepting")).json().duplicate, true);
      const [forward] = await gateway.origin.received("accepting");
      assert.ok(forward.body.equals(unpacked(sent.accepting.body)));
    });

    if (installed) {
      test("the operator reads the secret that a provider sent, the secret proves events, and no other secret replaces it", async () => {
        const offer = (secret) => gateway.post("asana", { body: "{}", headers: { "x-hook-secret": secret } });
        assert.equal((await offer("canary-of-somebody-else")).status, 503);
        assert.equal((await offer(installed.secret)).status, 200);
        const { secret } = (await api("handshakes/asana")).json();
        const body = '{"events":[]}';
        const signature = createHmac("sha256", secret).update(body).digest("hex");
        assert.equal((await gateway.post("asana-set", { body, headers: { "x-hook-signature": signature } })).status, 200);
      });
    }
  });
}
