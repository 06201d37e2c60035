// Stands before the built Worker in the runtime: counts what the Worker does to its bindings, and makes that fail where
// a test asks for it. Requests and batches themselves pass through untouched.
import Worker from "./index.js";

const WATCHED = ["DEDUP", "EVENTS", "DEAD"];
// An isolate outlives its requests, so these are the whole run's.
const operations = [];
const faults = new Map();

function watched(name, binding) {
  const get = (target, method) => {
    if (typeof target[method] !== "function") return target[method];
    return async (...args) => {
      const operation = `${name}.${method}`;
      const fault = takeFault(operation);
      operations.push({ operation, args, failed: Boolean(fault) });
      if (fault === "before") throw new Error(`injected: ${operation}`);
      const result = await target[method](...args);
      if (fault === "after") throw new Error(`injected after the fact: ${operation}`);
      return result;
    };
  };
  return new Proxy(binding, { get });
}

function takeFault(operation) {
  const fault = faults.get(operation);
  if (!fault || fault.times === 0) return undefined;
  fault.times -= 1;
  return fault.when;
}

export default class extends Worker {
  #bindings;

  constructor(context, env) {
    const bindings = WATCHED.filter((name) => env[name]).map((name) => [name, watched(name, env[name])]);
    super(context, { ...env, ...Object.fromEntries(bindings) });
    this.#bindings = env;
  }

  async fetch(request) {
    if (new URL(request.url).pathname !== "/.control") return super.fetch(request);
    const order = await request.json();
    if (order.fault) faults.set(order.fault.operation, order.fault);
    if (order.enqueue) await this.#bindings.EVENTS.send(order.enqueue.body, { contentType: order.enqueue.contentType });
    return Response.json(operations.slice(order.from ?? 0));
  }
}
