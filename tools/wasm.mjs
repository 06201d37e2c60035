// Runs a WASM program that has no imports. Cargo calls it as the runner of the target: `node tools/wasm.mjs PROGRAM.wasm`.
// A panic is a trap, which ends Node with an error.
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const status = instance.exports.main(0, 0);
console.log(`${process.argv[2]}: exit status ${status}`);
process.exitCode = status;
