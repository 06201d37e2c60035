// Hashes and signatures of the runtime's `node:crypto`. The module is loaded when a request first needs it.
let loaded;

function node() {
  return (loaded ??= process.getBuiltinModule("node:crypto"));
}

export function hashing(hash, key) {
  return key === undefined ? node().createHash(hash) : node().createHmac(hash, key);
}

// Whether `signature` over `content` is valid. `type` is the required type of the key. `format` is spki, x509 or jwk. With
// `fixed`, an ECDSA signature is two numbers of 32 bytes; otherwise it is DER.
export function verifies(type, hash, fixed, format, key, content, signature) {
  const crypto = node();
  try {
    let parsed;
    if (format === "x509") parsed = new crypto.X509Certificate(key).publicKey;
    else if (format === "jwk") parsed = crypto.createPublicKey({ key: JSON.parse(new TextDecoder().decode(key)), format });
    else parsed = crypto.createPublicKey({ key, format: "der", type: "spki" });
    if (parsed.asymmetricKeyType !== type) return false;
    if (type === "ec" && parsed.asymmetricKeyDetails.namedCurve !== "prime256v1") return false;
    if (!fixed) return crypto.verify(hash, content, parsed, signature);
    const spki = parsed.export({ format: "der", type: "spki" });
    return crypto.verify(hash, content, { key: spki, format: "der", type: "spki", dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // an unreadable key or signature proves nothing
  }
}
