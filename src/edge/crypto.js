// The runtime's own hashes and signatures. Loaded when a request needs one.
let loaded;

function node() {
  return (loaded ??= process.getBuiltinModule("node:crypto"));
}

export function hashing(hash, key) {
  return key === undefined ? node().createHash(hash) : node().createHmac(hash, key);
}

// `type` is what the key must be, `format` spki, x509 or jwk; `fixed` says that an ECDSA signature is two numbers of 32
// bytes rather than DER.
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
    return false; // what cannot be read proves nothing
  }
}
