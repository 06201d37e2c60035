//! The reasons why a request is refused, with the compared values.

use super::{MAX_SECRETS, UnixTime};
use std::time::Duration;
use thiserror::Error;

/// The reason why a [`Verifier`](super::Verifier) does not accept its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeysError {
    /// More keys than [`MAX_SECRETS`].
    #[error("more than {MAX_SECRETS} secrets")]
    TooMany,
    /// Such a key would prove other signatures than the provider's, or none.
    #[error("a key of another algorithm than the scheme's")]
    OtherAlgorithm,
}

/// The reason why a request is not [`Verified`](super::Verified).
///
/// The text is for the operator, in the log and on the command line. It names the compared values, but never a secret and
/// never a computed signature. The provider gets the same 401 for every reason that is not
/// [authentic](VerifyError::is_authentic).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The request has no signature at any of the scheme's locations.
    #[error("no signature at `{place}`: the request is unsigned, or comes from another sender")]
    SignatureMissing {
        /// The location of the signature, as a text for people.
        place: String,
    },
    /// The text at the signature's location does not have a layout of the scheme.
    #[error("`{place}` is malformed: {problem}")]
    SignatureMalformed {
        /// The location of the signature, as a text for people.
        place: String,
        /// The problem.
        problem: &'static str,
    },
    /// More candidate signatures than [`MAX_SIGNATURES`](super::MAX_SIGNATURES).
    #[error("`{place}` carries more than {max} signatures")]
    TooManySignatures {
        /// The location of the signature, as a text for people.
        place: String,
        /// The most signatures that are allowed.
        max: usize,
    },
    /// No candidate matches under any secret.
    #[error(
        "none of {candidates} signature(s) at `{place}` matches under any of {secrets} secret(s): \
         the sender has another secret, or the body was changed on its way"
    )]
    SignatureMismatch {
        /// The location of the signature, as a text for people.
        place: String,
        /// How many signatures the request carried.
        candidates: usize,
        /// How many secrets were tried.
        secrets: usize,
    },
    /// A signed header or a signed value of the query is missing or not usable.
    #[error("the signed `{place}` is {problem}")]
    SignedHeader {
        /// The header's or value's name.
        place: String,
        /// The problem.
        problem: &'static str,
    },
    /// The URL is signed with its configured query, and the request has another query.
    #[error(
        "the request's query `{query}` is not `{configured}`, which is the query of `url`: nothing separates the signed \
         URL from the next signed part, so the sender must not choose the query. If the provider's setting has that query, \
         write it into `url`"
    )]
    QueryMismatch {
        /// The request's query, or the beginning of a long query.
        query: String,
        /// The query of the configured URL.
        configured: String,
    },
    /// The signed timestamp is missing.
    #[error("no timestamp at `{place}`: freshness cannot be proven")]
    TimestampMissing {
        /// The location, as a text for people.
        place: String,
    },
    /// The signed timestamp cannot be read.
    #[error("the timestamp at `{place}` is not {expected}")]
    TimestampMalformed {
        /// The location, as a text for people.
        place: String,
        /// The expected format.
        expected: &'static str,
    },
    /// Signed too long ago.
    #[error("stale: signed at {signed_at}, {age} s before now ({now}); {} s are allowed", tolerance.as_secs())]
    TooOld {
        /// The signed time.
        signed_at: UnixTime,
        /// The time it was compared with.
        now: UnixTime,
        /// `now - signed_at`, in seconds.
        age: i64,
        /// The greatest allowed age.
        tolerance: Duration,
    },
    /// Signed in the future.
    #[error(
        "signed at {signed_at}, {ahead} s after now ({now}); {} s are allowed: one clock may be wrong",
        tolerance.as_secs()
    )]
    TooNew {
        /// The signed time.
        signed_at: UnixTime,
        /// The time it was compared with.
        now: UnixTime,
        /// `signed_at - now`, in seconds.
        ahead: i64,
        /// The greatest allowed time ahead.
        tolerance: Duration,
    },
    /// The signed content cannot be made from the body.
    #[error("the signed content cannot be made from the body: {problem}")]
    NotCanonical {
        /// The problem.
        problem: String,
    },
    /// A claim of the signed token, or another signed value, differs from its necessary value.
    #[error("the signed `{claim}` is {problem}: the signature belongs to another body, endpoint or sender")]
    ClaimMismatch {
        /// The claim's name, or the location of the value.
        claim: String,
        /// The problem.
        problem: &'static str,
    },
    /// The signed content could be the challenge of a handshake, which is no event.
    #[error("the signed content looks like a handshake's challenge, which an attacker can have signed")]
    ChallengeReplayed,
    /// The signed content could belong to another variant of the scheme, with another meaning.
    #[error("the signed content could also belong to another variant of the scheme, with another meaning")]
    VariantAmbiguous,
    /// Authentic, but the body is not the JSON it should be.
    #[error("authentic, but the body is not JSON: {problem}")]
    NotJson {
        /// The parser's message.
        problem: String,
    },
    /// Authentic, but a JSON key that is read is repeated, so two parsers may read two events.
    #[error("authentic, but ambiguous: the JSON key `{key}` is repeated")]
    AmbiguousJson {
        /// The key.
        key: String,
    },
    /// Authentic, but the event's id is missing, empty, or neither a string nor an integer.
    #[error("authentic, but the event id at `{place}` is {problem}")]
    IdUnreadable {
        /// The location, as a text for people.
        place: String,
        /// The problem.
        problem: &'static str,
    },
}

impl VerifyError {
    /// The stable name of this reason, for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignatureMissing { .. } => "signature_missing",
            Self::SignatureMalformed { .. } => "signature_malformed",
            Self::TooManySignatures { .. } => "too_many_signatures",
            Self::SignatureMismatch { .. } => "signature_mismatch",
            Self::SignedHeader { .. } => "signed_header",
            Self::QueryMismatch { .. } => "query_mismatch",
            Self::TimestampMissing { .. } => "timestamp_missing",
            Self::TimestampMalformed { .. } => "timestamp_malformed",
            Self::TooOld { .. } => "too_old",
            Self::TooNew { .. } => "too_new",
            Self::NotCanonical { .. } => "not_canonical",
            Self::ClaimMismatch { .. } => "claim_mismatch",
            Self::ChallengeReplayed => "challenge_replayed",
            Self::VariantAmbiguous => "form_ambiguous",
            Self::NotJson { .. } => "not_json",
            Self::AmbiguousJson { .. } => "ambiguous_json",
            Self::IdUnreadable { .. } => "id_unreadable",
        }
    }

    /// Whether the signature was proven. Then the sender may know the reason.
    pub fn is_authentic(&self) -> bool {
        matches!(self, Self::NotJson { .. } | Self::AmbiguousJson { .. } | Self::IdUnreadable { .. })
    }
}
