// Makes signed requests, changes most of them, and asks an SDK about each. Writes a JSON line for each request, which
// tests/sdk.rs compares with the gateway.
//
//   node main.mjs NAME COUNT SEED              an SDK in sdks.mjs, with new signatures
//   node main.mjs recorded:PRESET COUNT SEED   a module of proofs/, with the vectors that its package made or accepts
import { once } from "node:events";
import { mutated } from "./mutations.mjs";
import { seeded } from "./random.mjs";
import { NOW } from "./clock.mjs";
import { proofOf, vectorsOf } from "./recorded.mjs";
import { SDKS } from "./sdks.mjs";

const [name, count, seed] = process.argv.slice(2);
const sdk = name.startsWith("recorded:") ? await recorded(name.slice("recorded:".length)) : await SDKS[name]();
const random = seeded(Number(seed));
const QUERY = sdk.query ?? "a=1";

sdk.bodies ??= [
  '{"id":"evt_1","event_id":"evt_1","type":"order.paid","event":"order.paid","data":{"n":1.50,"name":"Zoë 👋"}}',
  '{"type":"ping","id":"evt_2","event_id":"evt_2","created":1768478400}',
  '{\n  "id": "evt_3",\n  "event_id": "evt_3",\n  "list": [1, 2, {"a": null}]\n}\n',
];
/** The vectors of a preset as the requests of an SDK. Only vectors with the first vector's settings are used. */
async function recorded(preset) {
  const { takes, looser, end } = await proofOf(preset);
  const all = vectorsOf(preset);
  const of = ({ secrets, url, now, account, tolerance_seconds }) => JSON.stringify([secrets, url, now, account, tolerance_seconds]);
  const alike = all.filter((vector) => of(vector) === of(all[0]));
  const [vector] = alike;
  const requests = new Map(alike.map(({ request }) => [request.body.toString("latin1"), request]));
  return {
    provider: preset,
    secret: vector.secrets[0],
    url: (vector.url ?? "").split("?")[0],
    query: vector.request.query,
    account: vector.account,
    tolerance: vector.tolerance_seconds,
    now: vector.now,
    looser: Object.entries(looser),
    bodies: [...requests.keys()],
    encoding: "latin1",
    sign: ({ body }) => requests.get(body),
    accepts: (request) => takes(vector, request),
    end,
  };
}

const { provider, secret, published, url = "", account = "", tolerance, now = NOW / 1000, looser = [] } = sdk;
// Most SDKs are asked by the module of their preset.
if (!sdk.accepts) {
  const { takes } = await proofOf(provider);
  sdk.accepts = (request) => takes({ secrets: [secret], url, account, tolerance_seconds: tolerance, now }, request);
}

/** A request with `body`, signed `shift` seconds from now: by the provider, or by a forger. */
sdk.signed = async (body, shift = 0, forged = false) => {
  const made = await sdk.sign({ body, at: NOW + shift * 1000, forged, query: sdk.url ? QUERY : "" });
  return { query: sdk.url ? QUERY : "", body: Buffer.from(body, sdk.encoding), ...made };
};

/** Whether the SDK accepts a request. An exception is a refusal. */
async function takes(request) {
  try {
    return Boolean(await sdk.accepts(request));
  } catch {
    return false;
  }
}

const lower = (request) => {
  if (sdk.fields) return sdk.rewritten(request, sdk.fields[0], (text) => text.toLowerCase());
  const headers = Object.entries(request.headers).map(([header, value]) => [header, value.replace(/[0-9A-Fa-f]{40,}/g, (hex) => hex.toLowerCase())]);
  return { ...request, headers: Object.fromEntries(headers) };
};

async function takesLower(request) {
  try {
    return await takes(lower(request));
  } catch {
    return false; // the request has nothing to write in lower case
  }
}

/** The request with other lists in its headers: one element alone, all but one element, or no empty elements. */
function readings(request) {
  const all = [];
  for (const [header, value] of Object.entries(request.headers)) {
    const elements = value.split(",").map((element) => element.trim()).filter(Boolean);
    const less = elements.map((_, at) => elements.toSpliced(at, 1).join(","));
    const half = elements.slice(0, elements.length / 2); // of a repeated list
    const written = [elements.join(","), half.join(","), ...elements, ...less].filter((reading) => reading !== value);
    for (const reading of written) all.push({ ...request, headers: { ...request.headers, [header]: reading } });
  }
  return all;
}

/** Whether the SDK accepts one element of a list (RFC 9110, section 5.3). Most SDKs read the whole list as one signature. */
async function takesElement(request) {
  for (const reading of readings(request)) if ((await takes(reading)) || (await takesLower(reading))) return true;
  return false;
}

async function write(what, request) {
  const { headers, query, body } = request;
  const accepts = await takes(request);
  const line = {
    what,
    accepts,
    // Capitals are the same hexadecimal digits. Many SDKs compare texts.
    but_for_capitals: accepts || (await takesLower(request)),
    but_for_lists: accepts || (await takesElement(request)),
    headers,
    query,
    body: body.toString("base64"),
  };
  if (!process.stdout.write(`${JSON.stringify(line)}\n`)) await once(process.stdout, "drain");
}

process.stdout.write(`${JSON.stringify({ provider, secret, published, url, query: QUERY, account, tolerance, now, looser })}\n`);
for (const body of sdk.bodies) await write("untouched", await sdk.signed(body));
// Changes that random choice would rarely make.
for (const [what, change] of Object.entries(sdk.rare ?? {})) await write(what, await change(await sdk.signed(sdk.bodies[0])));
for (let at = 0; at < Number(count); at += 1) {
  await write(...(await mutated(await sdk.signed(random.pick(sdk.bodies)), sdk, random)));
}
sdk.end?.();
process.exitCode = 0;
