//! Secrets, and the keys made from secrets. Debug output shows neither.

use super::{Algorithm, Crypto, Hash, PublicKey, SecretEncoding, UnixTime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// The text of a shared secret or of a public key, as the provider shows the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The reason why a secret cannot be used. No text contains the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Everybody can sign with an empty secret.
    #[error("is empty")]
    Empty,
    /// A blank or a newline at the beginning or the end is almost always a mistake.
    #[error(
        "begins or ends with white space; store the secret again without the newline, for example with `printf %s`"
    )]
    WhiteSpace,
    /// The scheme needs base64.
    #[error("is not base64, but this provider's secrets are")]
    NotBase64,
    /// Supabase shows the signature's version before the secret.
    #[error(
        "begins with `v1,`, which is not part of the secret: remove `v1,`, so that the secret begins with `whsec_`"
    )]
    Versioned,
    /// The scheme needs hexadecimal.
    #[error("is not hexadecimal, but this provider's secrets are")]
    NotHex,
    /// An attacker with one request can guess so short a secret.
    #[error(
        "has less than 8 bytes, so an attacker with one request can guess it: create a longer secret, and store that"
    )]
    TooShort,
    /// Not a public key of the scheme's algorithm.
    #[error("is not a public key of this provider's algorithm, in PEM, base64 or hex as the provider documents it")]
    NotAPublicKey,
    /// The SHA-1 digest of a secret is a key of HMAC only.
    #[error("cannot be a SHA-1 digest: only a scheme with HMAC has such a key")]
    DigestWithoutHmac,
}

impl Secret {
    /// Wraps the secret's text.
    ///
    /// # Errors
    /// [`SecretError::Empty`] and [`SecretError::WhiteSpace`].
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(SecretError::Empty);
        }
        // The lines of a PEM file end in a newline, the last one too.
        if text.trim() != text && !text.starts_with("-----BEGIN") {
            return Err(SecretError::WhiteSpace);
        }
        Ok(Self(text))
    }

    /// The key for `algorithm` that the secret's text encodes.
    ///
    /// # Errors
    /// [`SecretError`] if the text is not in this encoding, or if the decoded key is empty.
    pub fn key(&self, algorithm: Algorithm, encoding: &SecretEncoding) -> Result<VerificationKey, SecretError> {
        if let Algorithm::Public(algorithm) = algorithm {
            return PublicKey::parse(algorithm, &self.0, encoding)
                .map(VerificationKey::Public)
                .ok_or(SecretError::NotAPublicKey);
        }
        let bytes = match encoding {
            SecretEncoding::Utf8 => self.0.clone().into_bytes(),
            SecretEncoding::Hex => hex::decode(&self.0).map_err(|_| SecretError::NotHex)?,
            SecretEncoding::Base64AfterPrefix(prefix) => self.decode(prefix)?,
            SecretEncoding::Sha1 => {
                let Algorithm::Hmac(hash) = algorithm else { return Err(SecretError::DigestWithoutHmac) };
                let secret = self.0.clone().into_bytes();
                return Ok(VerificationKey::RuntimeHmac { hash, secret, digested: true });
            }
            SecretEncoding::Html => without_entities(&self.0).into_bytes(),
        };
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(VerificationKey::new(algorithm, &bytes)) }
    }

    /// The key of a secret in base64 after `whsec_` (Standard Webhooks, Signature scheme).
    ///
    /// # Errors
    /// As [`Secret::key`].
    pub fn standard_webhooks_key(&self) -> Result<HmacKey, SecretError> {
        self.decode("whsec_").map(|bytes| HmacKey::new(&bytes))
    }

    fn decode(&self, prefix: &str) -> Result<Vec<u8>, SecretError> {
        let text = match self.0.strip_prefix(prefix) {
            Some(text) if !prefix.is_empty() => text,
            _ if self.0.starts_with("v1,") => return Err(SecretError::Versioned),
            _ => &self.0,
        };
        let bytes = STANDARD.decode(text).map_err(|_| SecretError::NotBase64)?;
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(bytes) }
    }
}

/// Decodes the entities that WordPress stores. `&amp;` is the last entity, so that no text is decoded twice.
fn without_entities(text: &str) -> String {
    const ENTITIES: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// A key that proves requests.
#[derive(Clone)]
pub enum VerificationKey {
    /// A key of HMAC-SHA256.
    HmacSha256(HmacKey),
    /// A key of HMAC with another hash, or with a digest of the secret as its key. The runtime computes the HMAC.
    RuntimeHmac {
        /// The hash.
        hash: Hash,
        /// The secret.
        secret: Vec<u8>,
        /// Whether the key is the SHA-1 digest of the secret.
        digested: bool,
    },
    /// A shared secret that is not a key of HMAC.
    Shared(Vec<u8>),
    /// The provider's public key.
    Public(PublicKey),
}

impl VerificationKey {
    /// The key with these bytes. A key of HMAC has any length (RFC 2104).
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Hmac(Hash::Sha256) => Self::HmacSha256(HmacKey::new(bytes)),
            Algorithm::Hmac(hash) => Self::RuntimeHmac { hash, secret: bytes.to_vec(), digested: false },
            Algorithm::PlainHash | Algorithm::StaticToken | Algorithm::Public(_) => Self::Shared(bytes.to_vec()),
        }
    }

    /// Whether the key is of the kind that `algorithm` needs.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        match (self, algorithm) {
            (Self::HmacSha256(_), Algorithm::Hmac(wanted)) => wanted == Hash::Sha256,
            (Self::RuntimeHmac { hash, .. }, Algorithm::Hmac(wanted)) => *hash == wanted,
            (Self::Shared(_), Algorithm::PlainHash | Algorithm::StaticToken) => true,
            (Self::Public(key), Algorithm::Public(algorithm)) => key.fits(algorithm),
            (Self::HmacSha256(_) | Self::RuntimeHmac { .. } | Self::Shared(_) | Self::Public(_), _) => false,
        }
    }

    /// The length of a shared secret after decoding, in bytes. `None` for a public key.
    pub fn secret_length(&self) -> Option<usize> {
        match self {
            Self::HmacSha256(key) => Some(key.bytes.len()),
            Self::RuntimeHmac { secret, .. } | Self::Shared(secret) => Some(secret.len()),
            Self::Public(_) => None,
        }
    }

    /// Whether the key may have the id `named`. A token names the id of its key.
    pub(super) fn answers_to(&self, named: Option<&str>) -> bool {
        match (self, named) {
            (Self::Public(key), Some(named)) => key.id().is_none_or(|id| id == named),
            (Self::Public(_) | Self::HmacSha256(_) | Self::RuntimeHmac { .. } | Self::Shared(_), _) => true,
        }
    }

    /// The bytes that an honest signature has: the MAC over the concatenated `parts`. For a shared secret, these bytes are
    /// the SHA-256 of the secret and `parts`, because a comparison of the secrets would show the length of the secret. For
    /// a public key, the result is empty.
    pub fn mac(&self, parts: &[&[u8]], crypto: &impl Crypto) -> Vec<u8> {
        match self {
            Self::HmacSha256(key) if is_large(parts) => crypto.hmac(Hash::Sha256, &key.bytes, parts),
            Self::HmacSha256(key) => key.mac(parts).to_vec(),
            Self::RuntimeHmac { hash, secret, digested: false } => crypto.hmac(*hash, secret, parts),
            Self::RuntimeHmac { hash, secret, digested: true } => {
                crypto.hmac(*hash, &crypto.digest(Hash::Sha1, secret), parts)
            }
            Self::Shared(secret) => {
                let hash = parts.iter().fold(Sha256::new_with_prefix(secret), Sha256::chain_update);
                hash.finalize().to_vec()
            }
            Self::Public(_) => Vec::new(),
        }
    }
}

/// The length in bytes from which the runtime's SHA-256 is faster in WASM than the crate's, with the cost of the call.
/// bench/README.md has the measurement.
const LARGE: usize = 2048;

fn is_large(parts: &[&[u8]]) -> bool {
    parts.iter().any(|part| part.len() >= LARGE)
}

/// The SHA-256 of `content`.
pub(super) fn sha256(content: &[u8], crypto: &impl Crypto) -> [u8; 32] {
    if !is_large(&[content]) {
        return Sha256::digest(content).into();
    }
    // If the runtime gives no digest, the crate computes the same value.
    crypto.digest(Hash::Sha256, content).try_into().unwrap_or_else(|_| Sha256::digest(content).into())
}

/// A key of HMAC-SHA256. The key is already hashed into the initial state, so a request costs only its own bytes.
#[derive(Clone)]
pub struct HmacKey {
    state: Hmac<Sha256>,
    bytes: Vec<u8>,
}

impl HmacKey {
    #[expect(clippy::expect_used, reason = "the crate refuses no length of an HMAC key")]
    fn new(bytes: &[u8]) -> Self {
        let state = Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length (RFC 2104, section 2)");
        Self { state, bytes: bytes.to_vec() }
    }

    /// The MAC over the concatenated `parts`.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.state.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The headers that sign `body` as the event `id` (Standard Webhooks, Signature scheme).
    pub fn standard_webhooks(&self, id: &str, now: UnixTime, body: &[u8]) -> [(&'static str, String); 3] {
        let mut signer = self.signer(id, now);
        signer.update(body);
        let [timestamp, signature] = signer.headers();
        [("webhook-id", id.to_owned()), timestamp, signature]
    }

    /// Begins to sign a body that comes in parts, as the event `id` (Standard Webhooks, Signature scheme).
    pub fn signer(&self, id: &str, now: UnixTime) -> Signer {
        let timestamp = now.to_string();
        let mut mac = self.state.clone();
        [id.as_bytes(), b".", timestamp.as_bytes(), b"."].iter().for_each(|part| mac.update(part));
        Signer { timestamp, mac }
    }
}

/// Makes a signature of Standard Webhooks over a body that comes in parts.
pub struct Signer {
    timestamp: String,
    mac: Hmac<Sha256>,
}

impl Signer {
    /// Adds the next part of the body.
    pub fn update(&mut self, part: &[u8]) {
        self.mac.update(part);
    }

    /// The headers `webhook-timestamp` and `webhook-signature`.
    pub fn headers(self) -> [(&'static str, String); 2] {
        let signature = format!("v1,{}", STANDARD.encode(self.mac.finalize().into_bytes()));
        [("webhook-timestamp", self.timestamp), ("webhook-signature", signature)]
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(redacted)")
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeysError, Preset, PublicAlgorithm, Scheme, Verifier};
    use std::sync::Arc;

    #[test]
    fn unusable_secrets_are_refused() {
        assert_eq!(Secret::new(""), Err(SecretError::Empty));
        assert_eq!(Secret::new(" \n"), Err(SecretError::Empty));
        assert_eq!(Secret::new("abc\n"), Err(SecretError::WhiteSpace));
        let key = |text: &str| Secret::new(text).and_then(|secret| secret.standard_webhooks_key()).map(|_| ());
        assert_eq!(key("whsec_"), Err(SecretError::Empty));
        assert_eq!(key("whsec_not base64"), Err(SecretError::NotBase64));
        assert_eq!(key("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SecretError::Versioned));
        assert_eq!(key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
        assert_eq!(key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
        let supabase = |text: &str| {
            let encoding = SecretEncoding::Base64AfterPrefix("v1,whsec_".to_owned());
            Secret::new(text).and_then(|secret| secret.key(Algorithm::Hmac(Hash::Sha256), &encoding)).map(|_| ())
        };
        assert_eq!(supabase("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
        assert_eq!(supabase("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
        assert_eq!(supabase("v1,whsec_"), Err(SecretError::Empty));
        assert_eq!(supabase("v1,MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SecretError::Versioned));
        assert_eq!(supabase("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SecretError::NotBase64));
        let hex = Secret::new("no hex").and_then(|secret| secret.key(Algorithm::StaticToken, &SecretEncoding::Hex));
        assert_eq!(hex.map(|_| ()), Err(SecretError::NotHex));
    }

    #[test]
    fn a_digest_of_the_secret_is_a_key_of_hmac_only() {
        let key = |algorithm| Secret::new("abc").and_then(|secret| secret.key(algorithm, &SecretEncoding::Sha1));
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let algorithm = Algorithm::Hmac(hash);
            assert!(key(algorithm).expect("a key").fits(algorithm), "{hash:?}");
        }
        for algorithm in [Algorithm::PlainHash, Algorithm::StaticToken] {
            assert_eq!(key(algorithm).map(drop), Err(SecretError::DigestWithoutHmac), "{algorithm:?}");
        }
    }

    #[test]
    fn a_verifier_takes_only_keys_of_its_schemes_algorithm() {
        use PublicAlgorithm::{EcdsaP256Der, EcdsaP256Fixed, Ed25519, RsaSha1, RsaSha256};
        let shared = |algorithm| vec![VerificationKey::new(algorithm, b"a shared secret")];
        let public = |jwk: &str, der: &str| {
            let keys = [PublicKey::Jwk(jwk.to_owned()), PublicKey::Spki(hex::decode(der).expect("hex"))];
            keys.map(VerificationKey::Public).to_vec()
        };
        let hmac = [Hash::Sha1, Hash::Sha256, Hash::Sha512].map(Algorithm::Hmac);
        let [sha1, sha256, sha512] = hmac;
        // The algorithms of each row take the keys of this row, and no others.
        let rows = [
            (vec![sha1], shared(sha1)),
            (vec![sha256], shared(sha256)),
            (vec![sha512], shared(sha512)),
            (vec![Algorithm::PlainHash, Algorithm::StaticToken], shared(Algorithm::StaticToken)),
            (vec![Algorithm::Public(Ed25519)], public(r#"{"kty":"OKP","crv":"Ed25519"}"#, "300506032b6570")),
            (
                [EcdsaP256Der, EcdsaP256Fixed].map(Algorithm::Public).to_vec(),
                public(r#"{"kty":"EC","crv":"P-256"}"#, "301306072a8648ce3d020106082a8648ce3d030107"),
            ),
            (
                [RsaSha256, RsaSha1].map(Algorithm::Public).to_vec(),
                public(r#"{"kty":"RSA"}"#, "300d06092a864886f70d0101010500"),
            ),
        ];
        let made = |algorithm, key: &VerificationKey| {
            let scheme = Scheme { algorithm, ..Scheme::default() };
            Verifier::new(Arc::new(Preset { scheme, ..Preset::default() }), vec![key.clone()], None).map(drop)
        };
        for (row, (algorithms, _)) in rows.iter().enumerate() {
            for (number, (_, keys)) in rows.iter().enumerate() {
                let right = if row == number { Ok(()) } else { Err(KeysError::OtherAlgorithm) };
                for (algorithm, key) in algorithms.iter().flat_map(|one| keys.iter().map(move |key| (*one, key))) {
                    assert_eq!(made(algorithm, key), right, "{algorithm:?} with a key of row {number}");
                }
            }
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(without_entities("a&amp;lt;b &#039;&quot;&lt;&gt;"), "a&lt;b '\"<>");
    }

    #[test]
    fn secrets_and_keys_do_not_show_themselves() {
        let secret = Secret::new("canary-secret").expect("usable");
        let key = secret.key(Algorithm::Hmac(Hash::Sha256), &SecretEncoding::Utf8).expect("a key");
        let shown = format!("{secret:?} {key:?}");
        assert_eq!(shown, "Secret(redacted) VerificationKey(redacted)");
    }
}
