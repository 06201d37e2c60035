// Asks each package about its vectors, and about each vector with one bit changed.
//
//   node prove.mjs [PRESET…]      SHOW=1 shows the exceptions of a package
import { NAMES, proofOf, vectorsOf } from "./recorded.mjs";

const chosen = process.argv.slice(2);
let asked = 0;
const faults = [];
for (const name of chosen.length > 0 ? chosen : NAMES) {
  const { takes, end } = await proofOf(name);
  const vectors = vectorsOf(name);
  if (vectors.length === 0) faults.push(`${name}: no vector names a package`);
  for (const vector of vectors) {
    asked += 1;
    if (!(await takes(vector, vector.request))) faults.push(`${name}/${vector.id}: the package refuses it`);
    // A package that accepts everything proves nothing, so it must refuse at least one of the changes.
    const refused = await Promise.all(changes(vector.request).map(async (request) => !(await takes(vector, request))));
    if (!refused.includes(true)) faults.push(`${name}/${vector.id}: the package accepts every change`);
  }
  end();
}
for (const fault of faults) console.log(fault);
console.log(`${asked} vectors of ${chosen.length || NAMES.length} presets asked about, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);

function changes(request) {
  const body = Buffer.from(request.body);
  if (body.length > 0) body[body.length >> 1] ^= 1;
  const headers = Object.entries(request.headers).map(([name, value]) => {
    const at = value.length - 3;
    const other = value.slice(0, at) + (value[at] === "0" ? "1" : "0") + value.slice(at + 1);
    return { ...request, headers: { ...request.headers, [name]: other } };
  });
  return [{ ...request, body }, { ...request, query: `${request.query}x` }, ...headers];
}
