//! Secrets and the keys made from them. Neither shows itself.

use super::{Algorithm, Crypto, Hash, PublicKey, SecretEncoding, UnixTime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// The text of a shared secret or of a public key, as the provider shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret cannot be used. The texts never contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// An empty secret verifies what anybody signs.
    #[error("is empty")]
    Empty,
    /// A blank or newline at an end was almost always stored by mistake.
    #[error("begins or ends with white space; store it again without the newline, as with `printf %s`")]
    WhiteSpace,
    /// Not the base64 the scheme asks for.
    #[error("is not base64, as this provider's secrets are")]
    NotBase64,
    /// Supabase shows its secrets with the signature's version before them.
    #[error("begins with `v1,`, which is no part of the secret: take that off, so that it begins with `whsec_`")]
    Versioned,
    /// Not the hexadecimal the scheme asks for.
    #[error("is not hexadecimal, as this provider's secrets are")]
    NotHex,
    /// So short that it can be found by trying.
    #[error(
        "has less than 8 bytes: who has one delivery can find it by trying. Have a longer one made, and store that"
    )]
    TooShort,
    /// Not a key of the scheme's algorithm.
    #[error("is not a public key as this provider shows it: PEM, base64 or hex, as in its documentation")]
    NotAPublicKey,
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

    /// The key this secret stands for under `algorithm`, written as `form` says.
    ///
    /// # Errors
    /// That the text is not what `form` asks for, and [`SecretError::Empty`] where nothing is left to decode.
    pub fn key(&self, algorithm: Algorithm, form: &SecretEncoding) -> Result<VerificationKey, SecretError> {
        if let Algorithm::Public(algorithm) = algorithm {
            return PublicKey::parse(algorithm, &self.0, form)
                .map(VerificationKey::Public)
                .ok_or(SecretError::NotAPublicKey);
        }
        let bytes = match form {
            SecretEncoding::Utf8 => self.0.clone().into_bytes(),
            SecretEncoding::Hex => hex::decode(&self.0).map_err(|_| SecretError::NotHex)?,
            SecretEncoding::Base64AfterPrefix(prefix) => self.decode(prefix)?,
            SecretEncoding::Sha1 => {
                return Ok(VerificationKey::RuntimeHmac {
                    hash: Hash::Sha1,
                    secret: self.0.clone().into_bytes(),
                    digested: true,
                });
            }
            SecretEncoding::Html => without_entities(&self.0).into_bytes(),
        };
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(VerificationKey::new(algorithm, &bytes)) }
    }

    /// The secret as `whsec_` and base64 (Standard Webhooks, Signature scheme).
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

/// What WordPress stores in place of these characters, decoded; `&amp;` last, or it would be decoded twice.
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

/// What deliveries are proven with.
#[derive(Clone)]
pub enum VerificationKey {
    /// Of HMAC-SHA256.
    HmacSha256(HmacKey),
    /// Of HMAC with another hash, which the runtime computes. Where it says so, the key is the secret's SHA-1.
    RuntimeHmac {
        /// The hash.
        hash: Hash,
        /// The secret.
        secret: Vec<u8>,
        /// Whether the secret's digest is the key.
        digested: bool,
    },
    /// A shared secret as it is.
    Shared(Vec<u8>),
    /// The provider's public key.
    Public(PublicKey),
}

impl VerificationKey {
    /// The key made of these bytes, of any length (RFC 2104).
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Hmac(Hash::Sha256) => Self::HmacSha256(HmacKey::new(bytes)),
            Algorithm::Hmac(hash) => Self::RuntimeHmac { hash, secret: bytes.to_vec(), digested: false },
            Algorithm::PlainHash | Algorithm::StaticToken | Algorithm::Public(_) => Self::Shared(bytes.to_vec()),
        }
    }

    /// How many bytes a shared secret has, once it is decoded. A public key has none.
    pub fn secret_length(&self) -> Option<usize> {
        match self {
            Self::HmacSha256(key) => Some(key.bytes.len()),
            Self::RuntimeHmac { secret, .. } | Self::Shared(secret) => Some(secret.len()),
            Self::Public(_) => None,
        }
    }

    /// Whether a signature may be under this key, where its token says that it is signed with the key `named`.
    pub(super) fn answers_to(&self, named: Option<&str>) -> bool {
        match (self, named) {
            (Self::Public(key), Some(named)) => key.id().is_none_or(|id| id == named),
            (Self::Public(_) | Self::HmacSha256(_) | Self::RuntimeHmac { .. } | Self::Shared(_), _) => true,
        }
    }

    /// What an honest sender puts where the signature stands: the MAC over `parts`, one after the other; for a shared
    /// secret alone the SHA-256 of it and `parts`, which shows neither its length nor a part of it. A public key makes
    /// nothing.
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

/// From so many bytes on, the runtime's SHA-256 is faster than the crate's in WASM, the way there included: measured, see
/// bench/README.md.
const LARGE: usize = 2048;

fn is_large(parts: &[&[u8]]) -> bool {
    parts.iter().any(|part| part.len() >= LARGE)
}

/// The SHA-256 of `content`.
pub(super) fn sha256(content: &[u8], crypto: &impl Crypto) -> [u8; 32] {
    if !is_large(&[content]) {
        return Sha256::digest(content).into();
    }
    // A runtime that gives no digest costs time, and changes no value.
    crypto.digest(Hash::Sha256, content).try_into().unwrap_or_else(|_| Sha256::digest(content).into())
}

/// An HMAC-SHA256 key, already hashed into its initial state, so that a request costs only its own bytes.
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

    /// The MAC over `parts`, one after the other.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.state.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The headers that sign `body` by Standard Webhooks (its specification, Signature scheme), as the event `id`.
    pub fn standard_webhooks(&self, id: &str, now: UnixTime, body: &[u8]) -> [(&'static str, String); 3] {
        let mut signer = self.signer(id, now);
        signer.update(body);
        let [timestamp, signature] = signer.headers();
        [("webhook-id", id.to_owned()), timestamp, signature]
    }

    /// Begins to sign a body that comes in parts, by Standard Webhooks, as the event `id`.
    pub fn signer(&self, id: &str, now: UnixTime) -> Signer {
        let timestamp = now.to_string();
        let mut mac = self.state.clone();
        [id.as_bytes(), b".", timestamp.as_bytes(), b"."].iter().for_each(|part| mac.update(part));
        Signer { timestamp, mac }
    }
}

/// A Standard Webhooks signature over a body that comes in parts.
pub struct Signer {
    timestamp: String,
    mac: Hmac<Sha256>,
}

impl Signer {
    /// Takes the next part of the body.
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
        f.write_str("Key(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let form = SecretEncoding::Base64AfterPrefix("v1,whsec_".to_owned());
            Secret::new(text).and_then(|secret| secret.key(Algorithm::Hmac(Hash::Sha256), &form)).map(|_| ())
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
    fn entities_are_decoded_once() {
        assert_eq!(without_entities("a&amp;lt;b &#039;&quot;&lt;&gt;"), "a&lt;b '\"<>");
    }

    #[test]
    fn secrets_and_keys_do_not_show_themselves() {
        let secret = Secret::new("canary-secret").expect("usable");
        let key = secret.key(Algorithm::Hmac(Hash::Sha256), &SecretEncoding::Utf8).expect("a key");
        let shown = format!("{secret:?} {key:?}");
        assert_eq!(shown, "Secret(redacted) Key(redacted)");
    }
}
