// Runs a program without imports in WASM: `node tools/wasm.mjs PROGRAM.wasm`, as Cargo calls a target's runner.
// A panic is a trap there, and ends Node with an error.
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const status = instance.exports.main(0, 0);
console.log(`${process.argv[2]}: ended with ${status}`);
process.exitCode = status;
