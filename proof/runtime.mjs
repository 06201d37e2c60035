// The real runtime with the built Worker, to be killed and started again over the same state.
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { QUIET, runtimePid, workerBehind } from "../tests/runtime/gateway.mjs";
import { SECRETS, source } from "../tests/runtime/providers.mjs";
import { SYSTEMS } from "./provider.mjs";

const here = (file) => new URL(file, import.meta.url);
const MODULES = workerBehind(here("wrapper.js"), ["bindings.mjs", "clock.mjs", "dice.mjs"].map(here));
/** Every place has the same stores; the objects live at the first. */
const stores = (place) => ({
  kvNamespaces: ["DEDUP"],
  durableObjects: { CLAIMS: { className: "Claims", useSQLite: true, ...(place > 0 && { scriptName: "place-0" }) } },
  d1Databases: ["LOG"],
  r2Buckets: ["PAYLOADS"],
});
/** Opens the operator's API. */
export const ADMIN_TOKEN = "canary-admin-token-proof";

export class Runtime {
  /** Settled while the runtime is there; its `urls` change with each start. */
  up;
  isUp = false;
  #miniflare;
  #settings;

  /** `isolates` Workers of the same script side by side; `plan()` is what their wrapper is told. */
  static async start({ isolates = 1, dedup, origin, state, plan }) {
    const runtime = new Runtime();
    runtime.#settings = { isolates, dedup, origin, state, plan };
    await (runtime.up = runtime.#start(1));
    return runtime;
  }

  async #start(incarnation) {
    const { isolates, state } = this.#settings;
    this.incarnation = incarnation;
    const workers = Array.from({ length: isolates }, (_, place) => this.#worker(place));
    const handleStructuredLogs = ({ message }) => process.env.VERBOSE && console.error(message);
    const options = { ...QUIET, handleStructuredLogs, resourcePersistencePath: state, workers };
    this.#miniflare = new Miniflare(convertV4MiniflareOptions(options));
    await this.#miniflare.ready;
    this.urls = await Promise.all(workers.map(({ name }) => this.#miniflare.unsafeGetDirectURL(name)));
    this.isUp = true;
  }

  #worker(place) {
    const { dedup, origin, plan } = this.#settings;
    const told = plan();
    const own = { ...told, seed: `${told.seed}/${place}/${this.incarnation}` };
    return {
      ...MODULES,
      ...stores(place),
      name: `place-${place}`,
      bindings: {
        ...SECRETS,
        ADMIN_TOKEN,
        ORIGIN: `${origin}/{source}`,
        SOURCES: Object.fromEntries(SYSTEMS.map((system) => [system, source(system, { dedup })])),
        PROOF: own,
      },
    };
  }

  /** As a machine that loses its power: nothing is finished, nothing is told. Then, after `meanwhile`, it is there again. */
  async kill(meanwhile = () => {}) {
    process.kill(runtimePid(), "SIGKILL");
    this.isUp = false;
    // Miniflare would start it again by itself, with its state of before.
    const again = () => (meanwhile(), this.#start(this.incarnation + 1));
    await (this.up = this.#miniflare.dispose().then(again));
  }

  /** The dead letters that are kept, but for those that were redriven: `{ message, payload }`. */
  async letters() {
    const database = await this.#miniflare.getD1Database("LOG", "place-0");
    const { results: tables } = await database.prepare("SELECT name FROM sqlite_master WHERE name = 'dead_letters'").all();
    if (tables.length === 0) return []; // it is made when the first one comes
    return (await database.prepare("SELECT message, payload FROM dead_letters WHERE redriven IS NULL").all()).results;
  }

  /** The names of the bodies that are stored. */
  async payloads() {
    const bucket = await this.#miniflare.getR2Bucket("PAYLOADS", "place-0");
    const names = [];
    for (let page = { truncated: true }; page.truncated; ) {
      page = await bucket.list({ cursor: page.cursor });
      // What has no bytes is the mark of a delivery.
      names.push(...page.objects.filter(({ size }) => size > 0).map(({ key }) => key));
    }
    return names;
  }

  close() {
    return this.#miniflare.dispose();
  }
}
