// Measures contenders under workloads side by side: all of them running, one measured at a time, in turns of a fraction of
// a second and in another order each time, so that what the machine does meanwhile meets all alike.
import { join } from "node:path";
import { CONTENDERS } from "./contenders.mjs";
import { calls, cpuSeconds, drive, start } from "./workerd.mjs";
import { SECRETS, SOURCES, WORKLOADS } from "./workloads.mjs";

const TURNS = 10; // in a round, for each
// Requests before what counts. V8 optimizes what has run for long: after 4,000 requests it was still at it, here and there.
const WARM_UP = 12000;
const MOST_AT_ONCE = 128 * 1024 * 1024; // bytes of requests, made before they are sent
const CLAIMS_AT_ONCE = 500; // by one request to the driver
const fillable = join(import.meta.dirname, "claims.js");

/** A workerd for `contender` as `workload` has it configured. */
function started({ contender, workload }) {
  const { known, sources = SOURCES, texts, held } = WORKLOADS[workload];
  const { files, exact } = CONTENDERS[contender];
  const dedup = (source) => (exact ? { ...source, dedup: "exact" } : source);
  const configured = Object.fromEntries(Object.entries(sources).map(([one, source]) => [one, dedup(source)]));
  const setUp = { known, sources: configured, texts: { ...SECRETS, ...texts }, exact, driver: held !== undefined };
  return start(held === undefined ? files : [fillable, ...files], setUp);
}

/** Lets the object make and confirm so many claims: what the load reports of requests. */
async function claim(server, count, lanes) {
  const began = performance.now();
  const latencies = [];
  while (latencies.length < count) {
    const batch = Math.min(CLAIMS_AT_ONCE, count - latencies.length);
    latencies.push(...(await drive(server, `/claim/${batch}?lanes=${lanes}`)));
  }
  return { seconds: (performance.now() - began) / 1000, latencies };
}

/** What its turns come to. */
function round(turns) {
  const sum = (field) => turns.reduce((all, turn) => all + turn[field], 0);
  const latencies = turns.flatMap((turn) => turn.latencies).sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.floor(q * latencies.length)];
  const count = latencies.length;
  return { cpu_us: sum("cpu_us") / count, rps: count / sum("seconds"), p50_ms: quantile(0.5), p99_ms: quantile(0.99) };
}

/** One turn of one member: what `requests` cost together. */
async function turn(member, requests, send) {
  const { contender, workload, server } = member;
  const { held, status } = WORKLOADS[workload];
  const { checks, object } = CONTENDERS[contender];
  try {
    // What was claimed in the last turn is not to be there in this one.
    if (held !== undefined) await drive(server, `/fill/${held}`);
    const before = cpuSeconds(server.pid);
    const order = { port: server.port, workload, status: checks ? status : 200, requests };
    const report = object ? await claim(server, requests, send.connections) : await send(order);
    // What runs after the last answer belongs to its request.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { ...report, cpu_us: (cpuSeconds(server.pid) - before) * 1e6 };
  } catch (error) {
    throw Object.assign(error, { message: `${contender}, ${workload}: ${error.message}\n${server.complaints()}` });
  }
}

/** One turn that counts, if it made the workload's storage calls. */
async function checkedTurn(member, requests, send) {
  const { contender, workload, server } = member;
  const { calls: expected } = WORKLOADS[workload];
  const before = await calls(server.stub);
  const report = await turn(member, requests, send);
  const after = await calls(server.stub);
  const wrong = Object.keys(after).find((call) => after[call] - before[call] !== expected[call] * requests);
  if (CONTENDERS[contender].checks && wrong) {
    const made = after[wrong] - before[wrong];
    throw new Error(`${contender}, ${workload}: ${made} calls of ${wrong} for ${requests} requests`);
  }
  return report;
}

/** What is unsigned is one request, sent again and again. */
function warmUp({ bytes, unsigned }) {
  return Math.min(WARM_UP, unsigned ? Infinity : Math.floor(MOST_AT_ONCE / bytes));
}

/** The members, each a contender under a workload, with what each round of them took. */
export async function compare(members, rounds, send) {
  const running = [];
  try {
    for (const named of members) {
      const member = { ...named, server: await started(named), measured: [] };
      running.push(member);
      await turn(member, warmUp(WORKLOADS[member.workload]), send);
    }
    for (let one = 0; one < rounds; one += 1) {
      const turns = await turnsOf(running, one, send);
      running.forEach((member, n) => member.measured.push(round(turns[n])));
    }
  } finally {
    for (const { server } of running) await server.stop();
  }
  return running.map(({ contender, workload, measured }) => ({ contender, workload, measured }));
}

/** One round: each member's turns. What has to be filled before each turn has one. */
async function turnsOf(running, round, send) {
  const turns = running.map(() => []);
  const count = Math.min(...running.map(({ workload }) => (WORKLOADS[workload].held === undefined ? TURNS : 1)));
  for (let turn = 0; turn < count; turn += 1) {
    for (let n = 0; n < running.length; n += 1) {
      const who = (n + turn + round) % running.length;
      const { requests } = WORKLOADS[running[who].workload];
      turns[who].push(await checkedTurn(running[who], requests / count, send));
    }
  }
  return turns;
}

/** The same for new processes: what each takes until it has answered its first request. */
export async function compareStarts(members, starts, send) {
  const all = members.map((named) => ({ ...named, measured: [] }));
  for (let round = 0; round < starts; round += 1) {
    for (let n = 0; n < all.length; n += 1) {
      const member = all[(n + round) % all.length];
      member.measured.push(await firstAnswer(member, send));
    }
  }
  return all;
}

/** Of a new process: what it takes until it listens, its module evaluated, and until it has answered. */
async function firstAnswer({ contender, workload }, send) {
  const { status } = WORKLOADS[workload];
  const server = await started({ contender, workload });
  try {
    const module = { cpu_us: cpuSeconds(server.pid) * 1e6, ms: server.took_ms };
    const { latencies } = await send({ port: server.port, workload, status, requests: 1, connections: 1 });
    const wall = server.took_ms + latencies[0];
    return { cpu_us: cpuSeconds(server.pid) * 1e6, rps: 1000 / wall, p50_ms: wall, p99_ms: wall, module };
  } finally {
    await server.stop();
  }
}
