//! Cryptography and request heads for the command line and for tests. In the Worker, the runtime has both.

use crate::{Crypto, Hash, Head, PublicAlgorithm, PublicKey, SharedSigner, SignError, Signer, VerificationKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};
use ring::{digest, hmac};
use serde_json::Value;
use spki::SubjectPublicKeyInfoRef;
use spki::der::{Decode, Encode};

/// The head of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The method; an empty text means POST.
    pub method: String,
    /// The query, without the `?`.
    pub query: String,
    /// The headers. The names may have any case.
    pub headers: Vec<(String, String)>,
}

impl Head for RequestHead {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }

    fn method(&self) -> String {
        if self.method.is_empty() { "POST".to_owned() } else { self.method.clone() }
    }

    fn query(&self) -> String {
        self.query.clone()
    }
}

/// Computes hashes and checks signatures with `ring`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl Crypto for Native {
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = match hash {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        let mut mac = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        parts.iter().for_each(|part| mac.update(part));
        mac.sign().as_ref().to_vec()
    }

    fn digest(&self, hash: Hash, content: &[u8]) -> Vec<u8> {
        let algorithm = match hash {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, content).as_ref().to_vec()
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        let verified = match key {
            PublicKey::Spki(der) => of_spki(der).map(|key| verify(algorithm, &key, content, signature)),
            PublicKey::Certificate(der) => x509_cert::Certificate::from_der(der)
                .ok()
                .and_then(|certificate| certificate.tbs_certificate().subject_public_key_info().to_der().ok())
                .and_then(|der| of_spki(&der))
                .map(|key| verify(algorithm, &key, content, signature)),
            PublicKey::Jwk(json) => of_jwk(algorithm, json, content, signature),
        };
        verified.unwrap_or(false)
    }
}

/// The key in a SubjectPublicKeyInfo, as `ring` needs it: the bytes of the bit string.
fn of_spki(der: &[u8]) -> Option<Vec<u8>> {
    SubjectPublicKeyInfoRef::from_der(der).ok()?.subject_public_key.as_bytes().map(<[u8]>::to_vec)
}

fn of_jwk(algorithm: PublicAlgorithm, json: &str, content: &[u8], signature: &[u8]) -> Option<bool> {
    let key: Value = serde_json::from_str(json).ok()?;
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
    let is = |name: &str, wanted: &str| key.get(name).and_then(Value::as_str) == Some(wanted);
    match algorithm {
        PublicAlgorithm::Ed25519 if is("kty", "OKP") && is("crv", "Ed25519") => {
            Some(verify(algorithm, &number("x")?, content, signature))
        }
        PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed if is("kty", "EC") && is("crv", "P-256") => {
            let point = [vec![4], number("x")?, number("y")?].concat();
            Some(verify(algorithm, &point, content, signature))
        }
        PublicAlgorithm::RsaSha256 if is("kty", "RSA") => {
            let key = signature::RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
            Some(key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, content, signature).is_ok())
        }
        _ => None,
    }
}

fn verify(algorithm: PublicAlgorithm, key: &[u8], content: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn VerificationAlgorithm = match algorithm {
        PublicAlgorithm::Ed25519 => &signature::ED25519,
        PublicAlgorithm::EcdsaP256Der => &signature::ECDSA_P256_SHA256_ASN1,
        PublicAlgorithm::EcdsaP256Fixed => &signature::ECDSA_P256_SHA256_FIXED,
        PublicAlgorithm::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        PublicAlgorithm::RsaSha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    };
    UnparsedPublicKey::new(algorithm, key).verify(content, signature).is_ok()
}

impl Signer for VerificationKey {
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        SharedSigner::new(self, &Native).signature(content)
    }
}

/// A provider's private key. Tests have their own keys; a user never has one.
#[derive(Debug)]
pub enum PrivateKey {
    /// A key for Ed25519.
    Ed25519(Ed25519KeyPair),
    /// A key for ECDSA P-256.
    Ecdsa(EcdsaKeyPair),
    /// A key for RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa(Box<RsaKeyPair>),
}

impl PrivateKey {
    /// Reads a PKCS #8 key in PEM. `None` if the key is not for `algorithm`, or if `algorithm` is RSA with SHA-1, which
    /// cannot sign here.
    pub fn parse(algorithm: PublicAlgorithm, pem: &str) -> Option<Self> {
        let (_, der) = pem_rfc7468::decode_vec(pem.as_bytes()).ok().filter(|(label, _)| *label == "PRIVATE KEY")?;
        let random = SystemRandom::new();
        match algorithm {
            PublicAlgorithm::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok().map(Self::Ed25519),
            PublicAlgorithm::EcdsaP256Der => {
                EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random)
                    .ok()
                    .map(Self::Ecdsa)
            }
            PublicAlgorithm::EcdsaP256Fixed => {
                EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random)
                    .ok()
                    .map(Self::Ecdsa)
            }
            PublicAlgorithm::RsaSha256 => RsaKeyPair::from_pkcs8(&der).ok().map(|key| Self::Rsa(Box::new(key))),
            PublicAlgorithm::RsaSha1 => None,
        }
    }
}

impl Signer for PrivateKey {
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        let signed = match self {
            Self::Ed25519(key) => Ok(key.sign(content).as_ref().to_vec()),
            Self::Ecdsa(key) => key.sign(&random, content).map(|signature| signature.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, content, &mut signature).map(|()| signature)
            }
        };
        signed.map_err(|_| SignError::NoPrivateKey)
    }
}
