// Counts the bytes that the Worker holds: the memories of its WASM, and the buffers that it hands to the runtime. It is
// imported before the Worker, so it sees every memory.
const memories = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...all) {
    super(...all);
    memories.push(this.exports.memory);
  }
};

/** Fills the memory of the current instance to WebAssembly's limit, so that its next allocation of new pages fails. */
export function exhaust() {
  const memory = memories.pop(); // the instance fails soon, so its memory does not count any more
  const PAGE = 65536;
  for (let pages = PAGE; pages >= 1; pages /= 2) {
    try {
      for (;;) memory.grow(pages);
    } catch {
      // Fewer pages may still fit.
    }
  }
}

let handed = 0;
let most = 0;

const wasm = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

/** The bytes now, and the most bytes since the last call. */
export function held() {
  const found = { wasm: wasm(), most: Math.max(most, wasm() + handed) };
  most = 0;
  return found;
}

/** Counts a buffer of so many bytes until `promise` is settled. */
export function handing(bytes, promise) {
  handed += bytes;
  most = Math.max(most, wasm() + handed);
  const done = () => (handed -= bytes);
  promise.then(done, done);
  return promise;
}
