// A short run of `make faults`, and proof that it would notice: Workers that are wrong on purpose lose events in it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../proof/faults.mjs", import.meta.url));
// Its seed decides what fails, so that the loss of the wrong Workers is sure, too.
const SHORT = { EVENTS: "100", SEED: "5", RATE: "40", KILL: "1" };

function faults(more = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...SHORT, ...more };
    execFile(process.execPath, [PROGRAM], { env, timeout: 900_000 }, (error, output, complaints) => {
      if (!output) return reject(error ?? new Error(complaints));
      resolve({ ...JSON.parse(output), code: error?.code ?? 0 });
    });
  });
}

const linux = { concurrency: true, skip: process.platform === "linux" ? false : "/proc finds the runtime to kill" };
describe("with faults everywhere, and the runtime killed", linux, () => {
  for (const DEDUP of ["exact", "kv"]) {
    test(`the Worker loses nothing (${DEDUP}), and redrives what died`, async () => {
      const { code, accepted, dead, redriven, faults: struck, ...line } = await faults({ DEDUP });
      const { lost, pending } = line;
      assert.deepEqual({ code, accepted, lost, pending }, { code: 0, accepted: 100, lost: 0, pending: 0 });
      if (DEDUP === "exact") assert.equal(line.duplicated_unexplained, 0);
      assert.ok(struck.kill > 0 && dead > 0 && redriven > 0);
    });
  }

  const wrong = {
    ack_first: ["acks before it forwards", "lost"],
    answer_first: ["answers before it enqueues", "lost"],
    forget: ["confirms no claim", "duplicated_unexplained"],
  };
  for (const [SABOTAGE, [what, count]] of Object.entries(wrong)) {
    test(`a Worker that ${what} is found out`, async () => {
      const { code, ...line } = await faults({ SABOTAGE });
      assert.ok(line[count] > 0, count);
      assert.equal(code, 1);
    });
  }
});
