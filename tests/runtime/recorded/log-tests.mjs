// The tests of state.test.mjs over what a record has of the log, of replays, jobs, pauses and alerts.
// `run` has the running gateway and what state.test.mjs knows of the record. `rows` are the rows of D1.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../http.mjs";
import { MINUTE, isSignedForward } from "../providers.mjs";
import * as shown from "./shown.mjs";
import { unpacked } from "./stores.mjs";

const isReplay = ({ headers }) => headers["hookgate-replay"] === "1";
const texts = (bodies) => bodies.map((body) => body.toString()).sort();

async function get(run, path) {
  const answer = await run.api(path);
  assert.equal(answer.status, 200, `${path}: ${answer.body}`);
  return answer.json();
}

/** `values` are `likes`. A later build may show more members of each. */
function assertShown(values, likes) {
  assert.deepEqual(values.map((value, at) => (likes[at] ? shown.same(value, likes[at]) : value)), likes);
}

/** The lists show the rows of the record. These tests come before a test that changes a row. */
export function listTests({ rows, run }) {
  test("every event of the log is listed unchanged, with its attempts, its trace and its body", async () => {
    await run.at(0);
    assertShown((await get(run, "events?limit=200")).events, shown.events(rows));
    for (const row of rows.log_events) {
      const like = shown.event(row);
      assert.deepEqual(shown.same(await get(run, `events/${shown.idOf(row)}`), like), like, row.source);
    }
  });

  test("the audit is listed unchanged", async () => assertShown((await get(run, "audit")).audit, shown.audit(rows)));

  test("the jobs are listed unchanged", async () => {
    assertShown((await get(run, "replay")).jobs.sort(shown.byId), shown.jobs(rows));
  });

  test("the alerts are listed unchanged", async () => {
    assertShown((await get(run, "alerts")).alerts, shown.alerts(rows));
  });

  test("the samples of refused requests are listed unchanged", async () => {
    for (const name of new Set(rows.refused.map(({ source }) => source))) {
      const { refused } = await get(run, `refused?source=${name}`);
      assertShown(refused.reverse(), shown.refused(rows, name));
    }
  });

  test("the numbers are the sums of the rows", async () => {
    const { totals, backlog } = await get(run, "stats");
    const names = new Set([...rows.counts, ...rows.deliveries].map(({ source }) => source));
    names.delete("kept-exact"); // an earlier test was refused there
    for (const name of names) {
      const numbers = totals.find(({ source }) => source === name);
      for (const destination of Object.values(numbers.destinations)) delete destination.latency_ms;
      assert.deepEqual(numbers, shown.numbers(rows, name));
    }
    assert.deepEqual(backlog.paused.map(({ source }) => source), rows.pauses.map(({ source }) => source));
    assert.equal(backlog.events.reduce((sum, { count }) => sum + count, 0), rows.waiting.length);
  });
}

/** What waited goes on. These tests come before the cron: R2 has a clock of its own, so the cron deletes its bodies. */
export function goingOnTests(record) {
  pauseTests(record);
  bodyTests(record);
  jobTests(record);
  noticeTests(record);
}

function pauseTests({ rows, messages, sent, secrets, run }) {
  test("the event of a paused source waits, and is delivered once after the resume", async () => {
    await run.at(0);
    const consume = () => run.gateway.batch("hookgate-events", messages.events.paused);
    assert.equal(await consume(), "retry");
    assert.deepEqual(run.gateway.origin.of("paused"), []);
    const [{ since, caller, reason }] = rows.pauses;
    const { pause } = await get(run, "sources/paused");
    assert.deepEqual([pause.since, pause.by, pause.reason], [shown.time(since), caller, reason]);
    assert.equal((await run.api("sources/paused/resume", "POST")).status, 200);
    assert.deepEqual([await consume(), await consume()], ["ack", "ack"]);
    const [forward, ...others] = run.gateway.origin.of("paused");
    assert.deepEqual(others, []);
    assert.ok(forward.body.equals(unpacked(sent.paused.body)));
    // The earlier build has no forward of this event.
    const { dedupkey, traceparent } = JSON.parse(messages.events.paused);
    assert.equal(forward.headers["idempotency-key"], dedupkey);
    assert.equal(forward.headers.traceparent.split("-")[1], traceparent.split("-")[1]);
    assert.ok(isSignedForward(forward, secrets.ORIGIN_SIGNING_SECRET));
  });
}

function bodyTests({ rows, messages, run }) {
  const rowOf = (name) => rows.log_events.find(({ source }) => source === name);
  const replay = (name) => run.api(`events/${shown.idOf(rowOf(name))}/replay`, "POST");

  test("a second message of a large event that was delivered is not forwarded: its mark is in the bucket", async () => {
    assert.equal(await run.gateway.batch("hookgate-events", messages.events["kept-large"]), "ack");
    await run.gateway.logged({ source: "kept-large", reason: "delivered_before" });
    assert.deepEqual(run.gateway.origin.of("kept-large"), []);
  });

  for (const name of ["kept-large", "kept-bytes"]) {
    test(`the delivered event of ${name} is replayed from its recorded body`, async () => {
      assert.equal((await replay(name)).status, 200);
      await run.forwarded(name, ["hookgate-replay: 1"]);
    });
  }

  test("an event whose body is redacted in the log is not replayed", async () => {
    assert.equal((await replay("redacted")).status, 422);
  });
}

function jobTests({ rows, messages, many, run }) {
  test("an interrupted job goes on to its end, and sends each of its events once", async () => {
    await run.at(3 * MINUTE); // after the lease on the step
    const { id, sent, next } = messages.job;
    for (const text of [...sent, ...sent, next, next]) await run.gateway.enqueue(text);
    const count = many.job.length;
    const job = await eventually("the end of the job", async () => {
      const now = await get(run, `replay/${id}`);
      return now.state === "done" && now.delivered === count && now;
    });
    assert.deepEqual([job.selected, job.enqueued, job.failed, job.skipped], [count, count, 0, 0]);
    const before = rows.log_events.filter(({ source, delivered }) => source === "job" && delivered !== null);
    const left = many.job.filter((event) => !before.some(({ event_id: delivered }) => delivered === event.id));
    assert.ok(left.length > count - sent.length && left.length < count, "some events of the first step were delivered before");
    const forwards = run.gateway.origin.of("job");
    assert.deepEqual(texts(forwards.map(({ body }) => body)), texts(left.map(({ body }) => unpacked(body))));
    assert.ok(forwards.every(isReplay));
    assert.deepEqual(await run.listed("?source=job"), [], "no letter of the job is left");
  });

  test("an event of a cancelled job becomes a dead letter, and is redriven once", async () => {
    for (const text of messages.cancelled.waits) await run.gateway.enqueue(text);
    const count = many.cancelled.length;
    const letters = await eventually("a letter of each event", async () => {
      const listed = await run.listed("?source=cancelled");
      return listed.length === count && listed;
    });
    assert.deepEqual(run.gateway.origin.of("cancelled"), []);
    const ended = letters.filter(({ reason }) => reason === "its job was cancelled before the event was delivered");
    assert.equal(ended.length, messages.cancelled.waits.length + 1, "those that waited, and the recorded one");
    assert.equal((await get(run, `replay/${messages.cancelled.id}`)).state, "cancelled");
    for (const { id } of letters) assert.equal((await run.api(`dead-letters/${id}/redrive`, "POST")).json().redriven, 1);
    const forwards = await run.gateway.origin.received("cancelled", count);
    assert.deepEqual(texts(forwards.map(({ body }) => body)), texts(many.cancelled.map(({ body }) => unpacked(body))));
    assert.equal(forwards.filter(isReplay).length, ended.length);
  });
}

function noticeTests({ rows, messages, secrets, run }) {
  test("the notice of an alert is sent as it is, and signed", async () => {
    await run.gateway.enqueue(messages.notice);
    const [notice] = await run.receiver.received("alerts");
    const { hookgate_alert: id, body } = JSON.parse(messages.notice);
    assert.deepEqual([notice.headers["webhook-id"], notice.body.toString()], [id, body]);
    assert.ok(isSignedForward(notice, secrets.ORIGIN_SIGNING_SECRET));
  });

  test("an open alert is acknowledged", async () => {
    const { id } = shown.alerts(rows).find(({ status }) => status === "open");
    assert.equal((await run.api(`alerts/${id}/acknowledge`, "POST")).json().status, "acknowledged");
  });

  test("a probe shows the queue of the dead letters", async () => {
    assert.equal(await run.gateway.batch("hookgate-dead", messages.dead.probe), "ack");
    await run.gateway.logged({ verdict: "learnt" });
  });
}

/** The cron has run. */
export function cronTests({ rows, run }) {
  test("the cron leaves every row of the log that has not expired", async () => {
    const ids = new Set((await get(run, "events?limit=200")).events.map(({ id }) => id));
    for (const row of rows.log_events) assert.ok(ids.has(shown.idOf(row)), row.source);
    const entries = new Set((await get(run, "audit")).audit.map(({ id }) => id));
    for (const { id } of rows.audit) assert.ok(entries.has(id), id);
    const jobs = (await get(run, "replay")).jobs.map(({ id }) => id);
    assert.deepEqual(jobs.sort(), rows.jobs.map(({ id }) => id).sort());
  });
}
