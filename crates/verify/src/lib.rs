//! The verification core: headers, bytes and a time go in; a proof or a precise error comes out.
//!
//! In scope: whether a request is authentic and fresh, and which event it carries. Not in scope: reading requests,
//! clocks, storage, HTTP answers. Nothing here does I/O, reads a clock or knows a runtime.
//!
//! The way through: [`Verifier::receive`] reads what the headers claim, [`Received::verify`] proves it against the
//! raw body, and [`Verified`] is the proof. A `Verified` can be made in no other way.
//!
//! Invariants:
//! - the scheme comes from the configuration, never from the request;
//! - only signed material decides freshness, and identity where the signature covers the content; an unsigned header may
//!   split an identity, and never merges two;
//! - the MAC is over the bytes as received, header texts included; nothing is printed again before it is hashed
//!   (the one exception, [`Part::CanonicalJsonString`], is what that provider signs);
//! - every secret is tried on every candidate signature in constant time, without early exit.

/// The README's example, which is compiled and run with the tests.
#[cfg(all(doctest, feature = "ring"))]
#[doc = include_str!("../README.md")]
mod readme {}

mod canonical;
mod content;
mod error;
mod framing;
mod freshness;
pub mod grammar;
mod handshake;
mod headers;
mod identity;
mod json;
mod jws;
mod members;
#[cfg(feature = "ring")]
pub mod native;
mod path;
pub mod presets;
mod proof;
mod public;
mod scheme;
mod secret;
mod sign;
mod signature;
mod variants;
mod verify;

pub use error::{KeysError, VerifyError};
pub use framing::{AmbiguousContent, Framing};
pub use freshness::{Tolerance, UnixTime};
pub use handshake::{
    Alphabet, Condition, Handshake, HandshakeAnswer, HandshakeProof, HandshakeStage, Reply, ReplyBody, ReplyPart,
};
pub use headers::{HeaderPattern, never_forwarded};
pub use identity::{DigestOf, EventId, EventTypes, Identity, IdentityRule, TypesFound};
pub use path::{JsonPath, Step};
pub use public::{Crypto, HostPattern, PublicKey, PublicKeySource};
pub use scheme::{
    Algorithm, ClaimText, Clock, DeclaredFormat, Encoding, Hash, IdLocation, Layout, Location, Part, Preset,
    PublicAlgorithm, Scheme, SecretEncoding, Strength, TimeUnit, Timestamp, TimestampLocation, TokenClaims,
    TypeLocation, Variant, Weakness, WithoutId,
};
pub use secret::{HmacKey, Secret, SecretError, VerificationKey};
pub use sign::{SignError, SignInput, Signed, Signer, sign};
pub use signature::MAX_SIGNATURES;
pub use variants::{Indistinguishable, check_distinguishable};
pub use verify::{Received, Verified, Verifier};

/// How many secrets a source may have: the current one, those before it while a rotation lasts.
pub const MAX_SECRETS: usize = 4;

/// The least bytes of a shared secret: fewer can be found by trying, by anybody who has one delivery.
pub const SHORTEST_SECRET: usize = 8;

/// From so many bytes on, a shared secret is as long as one should be.
pub const GOOD_SECRET: usize = 16;

/// The head of a request, as the core needs it.
///
/// A repeated header is one value joined with `, `, as Fetch does it.
pub trait Head {
    /// The value of the header `name` (lower case), `None` where the request has none.
    fn header(&self, name: &str) -> Option<String>;

    /// The method, in capitals.
    fn method(&self) -> String {
        "POST".to_owned()
    }

    /// The URL's query, without the `?`; empty where there is none.
    fn query(&self) -> String {
        String::new()
    }
}

impl Head for [(String, String)] {
    fn header(&self, name: &str) -> Option<String> {
        let mut values = self.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let first = values.next()?.to_owned();
        Some(values.fold(first, |joined, value| joined + ", " + value))
    }
}

impl Head for Vec<(String, String)> {
    fn header(&self, name: &str) -> Option<String> {
        self.as_slice().header(name)
    }
}
