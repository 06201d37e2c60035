//! The algorithms that prove requests, and the encodings of their secrets.

/// The algorithm that proves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC (RFC 2104) under the shared secret.
    Hmac(Hash),
    /// SHA-256 over the concatenation of the shared secret and the content.
    PlainHash,
    /// The request has the shared secret itself. It proves the sender, but not the content.
    StaticToken,
    /// A signature under the provider's private key.
    Public(PublicAlgorithm),
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Hmac(Hash::Sha256)
    }
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1. It is sound in HMAC, and some providers have nothing else.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A public-key signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256; the signature in ASN.1 DER (RFC 3279, section 2.2.3).
    EcdsaP256Der,
    /// ECDSA over P-256 with SHA-256; the signature as two numbers of 32 bytes (RFC 7518, section 3.4).
    EcdsaP256Fixed,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-1.
    RsaSha1,
}

/// How a secret's text becomes the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SecretEncoding {
    /// The UTF-8 bytes of the whole text.
    #[default]
    Utf8,
    /// Hexadecimal.
    Hex,
    /// Base64 of the key after an optional prefix. The prefix may be empty.
    Base64AfterPrefix(String),
    /// The SHA-1 digest of the text (Braintree).
    Sha1,
    /// The text with `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&#039;` decoded (WordPress).
    Html,
}
