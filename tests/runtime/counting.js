// Counts the bytes that the Worker holds: the memories of its WASM, and the buffers that it hands to the runtime. Imported
// before the Worker, whose memories it sees then.
const memories = [];
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...all) {
    super(...all);
    memories.push(this.exports.memory);
  }
};

let handed = 0;
let most = 0;

const wasm = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

/** What is held now, and the most that ever was since it was asked for last. */
export function held() {
  const found = { wasm: wasm(), most: Math.max(most, wasm() + handed) };
  most = 0;
  return found;
}

/** Counts a buffer of so many bytes for as long as `promise` is not settled. */
export function handing(bytes, promise) {
  handed += bytes;
  most = Math.max(most, wasm() + handed);
  const done = () => (handed -= bytes);
  promise.then(done, done);
  return promise;
}
