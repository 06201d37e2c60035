//! Public-key signatures and what is rarely needed, by the runtime's own `node:crypto`: native, and not in the Worker's
//! size.

use super::ports::Bindings;
use crate::webhook::{Crypto, Hash, PublicAlgorithm, PublicKey};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/edge/crypto.js")]
extern "C" {
    fn hmac(hash: &str, key: &[u8], content: &[u8]) -> Vec<u8>;
    fn sha1(text: &[u8]) -> Vec<u8>;
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

impl Crypto for Bindings {
    fn hmac(&self, hash: Hash, key: &[u8], content: &[u8]) -> Vec<u8> {
        let name = match hash {
            Hash::Sha1 => "sha1",
            Hash::Sha256 => "sha256",
            Hash::Sha512 => "sha512",
        };
        hmac(name, key, content)
    }

    fn sha1(&self, text: &[u8]) -> Vec<u8> {
        sha1(text)
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
