// Wraps the built Worker in the runtime. The queues are in the stand-in outside, which survives the runtime. The dice
// choose the faults of the other bindings. The wrapper reports each fault to the stand-in before the fault happens.
import Worker from "./index.js";
import { faulty, seenFrom } from "./bindings.mjs";
import { Clock } from "./clock.mjs";
import { Dice } from "./dice.mjs";
import { env, waitUntil } from "cloudflare:workers";

export * from "./index.js";

// An isolate outlives its requests, so these values live as long as the runtime. The Worker and its objects share the
// isolate.
const plan = { ...env.PROOF };
const dice = new Dice(plan.seed);
dice.calm = plan.calm;
new Clock(plan.clock).rule();
let bindings;

async function post(url, body) {
  const answer = await fetch(url, { method: "POST", body });
  if (!answer.ok) throw new Error(`the stand-in answered ${answer.status}`);
  return answer.text();
}

// The `worker` crate asks a binding for the name of its class.
class WorkerQueue {
  constructor(send) {
    this.send = send;
  }
}

function producer(queue) {
  const send = (body, options) => {
    const url = `${plan.standin}/queue/${queue}/${options?.delaySeconds ?? 0}`;
    return post(url, typeof body === "string" ? body : JSON.stringify(body));
  };
  // This Worker does not wait until the event is durable.
  const hasty = async (body) => waitUntil(send(body).catch(() => undefined));
  return new WorkerQueue(plan.sabotage === "answer_first" && queue === "EVENTS" ? hasty : send);
}

async function inject({ operation, about }, call) {
  const { rates, sabotage, away } = plan;
  if (away && operation.startsWith(`${away}.`)) throw new Error(`${away} is away`);
  if (sabotage === "forget" && operation === "CLAIMS.confirm") return true; // this Worker confirms no claim
  const kind = dice.decide(`${operation} ${about[0]}`, rates[operation] ?? rates[operation.split(".")[0]] ?? {});
  const report = () => post(`${plan.standin}/fault`, JSON.stringify({ operation, kind, about: about.join(" ") }));
  if (kind === "stale") {
    if ((await call()) !== null) await report();
    return null;
  }
  if (kind) await report(); // for `hang`, the stand-in answers late
  if (kind === "before") throw new Error(`injected before ${operation}`);
  const result = await call();
  if (kind === "after") throw new Error(`injected after ${operation}`);
  return result;
}

function replaced(env) {
  const kv = plan.stale === undefined ? env.DEDUP : seenFrom(env.DEDUP, plan);
  const stores = { DEDUP: kv, CLAIMS: env.CLAIMS, LOG: env.LOG, PAYLOADS: env.PAYLOADS };
  const there = Object.entries(stores).filter(([, binding]) => binding);
  const failing = there.map(([name, binding]) => [name, faulty(name, binding, inject)]);
  return { ...Object.fromEntries(failing), EVENTS: producer("EVENTS"), DEAD: producer("DEAD") };
}

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    bindings ??= replaced(env);
    const changed = { ...env, ...bindings };
    if (!pathname.startsWith("/.control/")) return Worker.fetch(request, changed, context);
    if (pathname === "/.control/batch") return handled(await request.json(), changed, context);
    if (pathname === "/.control/sweep") await swept(changed, context);
    else dice.calm = Object.assign(plan, await request.json()).calm;
    return new Response();
  },
};

/** Runs the hourly sweep of the Worker. */
async function swept(env, context) {
  if (plan.sabotage === "no_sweep") return; // this Worker never moves a dead letter out of the bucket
  await Worker.scheduled({ cron: "0 * * * *", scheduledTime: Date.now(), type: "scheduled" }, env, context);
}

/** Gives a batch to the Worker as the runtime does. Returns the outcome of each message, in the order of the batch. */
async function handled({ queue, messages }, env, context) {
  const settled = messages.map(() => undefined);
  const settle = (at, as) => (settled[at] ??= as); // only the first call counts
  const batch = {
    queue,
    messages: messages.map(({ timestamp, ...message }, at) => ({
      ...message,
      timestamp: new Date(timestamp),
      ack: () => settle(at, { acked: true }),
      retry: (options) => settle(at, { delaySeconds: options?.delaySeconds ?? 0 }),
    })),
    ackAll: () => batch.messages.forEach((message) => message.ack()),
    retryAll: (options) => batch.messages.forEach((message) => message.retry(options)),
  };
  if (plan.sabotage === "ack_first") {
    batch.ackAll();
    context.waitUntil(Worker.queue(batch, env));
    return Response.json(settled);
  }
  const all = await Worker.queue(batch, env).then(
    () => ({ acked: true }),
    () => ({ delaySeconds: 0 }),
  );
  return Response.json(settled.map((what) => what ?? all));
}
