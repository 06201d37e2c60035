// Measures contenders under one workload, side by side. All contenders run, and one is measured at a time. A turn takes a
// fraction of a second, and the order changes each time. So a faster or slower moment of the machine affects all
// contenders.
import { CONTENDERS } from "./contenders.mjs";
import { calls, cpuSeconds, start } from "./workerd.mjs";
import { WORKLOADS } from "./workloads.mjs";

const TURNS = 10; // of each contender in a round
// The requests before the first measurement. V8 optimizes for a long time: it still did after 4,000 requests.
const WARM_UP = Number(process.env.WARM_UP || 12000);
const MOST_AT_ONCE = 128 * 1024 * 1024; // bytes of requests in memory: all requests of a turn are made before they are sent

/** The files of each contender. A contender is bundled once. */
const files = new Map();
function started(contender, workload) {
  if (!files.has(contender)) files.set(contender, CONTENDERS[contender].files());
  const { exact, log } = CONTENDERS[contender];
  return start(files.get(contender), { known: WORKLOADS[workload].known, exact, log });
}

/** The figures of a round, from its turns: the CPU for each request, the rate and the latencies. */
function round(turns) {
  const sum = (field) => turns.reduce((all, turn) => all + turn[field], 0);
  const latencies = turns.flatMap((turn) => turn.latencies).sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.floor(q * latencies.length)];
  const count = latencies.length;
  return { cpu_us: sum("cpu_us") / count, rps: count / sum("seconds"), p50_ms: quantile(0.5), p99_ms: quantile(0.99) };
}

/** Sends `requests` requests. Returns their CPU and latencies. */
async function turn({ contender, server }, workload, requests, send) {
  const { status } = WORKLOADS[workload];
  try {
    const before = cpuSeconds(server.pid);
    const expected = CONTENDERS[contender].checks ? status : 200;
    const report = await send({ port: server.port, workload, status: expected, requests });
    // Waits, because work after the last answer belongs to the last request.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { ...report, cpu_us: (cpuSeconds(server.pid) - before) * 1e6 };
  } catch (error) {
    throw Object.assign(error, { message: `${contender}, ${workload}: ${error.message}\n${server.complaints()}` });
  }
}

/** A turn that fails if the contender did not make exactly the storage calls of the workload. */
async function checkedTurn(member, workload, requests, send) {
  const { contender, server } = member;
  const { calls: expected } = WORKLOADS[workload];
  const before = await calls(server.stub);
  const report = await turn(member, workload, requests, send);
  const after = await calls(server.stub);
  const wrong = Object.keys(after).find((call) => after[call] - before[call] !== expected[call] * requests);
  if (CONTENDERS[contender].checks && wrong) {
    const made = after[wrong] - before[wrong];
    throw new Error(`${contender}, ${workload}: ${made} calls of ${wrong} for ${requests} requests`);
  }
  return report;
}

/** The number of requests for the warm-up. Memory does not limit unsigned requests, because all of them are one buffer. */
function warmUp({ bytes, unsigned }) {
  return Math.min(WARM_UP, unsigned ? Infinity : Math.floor(MOST_AT_ONCE / bytes));
}

/** Measures the contenders. Returns the figures of each round for each contender. */
export async function compare(workload, contenders, rounds, send) {
  const { requests } = WORKLOADS[workload];
  const running = [];
  try {
    for (const contender of contenders) {
      const member = { contender, server: await started(contender, workload), measured: [] };
      running.push(member);
      await turn(member, workload, warmUp(WORKLOADS[workload]), send);
    }
    for (let one = 0; one < rounds; one += 1) {
      const turns = running.map(() => []);
      for (let turn = 0; turn < TURNS; turn += 1) {
        for (let n = 0; n < running.length; n += 1) {
          const at = (n + turn + one) % running.length;
          turns[at].push(await checkedTurn(running[at], workload, requests / TURNS, send));
        }
      }
      running.forEach((member, n) => member.measured.push(round(turns[n])));
    }
  } finally {
    for (const { server } of running) await server.stop();
  }
  return running.map(({ contender, measured }) => ({ contender, workload, measured }));
}

/** Starts new processes of the contenders in turn. Measures the cost until a process listens, and until its first answer. */
export async function compareStarts(workload, contenders, starts, send) {
  const all = contenders.map((contender) => ({ contender, workload, measured: [] }));
  for (let round = 0; round < starts; round += 1) {
    for (let n = 0; n < all.length; n += 1) {
      const member = all[(n + round) % all.length];
      member.measured.push(await firstAnswer(member.contender, workload, send));
    }
  }
  return all;
}

/** Measures one start. When the process listens, the module of the Worker has been evaluated. */
async function firstAnswer(contender, workload, send) {
  const server = await started(contender, workload);
  try {
    const module_us = cpuSeconds(server.pid) * 1e6;
    const { latencies } = await send({ port: server.port, workload, status: 200, requests: 1, connections: 1 });
    const wall = server.took_ms + latencies[0];
    return { cpu_us: cpuSeconds(server.pid) * 1e6, module_us, rps: 1000 / wall, p50_ms: wall, p99_ms: wall };
  } finally {
    await server.stop();
  }
}
