// Inside the runtime: bindings with faults, and a KV that is as late as the real KV.

/** Methods that only prepare an object. The methods of that object do the work and may fail. */
const PREPARES = { CLAIMS: ["get", "getByName"], LOG: ["prepare", "bind", "withSession"] };
const HARMLESS = new Set(["constructor", "idFromName", "idFromString", "newUniqueId", "toString"]);
/** The original object of each proxy. A method of D1 gets statements as arguments, and needs the originals. */
const originals = new WeakMap();
const original = (value) => (Array.isArray(value) ? value.map(original) : (originals.get(value) ?? value));

/** `target`, with every call passed through `inject({ operation, about }, call)`. */
export function faulty(name, target, inject, about = []) {
  const get = (_, method) => {
    const member = target[method];
    if (typeof member !== "function" || method === "constructor") return member;
    return (...args) => {
      const call = () => target[method](...args.map(original));
      if (HARMLESS.has(method)) return call();
      const said = [...about, ...args.map(described)];
      if (PREPARES[name]?.includes(method)) return faulty(name, call(), inject, said);
      return inject({ operation: `${name}.${method}`, about: said }, call);
    };
  };
  const proxy = new Proxy(target, { get });
  originals.set(proxy, target);
  return proxy;
}

/** A text for an argument. The text identifies the event. The id of a Durable Object has the object's name. */
function described(value) {
  if (typeof value === "string") return value.slice(0, 1000);
  if (originals.has(value)) return "prepared";
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  return value?.name ?? (JSON.stringify(value) ?? "").slice(0, 1000);
}

/** The shortest TTL of Workers KV, in seconds. `stale` must not be longer. */
const SHORTEST_TTL = 60;

/**
 * The view of `kv` from one of several locations, through a cache that is up to `stale` milliseconds late. There are two
 * views: - `elsewhere`: a location sees its own writes at once, and the writes of other locations as late as possible; -
 * `everywhere`: a location caches the answer "no such key" for `stale`, even if it writes the key in the meantime.
 * Cloudflare documents the first view as usual, and promises neither view.
 */
export function seenFrom(kv, { stale, view }) {
  const own = new Set();
  const misses = new Map();
  return {
    async get(key) {
      if (misses.get(key) > Date.now()) return null;
      const { value: stored, metadata } = await kv.getWithMetadata(key);
      const gone = metadata?.gone !== undefined && (own.has(key) || Date.now() >= metadata.gone + stale);
      const value = gone ? null : stored;
      if (value === null && view === "everywhere") misses.set(key, Date.now() + stale);
      const unseen = view === "elsewhere" && !own.has(key) && Date.now() < metadata?.at + stale;
      return unseen ? null : value;
    },
    // A location that does not see the deletion yet still sees the value.
    async delete(key) {
      own.add(key);
      const { value } = await kv.getWithMetadata(key);
      if (value === null) return;
      await kv.put(key, value, { expirationTtl: SHORTEST_TTL, metadata: { at: 0, gone: Date.now() } });
    },
    put(key, value, options) {
      own.add(key);
      return kv.put(key, value, { ...options, metadata: { at: Date.now() } });
    },
  };
}
