// Short runs of `make faults` and `make replays`. Workers with a deliberate flaw must lose events in the same run.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const program = (name) => fileURLToPath(new URL(`../../proof/${name}.mjs`, import.meta.url));
// The seed decides the faults, so the flawed Workers always lose events.
const SHORT = { EVENTS: "100", SEED: "5", RATE: "40", KILL: "1" };

function run(name, settings) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...settings };
    execFile(process.execPath, [program(name)], { env, timeout: 900_000 }, (error, output, complaints) => {
      if (!output) return reject(error ?? new Error(complaints));
      resolve({ ...JSON.parse(output), code: error?.code ?? 0 });
    });
  });
}

const faults = (more = {}) => run("faults", { ...SHORT, ...more });

const linux = { concurrency: true, skip: process.platform === "linux" ? false : "the runtime to kill is found in /proc" };
describe("with faults everywhere and kills of the runtime", linux, () => {
  for (const DEDUP of ["exact", "kv"]) {
    test(`the Worker loses no event (${DEDUP}) and redrives the dead letters`, async () => {
      const { code, accepted, dead, redriven, faults: struck, ...line } = await faults({ DEDUP });
      const { lost, pending } = line;
      assert.deepEqual({ code, accepted, lost, pending }, { code: 0, accepted: 100, lost: 0, pending: 0 });
      if (DEDUP === "exact") assert.equal(line.duplicated_unexplained, 0);
      assert.ok(struck.kill > 0 && dead > 0 && redriven > 0);
    });
  }

  test("the Worker keeps every dead letter although the database is away", async () => {
    const { code, lost, dead, parked, redriven, redriven_wrong } = await faults({ AWAY: "LOG" });
    assert.deepEqual({ code, lost, redriven_wrong }, { code: 0, lost: 0, redriven_wrong: 0 });
    assert.ok(dead > 0 && parked >= dead && redriven >= dead, JSON.stringify({ dead, parked, redriven }));
  });

  const wrong = {
    ack_first: ["acks before it forwards", "lost"],
    answer_first: ["answers before it enqueues", "lost"],
    forget: ["confirms no claim", "duplicated_unexplained"],
    no_sweep: ["never moves a dead letter from R2 into the database", "lost", { AWAY: "LOG" }],
  };
  for (const [SABOTAGE, [what, count, more]] of Object.entries(wrong)) {
    test(`a Worker that ${what} is found`, async () => {
      const { code, ...line } = await faults({ SABOTAGE, ...more });
      assert.ok(line[count] > 0, count);
      assert.equal(code, 1);
    });
  }

  test("a job of replays delivers what is missing, once, and nothing else", async () => {
    const { code, ...line } = await run("replays", { EVENTS: "150", DELIVERED: "60", SEED: "5" });
    const { missing, selected, replayed, kills, unwanted, repeated_unexplained: repeated, again } = line;
    const expected = { code: 0, missing: 90, selected: 90, replayed: 90, kills: 3, unwanted: 0, repeated: 0, delivered: 0 };
    assert.deepEqual({ code, missing, selected, replayed, kills, unwanted, repeated, delivered: again.delivered }, expected);
  });
});
