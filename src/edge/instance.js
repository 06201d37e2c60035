// An instance of the WASM. The build makes a function of this module and of all that it imports, since each instance needs
// variables of its own: wasm-bindgen's glue has them for one.
import * as glue from "hookgate";

/**
 * Instantiates `module`, and returns what the Worker calls of it. `broke(error)` is told once where something breaks off
 * inside: a panic, a trap, a stack or a memory that ran out, or an error of the runtime's that nothing in Rust catches.
 */
export default (module, broke) => {
  const { exports } = new WebAssembly.Instance(module, { "./hookgate_bg.js": glue });
  glue.__wbg_set_wasm(guarded(exports, broke));
  exports.__wbindgen_start();
  return glue;
};

/**
 * Every way into the WASM: calls, and what promises and timers call later. What broke off in the middle may have left
 * anything half done, a lock held or a list half written. So the instance is not entered again, and nothing reads its
 * memory: whatever it left behind there has no effect.
 */
function guarded(exports, broke) {
  let depth = 0;
  let cause;
  const guard = (call) => (...args) => {
    if (cause !== undefined) {
      if (depth === 0) return undefined; // something that the broken instance waited for
      throw cause; // on the way out of what broke off: nobody catches it half way
    }
    depth += 1;
    try {
      return call(...args);
    } catch (error) {
      cause ??= error ?? new Error("nothing");
      if (depth > 1) throw cause;
      return undefined;
    } finally {
      depth -= 1;
      if (depth === 0 && cause !== undefined) broke(cause);
    }
  };
  const entries = Object.entries(exports);
  return Object.fromEntries(entries.map(([name, one]) => [name, typeof one === "function" ? guard(one) : one]));
}
