// Changes of a signed request: in the body, in a header or signed field, or in the signer, the time and the query.

const insert = (text, at, piece) => text.slice(0, at) + piece + text.slice(at);
const bytes = (request, change) => ({ ...request, body: change(Buffer.from(request.body)) });
const spliced = (body, at, removed, ...added) =>
  Buffer.concat([body.subarray(0, at), ...added.map((piece) => Buffer.from(piece)), body.subarray(at + removed)]);

const BODY = {
  "a bit flipped": (body, { below }) => {
    if (body.length > 0) body[below(body.length)] ^= 1 << below(8);
    return body;
  },
  "a byte taken out": (body, { below }) => spliced(body, below(body.length + 1), 1),
  "cut off": (body, { below }) => body.subarray(0, below(body.length + 1)),
  "something put in": (body, { below, pick }) =>
    spliced(body, below(body.length + 1), 0, pick([" ", "\n", "\t", "\0", "x", "&a=b", "=", "\u{feff}", '"', "}", "{}", "é"])),
  "something before": (body, { pick }) => spliced(body, 0, 0, pick(["\u{feff}", " ", "\n", "x", "0"])),
  "something after": (body, { pick }) => spliced(body, body.length, 0, pick([" ", "\n", "\r\n", "\0", "x", "&a=1"])),
  "a byte that is not UTF-8": (body, { below, pick }) =>
    spliced(body, below(body.length + 1), 0, Buffer.from([pick([0x80, 0xc0, 0xff, 0xed])])),
  "printed again": (body) => {
    try {
      return Buffer.from(JSON.stringify(JSON.parse(body), null, 2));
    } catch {
      return body;
    }
  },
  "a key twice": (body) => Buffer.from(body.toString("latin1").replace(/^\{(".*?":[^,{}[\]]*),/, "{$1,$1,"), "latin1"),
  empty: () => Buffer.alloc(0),
  doubled: (body) => Buffer.concat([body, body]),
};

const TEXT = {
  "a character changed": (text, { below, pick }) => {
    const at = below(text.length || 1);
    return text.slice(0, at) + pick([..."0123456789abcdefABCDEF+/=-_., ;:|v"]) + text.slice(at + 1);
  },
  "a character taken out": (text, { below }) => {
    const at = below(text.length || 1);
    return text.slice(0, at) + text.slice(at + 1);
  },
  "a character put in": (text, { below, pick }) =>
    insert(text, below(text.length + 1), pick([..."0aF+/=-_., ;:|%"])).trim(),
  "cut off": (text, { below }) => text.slice(0, below(text.length + 1)).trim(),
  "upper case": (text) => text.toUpperCase(),
  "digits in capitals": (text) => text.replace(/[0-9a-f]{40,}/g, (digits) => digits.toUpperCase()),
  "lower case": (text) => text.toLowerCase(),
  "without padding": (text) => text.replace(/=+$/, ""),
  "more padding": (text) => `${text}=`,
  "other base64 alphabet": (text) => text.replaceAll("+", "-").replaceAll("/", "_"),
  "stray bits": (text) => text.replace(/([A-Za-z0-9+/])(=+)$/, (_, last, pad) => nextDigit(last) + pad),
  "a blank inside": (text, { below }) => insert(text, 1 + below(Math.max(text.length - 1, 1)), " ").trim(),
  "said twice": (text) => `${text}, ${text}`,
  "said twice without a blank": (text) => `${text},${text}`,
  "said twice, side by side": (text) => text + text,
  "one of another version beside it": (text, { pick }) => `${text}${pick([",", " ", ";", "&"])}${pick(["v0=00", "v2,AA==", "x=1", "v1=00"])}`,
  "one of another version before it": (text, { pick }) => `${pick(["v0=00", "v2,AA==", "x=1", "v1=00"])}${pick([",", " ", ";", "&"])}${text}`,
  "names in capitals": (text) => text.replace(/^([a-z]+)/, (name) => name.toUpperCase()),
  "the prefix taken off": (text) => text.replace(/^[^=,. ]+[=,. ]/, ""),
  "a prefix put on": (text, { pick }) => pick(["sha256=", "v1=", "v0=", "Bearer ", "hmac "]) + text,
  "a number one more": (text) => text.replace(/\d{6,}/, (digits) => String(Number(digits) + 1)),
  "a number with a zero before it": (text) => text.replace(/\d{6,}/, (digits) => `0${digits}`),
  "a number with a sign": (text) => text.replace(/\d{6,}/, (digits) => `+${digits}`),
  "a number with a fraction": (text) => text.replace(/\d{6,}/, (digits) => `${digits}.0`),
  "a number with letters after it": (text) => text.replace(/\d{6,}/, (digits) => `${digits}abc`),
  "a number as a power": (text) => text.replace(/\d{6,}/, (digits) => `${digits}e0`),
  "zeros in place of it": (text) => text.replace(/[0-9a-f]{40,}/, (digits) => "0".repeat(digits.length)),
  empty: () => "",
};

function nextDigit(digit) {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return ALPHABET[(ALPHABET.indexOf(digit) + 1) % 64];
}

/** The age of a signature, in seconds: around the limits of the SDKs, and far beyond them. */
const AGES = [1, 4, 5, 6, 29, 30, 31, 59, 60, 61, 179, 180, 181, 299, 300, 301, 302, 600, 3600, 86_400, 31_536_000];

const OTHERS = {
  "a header left out": (request, sdk, { pick }) => {
    const name = pick(Object.keys(request.headers));
    return { ...request, headers: Object.fromEntries(Object.entries(request.headers).filter(([one]) => one !== name)) };
  },
  "headers swapped": (request, sdk, { pick }) => {
    const [one, other] = [pick(Object.keys(request.headers)), pick(Object.keys(request.headers))];
    const { headers } = request;
    return { ...request, headers: { ...headers, [one]: headers[other], [other]: headers[one] } };
  },
  "the proof of another body": (request, sdk, { pick }) => ({ ...request, body: Buffer.from(pick(sdk.bodies), sdk.encoding) }),
  "signed earlier": (request, sdk, { pick }) => sdk.signed(pick(sdk.bodies), -pick(AGES)),
  "signed later": (request, sdk, { pick }) => sdk.signed(pick(sdk.bodies), pick(AGES)),
  "signed by somebody else": (request, sdk, { pick }) => sdk.signed(pick(sdk.bodies), 0, true),
  "another query": (request, sdk, { pick }) => ({ ...request, query: pick(["", "a=1", "b=2&a=1", "a=%31", request.query.toUpperCase()]) }),
};

/** A changed copy of `request`, and what was changed. */
export async function mutated(request, sdk, random) {
  const { below, pick } = random;
  // Some providers sign only in the body.
  const kind = below(sdk.fields || Object.keys(request.headers).length > 0 ? 10 : 3);
  if (kind < 3) {
    const name = pick(Object.keys(BODY));
    return [`body: ${name}`, bytes(request, (body) => BODY[name](body, random))];
  }
  if (kind < 8) {
    const name = pick(Object.keys(TEXT));
    if (sdk.fields) {
      const field = pick(sdk.fields);
      return [`${field}: ${name}`, sdk.rewritten(request, field, (text) => TEXT[name](text, random))];
    }
    const header = pick(Object.keys(request.headers));
    const value = TEXT[name](request.headers[header], random);
    return [`${header}: ${name}`, { ...request, headers: { ...request.headers, [header]: value } }];
  }
  const name = pick(Object.keys(OTHERS));
  return [name, await OTHERS[name](request, sdk, random)];
}
