// Asks each package about the vectors that it made or takes, and about the same with one bit changed.
//
//   node prove.mjs [PRESET…]      SHOW=1 shows what a package throws
import { NAMES, proofOf, vectorsOf } from "./recorded.mjs";

const chosen = process.argv.slice(2);
let asked = 0;
const faults = [];
for (const name of chosen.length > 0 ? chosen : NAMES) {
  const { takes, end } = await proofOf(name);
  const vectors = vectorsOf(name);
  if (vectors.length === 0) faults.push(`${name}: no vector says that a package makes or takes it`);
  for (const vector of vectors) {
    asked += 1;
    if (!(await takes(vector, vector.request))) faults.push(`${name}/${vector.id}: the package refuses it`);
    // A proof that takes everything proves nothing: one changed character anywhere has to be refused.
    const refused = await Promise.all(changes(vector.request).map(async (request) => !(await takes(vector, request))));
    if (!refused.includes(true)) faults.push(`${name}/${vector.id}: the package takes whatever is changed`);
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
