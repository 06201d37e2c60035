// A WASM instance. The glue of wasm-bindgen has variables for one instance only. So scripts/build makes one function from
// this module and its imports, and each call of that function has its own variables.
import * as glue from "hookgate";

/**
 * Instantiates `module`, and returns the functions that the Worker calls. If the instance fails, `broke(error)` is called
 * once. An instance fails by a panic, a trap, the end of its stack or memory, or a JavaScript error that Rust does not
 * catch.
 */
export default (module, broke) => {
  const { exports } = new WebAssembly.Instance(module, { "./hookgate_bg.js": glue });
  glue.__wbg_set_wasm(guarded(exports, broke));
  exports.__wbindgen_start();
  return glue;
};

/**
 * Guards every export: the Worker, promises and timers enter WASM by them. A failed instance may have a locked cell or a
 * half-written list. So nothing enters it again, and nothing reads its memory.
 */
function guarded(exports, broke) {
  let depth = 0;
  let cause;
  const guard = (call) => (...args) => {
    if (cause !== undefined) {
      if (depth === 0) return undefined; // a promise or a timer for which the failed instance waited
      throw cause; // the failed call is still on the stack: no code in between may catch the error and go on
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
