//! Public-key signatures, rare hashes, and the hashes of large bodies. The runtime's `node:crypto` computes them: it is
//! native, and adds nothing to the Worker's size.

use super::ports::Bindings;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/edge/crypto.js")]
extern "C" {
    type Hashing;
    /// Starts an HMAC under `key`, or a plain digest if there is no key.
    #[wasm_bindgen(js_name = hashing)]
    fn hashing(hash: &str, key: Option<&[u8]>) -> Hashing;
    #[wasm_bindgen(method)]
    fn update(this: &Hashing, content: &[u8]) -> Hashing;
    #[wasm_bindgen(method)]
    fn digest(this: &Hashing) -> Vec<u8>;
    fn verifies(
        kind: &str,
        hash: Option<String>,
        fixed: bool,
        format: &str,
        key: &[u8],
        content: &[u8],
        signature: &[u8],
    ) -> bool;
}

/// Hashes the parts one after the other, so that no joined copy of a large body is made.
fn hash(hash: Hash, key: Option<&[u8]>, parts: &[&[u8]]) -> Vec<u8> {
    let name = match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha512 => "sha512",
    };
    let hashing = hashing(name, key);
    for part in parts {
        hashing.update(part);
    }
    hashing.digest()
}

impl Crypto for Bindings {
    fn hmac(&self, of: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        hash(of, Some(key), parts)
    }

    fn digest(&self, of: Hash, content: &[u8]) -> Vec<u8> {
        hash(of, None, &[content])
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        let (kind, hash, fixed) = match algorithm {
            PublicAlgorithm::Ed25519 => ("ed25519", None, false),
            PublicAlgorithm::EcdsaP256Der => ("ec", Some("sha256"), false),
            PublicAlgorithm::EcdsaP256Fixed => ("ec", Some("sha256"), true),
            PublicAlgorithm::RsaSha256 => ("rsa", Some("sha256"), false),
            PublicAlgorithm::RsaSha1 => ("rsa", Some("sha1"), false),
        };
        let (format, key) = match key {
            PublicKey::Spki(der) => ("spki", der.as_slice()),
            PublicKey::Certificate(der) => ("x509", der.as_slice()),
            PublicKey::Jwk(json) => ("jwk", json.as_bytes()),
        };
        verifies(kind, hash.map(str::to_owned), fixed, format, key, content, signature)
    }
}
