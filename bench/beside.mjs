// Measures contenders under workloads side by side: all of them running, one measured at a time, in another order each
// round, so that what the machine does meanwhile meets all alike.
import { join } from "node:path";
import { CONTENDERS } from "./contenders.mjs";
import { calls, cpuSeconds, drive, start } from "./workerd.mjs";
import { SECRETS, SOURCES, WORKLOADS } from "./workloads.mjs";

const WARM_UP = 2000; // requests, or a round's if that is more, so that what is compiled late is compiled
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

/** How many claims an object makes and confirms in a second, and how long each takes. */
async function claim(server, count, lanes) {
  const began = performance.now();
  const took = [];
  while (took.length < count) {
    took.push(...(await drive(server, `/claim/${Math.min(CLAIMS_AT_ONCE, count - took.length)}?lanes=${lanes}`)));
  }
  const seconds = (performance.now() - began) / 1000;
  took.sort((a, b) => a - b);
  const quantile = (q) => took[Math.floor(q * took.length)];
  return { rps: count / seconds, p50_ms: quantile(0.5), p99_ms: quantile(0.99) };
}

/** One turn of one member: what `requests` cost. */
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
    return { ...report, cpu_us: ((cpuSeconds(server.pid) - before) * 1e6) / requests };
  } catch (error) {
    throw Object.assign(error, { message: `${contender}, ${workload}: ${error.message}\n${server.complaints()}` });
  }
}

/** One turn that counts, if it made the workload's storage calls. */
async function checkedTurn(member, send) {
  const { contender, workload, server } = member;
  const { requests, calls: expected } = WORKLOADS[workload];
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
function warmUp({ bytes, requests, unsigned }) {
  return Math.min(Math.max(WARM_UP, requests), unsigned ? Infinity : Math.floor(MOST_AT_ONCE / bytes));
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
    for (let round = 0; round < rounds; round += 1) {
      for (let n = 0; n < running.length; n += 1) {
        const member = running[(n + round) % running.length];
        member.measured.push(await checkedTurn(member, send));
      }
    }
  } finally {
    for (const { server } of running) await server.stop();
  }
  return running.map(({ contender, workload, measured }) => ({ contender, workload, measured }));
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

async function firstAnswer({ contender, workload }, send) {
  const { status } = WORKLOADS[workload];
  const server = await started({ contender, workload });
  try {
    const { p50_ms } = await send({ port: server.port, workload, status, requests: 1, connections: 1 });
    const wall = server.took_ms + p50_ms;
    return { cpu_us: cpuSeconds(server.pid) * 1e6, rps: 1000 / wall, p50_ms: wall, p99_ms: wall };
  } finally {
    await server.stop();
  }
}
