// The real runtime with the built Worker. It can be killed and started again with the same state.
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { QUIET, lettersIn, runtimePid, workerBehind } from "../tests/runtime/gateway.mjs";
import { ADMIN_TOKEN, SECRETS, source } from "../tests/runtime/providers.mjs";
import { SYSTEMS } from "./provider.mjs";

const here = (file) => new URL(file, import.meta.url);
const MODULES = workerBehind(...["wrapper.js", "bindings.mjs", "clock.mjs", "dice.mjs"].map(here));
/** The prefix of the names of marks of deliveries: src/payload.rs. */
const MARKS = "delivered/";
/** The prefix of the names of letters in the bucket: src/letter.rs. */
const PARKED = "letters/";
/** The name of a row of the log begins with so many digits of the event's key: src/log/entry.rs. */
const KEY_DIGITS = 24;
/** Every location has the same stores. The Durable Objects run at the first location. */
const stores = (place) => ({
  kvNamespaces: ["DEDUP"],
  durableObjects: { CLAIMS: { className: "Claims", useSQLite: true, ...(place > 0 && { scriptName: "place-0" }) } },
  d1Databases: ["LOG"],
  r2Buckets: ["PAYLOADS"],
});

export class Runtime {
  /** A promise that is resolved while the runtime is up. `urls` change with each start. */
  up;
  isUp = false;
  #miniflare;
  #settings;

  /** Starts `isolates` Workers of the same script. `plan()` makes their settings. `wrote(line)` gets the log. */
  static async start({ isolates = 1, dedup, origin, state, plan, wrote }) {
    const runtime = new Runtime();
    runtime.#settings = { isolates, dedup, origin, state, plan, wrote };
    await (runtime.up = runtime.#start(1));
    return runtime;
  }

  async #start(incarnation) {
    const { isolates, state, wrote } = this.#settings;
    this.incarnation = incarnation;
    const workers = Array.from({ length: isolates }, (_, place) => this.#worker(place));
    const handleStructuredLogs = ({ message }) => {
      wrote(message);
      if (process.env.VERBOSE) console.error(message);
    };
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

  /** Kills the runtime like a power failure, calls `meanwhile`, and starts the runtime again. */
  async kill(meanwhile = () => {}) {
    process.kill(runtimePid(), "SIGKILL");
    this.isUp = false;
    // Without `dispose`, Miniflare would restart the runtime itself, with its old settings.
    const again = () => (meanwhile(), this.#start(this.incarnation + 1));
    await (this.up = this.#miniflare.dispose().then(again));
  }

  /** The rows of the dead letters that are not redriven. */
  async letters() {
    return (await lettersIn(await this.#database())).filter(({ redriven }) => redriven === null);
  }

  /** The rows of an event in the log, which the Worker makes at its first write. */
  async logged(key) {
    const all = "SELECT * FROM events WHERE substr(name, 1, length(?1)) = ?1";
    const statement = (await this.#database()).prepare(all).bind(key.slice(0, KEY_DIGITS));
    const { results } = await statement.all().catch(({ message }) => ({ results: [{ message }] }));
    return results.map(({ head, body, ...row }) => row);
  }

  #database() {
    return this.#miniflare.getD1Database("LOG", "place-0");
  }

  /** The names of the stored bodies that were not delivered. The log keeps a delivered one, with its mark. */
  async payloads() {
    const objects = await this.#objects();
    const names = new Set(objects.map(({ key }) => key));
    const bodies = objects.filter(({ key, size }) => size > 0 && !key.startsWith(PARKED) && !key.startsWith(MARKS));
    return bodies.map(({ key }) => key).filter((name) => !names.has(`${MARKS}${name}`));
  }

  /** The messages of the dead letters that wait in the bucket until the database works. */
  async parked() {
    const bucket = await this.#bucket();
    const names = (await this.#objects()).map(({ key }) => key).filter((name) => name.startsWith(PARKED));
    return Promise.all(names.map(async (name) => (await (await bucket.get(name)).json()).message));
  }

  async #objects() {
    const bucket = await this.#bucket();
    const objects = [];
    for (let page = { truncated: true }; page.truncated; ) {
      page = await bucket.list({ cursor: page.cursor });
      objects.push(...page.objects);
    }
    return objects;
  }

  #bucket() {
    return this.#miniflare.getR2Bucket("PAYLOADS", "place-0");
  }

  close() {
    return this.#miniflare.dispose();
  }
}
