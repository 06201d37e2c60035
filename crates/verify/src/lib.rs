//! The verification core. Its input is headers, bytes and a time. Its output is a proof or a precise error.
//!
//! In scope: whether a request is authentic and fresh, and which event it carries. Not in scope: reading requests,
//! clocks, storage, HTTP answers. The core does no I/O, reads no clock and knows no runtime.
//!
//! [`Verifier::receive`] reads the head of a request. [`Received::verify`] proves the request with its raw body.
//! [`Verified`] is the proof, and only [`Received::verify`] makes it.
//!
//! Invariants:
//! - the scheme comes from the configuration, never from the request;
//! - only a signed time decides the freshness;
//! - if the signature covers the content, only signed values identify the event. An unsigned header may split an identity,
//!   but never merges two identities;
//! - the MAC covers the bytes as received, with the texts of the headers. Some providers sign a value and not its bytes.
//!   Only for them the core writes a value again: [`Part::CanonicalJsonString`], [`Part::SortedForm`],
//!   [`Part::SortedQuery`], [`Part::Path`], [`Part::QueryLower`], and the decoded values of a query, a form or a JSON body;
//! - every secret is tried on every candidate signature in constant time, without an early exit.

/// The README's example. The tests compile and run it.
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
mod scanner;
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
pub use scanner::JsonScanner;
pub use scheme::{
    Algorithm, ClaimText, Clock, DeclaredFormat, Encoding, Hash, IdLocation, Layout, Location, Part, Preset,
    PublicAlgorithm, Scheme, SecretEncoding, Strength, TimeUnit, Timestamp, TimestampLocation, TokenClaims,
    TypeLocation, Variant, Weakness, WithoutId,
};
pub use secret::{HmacKey, Secret, SecretError, VerificationKey};
pub use sign::{SampleEvent, SampleRequest, SharedSigner, SignError, SignInput, Signed, Signer, sample, sign};
pub use signature::MAX_SIGNATURES;
pub use variants::{Indistinguishable, check_distinguishable};
pub use verify::{Received, Verified, Verifier};

/// The most secrets of a source: the current secret, and older secrets during a rotation.
pub const MAX_SECRETS: usize = 4;

/// The shortest shared secret, in bytes. An attacker with one request can guess a shorter secret.
pub const SHORTEST_SECRET: usize = 8;

/// The recommended length of a shared secret, in bytes.
pub const GOOD_SECRET: usize = 16;

/// The head of a request.
///
/// The values of a repeated header are joined with `, `, as in Fetch.
pub trait Head {
    /// The value of the header `name` (lower case). `None` if the request does not have the header.
    fn header(&self, name: &str) -> Option<String>;

    /// The method, in capitals.
    fn method(&self) -> String {
        "POST".to_owned()
    }

    /// The URL's query without the `?`. Empty if the URL has no query.
    fn query(&self) -> String {
        String::new()
    }
}

impl<H: Head + ?Sized> Head for &H {
    fn header(&self, name: &str) -> Option<String> {
        (**self).header(name)
    }

    fn method(&self) -> String {
        (**self).method()
    }

    fn query(&self) -> String {
        (**self).query()
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
