// Every vector of crates/verify/tests/vectors against the built Worker, with the cryptography of the runtime.
import { generateKeyPairSync } from "node:crypto";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { Gateway } from "./gateway.mjs";
import { eventually } from "./http.mjs";

const DIRECTORY = new URL("../../crates/verify/tests/vectors/", import.meta.url);
const read = (file) => JSON.parse(readFileSync(new URL(file, DIRECTORY), "utf8"));
/** Whether a provider signs the URL next to the body. Then the configured URL contains the query. */
const pinsQuery = (provider) => /\{url\}\??\{(body|form)\}|\{body\}\{url\}/.test(readFileSync(new URL(`../../crates/verify/presets/${provider}.toml`, import.meta.url), "utf8"));
const sources = {};
const secrets = {};
const names = new Map();

/** The name of a source with the settings of the vector. Creates the source once. */
function sourceFor(provider, { secrets: texts, url, account, tolerance_seconds: tolerance }) {
  const configured = pinsQuery(provider) ? url : url?.split("?")[0];
  const setUp = JSON.stringify([provider, texts, configured, account, tolerance]);
  if (names.has(setUp)) return names.get(setUp);
  const name = `${provider}-${names.size}`;
  names.set(setUp, name);
  const labels = texts.map((text, at) => {
    const label = `S${names.size}_${at}`;
    secrets[label] = text;
    return label;
  });
  sources[name] = {
    provider,
    secrets: labels,
    deliver: "origin",
    dedup: "none",
    ...(configured && { url: configured }),
    ...(account && { account }),
    ...(tolerance !== undefined && { tolerance: `${tolerance}s` }),
  };
  return name;
}

/** An HTTP header cannot have line breaks, letters beyond ASCII, or blanks at its ends. */
const isSendable = ({ headers }) => Object.values(headers).flat().every((value) => /^(?! )[\t -~]*(?<! )$/.test(value));

/** A source takes no secret of less than 8 bytes. Some documented examples have shorter secrets. */
const isLongEnough = ({ secrets: texts }) => texts.every((text) => text.length >= 8);

const vectors = readdirSync(DIRECTORY).filter((file) => file.endsWith(".json")).flatMap((file) => {
  const provider = file.replace(".json", "");
  const whole = read(file).filter((vector) => !("mac" in vector.expected) && isSendable(vector) && isLongEnough(vector));
  return whole.map((vector) => ({ ...vector, provider, source: sourceFor(provider, vector) }));
});
const gateway = await Gateway.start({ sources, secrets });
after(() => gateway.close());
const setOfAnother = (...kind) => JSON.stringify({ keys: [generateKeyPairSync(...kind).publicKey.export({ format: "jwk" })] });
// The published keys: sets with another key, and the certificate that is also in the secret.
const bodies = vectors.filter(({ provider }) => provider.startsWith("aws_sns")).map(({ body }) => JSON.parse(body));
const subscribe = bodies.flatMap(({ SubscribeURL }) => SubscribeURL ?? []);
const certificate = vectors.find(({ provider }) => provider === "aws_sns").secrets[0];
await gateway.publish({
  "https://www.googleapis.com/oauth2/v3/certs": setOfAnother("rsa", { modulusLength: 2048 }),
  "https://rest.alpha.fal.ai/.well-known/jwks.json": setOfAnother("ed25519"),
  ...Object.fromEntries(bodies.map(({ SigningCertURL }) => [SigningCertURL, certificate])),
  ...Object.fromEntries(subscribe.map((url) => [url, "confirmed"])),
});

/** Sends a vector to the gateway. Returns the answer and the log record. */
async function sent({ source, method, url, headers, body, body_base64 }) {
  const query = url?.includes("?") ? url.slice(url.indexOf("?")) : "";
  const bytes = Buffer.from(body ?? body_base64, body === undefined ? "base64" : "utf8");
  const before = gateway.records(source).length;
  const told = { ...headers, "content-length": bytes.length }; // Node sets it only for POST
  const answer = await gateway.request(`/webhooks/${source}${query}`, { method, headers: told, body: bytes });
  const record = await eventually(`a record of ${source}`, () => gateway.records(source)[before]);
  return { answer, record };
}

function judge({ expected, method }, { answer, record }) {
  if (method && method !== "POST") assert.equal(answer.status, 405, "a webhook is a POST");
  else if (expected.error) assert.equal(record.reason, expected.error);
  else if (record.verdict === "handshake") assert.equal(answer.status < 300, true);
  else {
    // Some answers have no body. The id of an event without an identity comes from its acceptance.
    const known = record.id.startsWith("accept:") ? null : record.id;
    assert.deepEqual([answer.status, known, record.provenance], [200, expected.verified.id, expected.verified.provenance]);
  }
}

test("every vector has the same outcome as in the native build", async () => {
  assert.ok(vectors.length > 500, `${vectors.length}`);
  const failures = [];
  for (const now of new Set(vectors.map((vector) => vector.now))) {
    await gateway.ahead(now * 1000 - Date.now());
    for (const vector of vectors.filter((one) => one.now === now)) {
      try {
        judge(vector, await sent(vector));
      } catch (error) {
        failures.push(`${vector.provider}/${vector.id}: ${error.message}`);
      }
    }
  }
  assert.deepEqual(failures, []);
});
