// Inside the runtime: bindings that fail, and a KV that is as late as the real one.

/** What only names or prepares something, at once: the thing that comes out of it does the work, and fails. */
const PREPARES = { CLAIMS: ["get", "getByName"], LOG: ["prepare", "bind", "withSession"] };
const HARMLESS = new Set(["constructor", "idFromName", "idFromString", "newUniqueId", "toString"]);
/** The binding's own objects behind ours: D1 takes its statements back, and wants its own. */
const originals = new WeakMap();
const original = (value) => (Array.isArray(value) ? value.map(original) : (originals.get(value) ?? value));

/** `target`, whose every call goes through `inject({ operation, about }, call)`. */
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

/** Enough of an argument to know which event it is about; an object's id has the name it was made of. */
function described(value) {
  if (typeof value === "string") return value.slice(0, 1000);
  if (originals.has(value)) return "prepared";
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  return value?.name ?? (JSON.stringify(value) ?? "").slice(0, 1000);
}

/** Workers KV keeps nothing for less, in seconds; `stale` is not longer. */
const SHORTEST_TTL = 60;

/**
 * `kv` as one of several places sees it, behind a cache that is late by up to `stale` milliseconds. `view` says how:
 * - `elsewhere`: a place sees its own writes at once, and those of others as late as can be;
 * - `everywhere`: where a place found nothing it believes so for `stale`, whatever it writes itself meanwhile.
 * Cloudflare documents the first as usual, and promises neither.
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
    // Who does not see that the key was deleted still sees its value.
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
