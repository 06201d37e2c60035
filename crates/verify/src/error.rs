//! Why a request was refused, with the values that were compared.

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
/// The text is for the operator (log, command line) and names the compared values, never a secret and never a
/// computed signature. A provider gets one and the same 401 for every variant that is not
/// [authentic](VerifyError::is_authentic).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The scheme's signature header is not there.
    #[error("no signature at `{place}`: the request is unsigned, or comes from somebody else")]
    SignatureMissing {
        /// Where the scheme signs: a header's name, or what stands there for a place in query or body.
        place: String,
    },
    /// What stands there does not have the scheme's form.
    #[error("`{place}` is malformed: {problem}")]
    SignatureMalformed {
        /// Where the scheme signs.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More candidate signatures than [`MAX_SIGNATURES`](super::MAX_SIGNATURES).
    #[error("`{place}` carries more than {max} signatures")]
    TooManySignatures {
        /// Where the scheme signs.
        place: String,
        /// The most that are looked at.
        max: usize,
    },
    /// No candidate matches under any secret.
    #[error(
        "none of {candidates} signature(s) at `{place}` matches under any of {secrets} secret(s): \
         another secret, or the body was changed on its way"
    )]
    SignatureMismatch {
        /// Where the scheme signs.
        place: String,
        /// How many signatures the request carried.
        candidates: usize,
        /// How many secrets were tried.
        secrets: usize,
    },
    /// A header or query value that the signature covers is not there, or not usable.
    #[error("the signed `{place}` is {problem}")]
    SignedHeader {
        /// The header's or value's name.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The URL is signed with a query of its own, and the request has another one.
    #[error(
        "the request's query `{query}` is not `{configured}`, the one in `url`: the URL is signed together with what \
         stands beside it, so its query is not the sender's choice. If the provider's setting has that query, write it \
         into `url`"
    )]
    QueryMismatch {
        /// The request's query; its beginning, where it is long.
        query: String,
        /// The query of the configured URL.
        configured: String,
    },
    /// The signed timestamp is not there.
    #[error("no timestamp at `{place}`: freshness cannot be proven")]
    TimestampMissing {
        /// Where the scheme puts it.
        place: String,
    },
    /// The signed timestamp cannot be read.
    #[error("the timestamp at `{place}` is not {expected}")]
    TimestampMalformed {
        /// Where the scheme puts it.
        place: String,
        /// The form it should have.
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
        /// How old it may be.
        tolerance: Duration,
    },
    /// Signed in the future.
    #[error("signed at {signed_at}, {ahead} s after now ({now}); {} s are allowed: is a clock wrong?", tolerance.as_secs())]
    TooNew {
        /// The signed time.
        signed_at: UnixTime,
        /// The time it was compared with.
        now: UnixTime,
        /// `signed_at - now`, in seconds.
        ahead: i64,
        /// How far ahead it may be.
        tolerance: Duration,
    },
    /// The scheme signs the parsed body, and the body has no single meaning to sign.
    #[error("the body cannot be brought into the form that is signed: {problem}")]
    NotCanonical {
        /// What is wrong with it.
        problem: String,
    },
    /// A claim of the signed token, or another signed value, is not what it has to be.
    #[error("the signed `{claim}` is {problem}: it belongs to another body, endpoint or sender")]
    ClaimMismatch {
        /// The claim's name, or where the value stands.
        claim: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What was signed could be the answer to somebody's handshake, which is no delivery.
    #[error("what is signed has the form of a handshake's challenge, and could have been signed for anybody")]
    ChallengeReplayed,
    /// What was signed could have been signed in another of the scheme's forms, where it means something else.
    #[error("what is signed could also be of another form of the scheme, and then say something else")]
    VariantAmbiguous,
    /// Authentic, but the body is not the JSON it should be.
    #[error("authentic, but the body is not JSON: {problem}")]
    NotJson {
        /// What the parser said.
        problem: String,
    },
    /// Authentic, but a key that is read stands twice, so that two readers may see two events.
    #[error("authentic, but ambiguous: the JSON key `{key}` stands twice")]
    AmbiguousJson {
        /// The key.
        key: String,
    },
    /// Authentic, but the event's id is missing, empty, or neither a string nor an integer.
    #[error("authentic, but the event id at `{place}` is {problem}")]
    IdUnreadable {
        /// Where the scheme puts it.
        place: String,
        /// What is there instead.
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

    /// Whether the signature was proven, so that the sender may be told what is wrong with the rest.
    pub fn is_authentic(&self) -> bool {
        matches!(self, Self::NotJson { .. } | Self::AmbiguousJson { .. } | Self::IdUnreadable { .. })
    }
}
