// Makes requests that an SDK's provider could have signed, changes most of them, and says what the SDK makes of each:
// a JSON line per request, for tests/sdk.rs to compare with what hookgate makes of it.
//
//   node main.mjs NAME COUNT SEED              NAME of sdks.mjs, whose provider signs anew
//   node main.mjs recorded:PRESET COUNT SEED   a module of proofs/, with the vectors that it vouches for
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
/** The vectors of a preset as an SDK's requests: those that share the first one's secret, URL and time. */
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

/** A request with `body` as the provider signs it, `shift` seconds from now; or as somebody else does. */
sdk.signed = async (body, shift = 0, forged = false) => {
  const made = await sdk.sign({ body, at: NOW + shift * 1000, forged, query: sdk.url ? QUERY : "" });
  return { query: sdk.url ? QUERY : "", body: Buffer.from(body, sdk.encoding), ...made };
};

/** Whether the SDK takes a request; what it throws is a refusal. */
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
    return false; // there is nothing to write in lower case
  }
}

/** The request as it reads with one element of a header's list alone, without one, or without what means nothing in a list. */
function readings(request) {
  const all = [];
  for (const [header, value] of Object.entries(request.headers)) {
    const elements = value.split(",").map((element) => element.trim()).filter(Boolean);
    const less = elements.map((_, at) => elements.toSpliced(at, 1).join(","));
    const half = elements.slice(0, elements.length / 2); // of a list that came twice
    const written = [elements.join(","), half.join(","), ...elements, ...less].filter((reading) => reading !== value);
    for (const reading of written) all.push({ ...request, headers: { ...request.headers, [header]: reading } });
  }
  return all;
}

/** Whether the SDK takes one of the signatures that stand in a list (RFC 9110, section 5.3): most SDKs read the whole as one. */
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
    // Hexadecimal digits are the same in capitals, but many SDKs compare texts.
    but_for_capitals: accepts || (await takesLower(request)),
    but_for_lists: accepts || (await takesElement(request)),
    headers,
    query,
    body: body.toString("base64"),
  };
  if (!process.stdout.write(`${JSON.stringify(line)}\n`)) await once(process.stdout, "drain");
}

const { provider, secret, published, url = "", account = "", tolerance, now = NOW / 1000, looser = [] } = sdk;
process.stdout.write(`${JSON.stringify({ provider, secret, published, url, query: QUERY, account, tolerance, now, looser })}\n`);
for (const body of sdk.bodies) await write("untouched", await sdk.signed(body));
// What chance alone would rarely try.
for (const [what, change] of Object.entries(sdk.rare ?? {})) await write(what, await change(await sdk.signed(sdk.bodies[0])));
for (let at = 0; at < Number(count); at += 1) {
  await write(...(await mutated(await sdk.signed(random.pick(sdk.bodies)), sdk, random)));
}
sdk.end?.();
process.exitCode = 0;
