//! The reasons why a request is refused, with the compared values.

use super::grammar::span;
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
    #[error("there is no signature at \"{place}\": the request is unsigned, or another sender sent it")]
    SignatureMissing {
        /// The location of the signature, as a text for people.
        place: String,
    },
    /// The text at the signature's location does not have a layout of the scheme.
    #[error("\"{place}\" has another form than the provider's: {problem}")]
    SignatureMalformed {
        /// The location of the signature, as a text for people.
        place: String,
        /// The problem.
        problem: &'static str,
    },
    /// More candidate signatures than [`MAX_SIGNATURES`](super::MAX_SIGNATURES).
    #[error("there are more than {max} signatures at \"{place}\"")]
    TooManySignatures {
        /// The location of the signature, as a text for people.
        place: String,
        /// The most signatures that are allowed.
        max: usize,
    },
    /// No candidate matches under any secret.
    #[error(
        "{}: the sender has another secret, or the body was changed on its way", no_match(place, *candidates, *secrets)
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
    #[error("the signed \"{place}\" cannot be used: {problem}")]
    SignedHeader {
        /// The header's or value's name.
        place: String,
        /// The problem.
        problem: &'static str,
    },
    /// The URL is signed with its configured query, and the request has another query.
    #[error(
        "the request has the query \"{query}\", and \"url\" has the query \"{configured}\". Both must be equal, because the \
         signature does not show where the URL ends"
    )]
    QueryMismatch {
        /// The request's query, or the beginning of a long query.
        query: String,
        /// The query of the configured URL.
        configured: String,
    },
    /// The signed timestamp is missing.
    #[error("there is no signed time at \"{place}\", so nobody can tell how old the request is")]
    TimestampMissing {
        /// The location, as a text for people.
        place: String,
    },
    /// The signed timestamp cannot be read.
    #[error("the signed time at \"{place}\" is not {expected}")]
    TimestampMalformed {
        /// The location, as a text for people.
        place: String,
        /// The expected format.
        expected: &'static str,
    },
    /// Signed too long ago.
    #[error(
        "the request is too old: its signed time is {}, {} before it came at {}. At most {} are allowed",
        signed_at.to_rfc3339(), seconds(*age), now.to_rfc3339(), span::shown(*tolerance)
    )]
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
        "the request is too new: its signed time is {}, {} after it came at {}. At most {} are allowed",
        signed_at.to_rfc3339(), seconds(*ahead), now.to_rfc3339(), span::shown(*tolerance)
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
    #[error("the signed \"{claim}\" is {problem}: the signature belongs to another body, endpoint or sender")]
    ClaimMismatch {
        /// The claim's name, or the location of the value.
        claim: String,
        /// The problem.
        problem: &'static str,
    },
    /// The signed content could be the challenge of a handshake, which is no event.
    #[error("the signed content looks like the challenge of a handshake, and anybody can have such a challenge signed")]
    ChallengeReplayed,
    /// The signed content could belong to another variant of the scheme, with another meaning.
    #[error("the signed content can also be read in another form of the scheme, with another meaning")]
    VariantAmbiguous,
    /// Authentic, but the body is not the JSON it should be.
    #[error("the request is authentic, but its body is not JSON: {problem}")]
    NotJson {
        /// The parser's message.
        problem: String,
    },
    /// Authentic, but a JSON key that is read is repeated, so two parsers may read two events.
    #[error("the request is authentic, but its JSON has the key \"{key}\" twice")]
    AmbiguousJson {
        /// The key.
        key: String,
    },
    /// Authentic, but the event's id is missing, empty, or neither a string nor an integer.
    #[error("the request is authentic, but the event's id at \"{place}\" is {problem}")]
    IdUnreadable {
        /// The location, as a text for people.
        place: String,
        /// The problem.
        problem: &'static str,
    },
}

/// That no signature matches a secret.
fn no_match(place: &str, candidates: usize, secrets: usize) -> String {
    let (subject, verb) = match candidates {
        1 => (format!("the signature at \"{place}\""), "does not match"),
        _ => (format!("none of the {candidates} signatures at \"{place}\""), "matches"),
    };
    match secrets {
        1 => format!("{subject} {verb} the secret"),
        _ => format!("{subject} {verb} any of the {secrets} secrets"),
    }
}

/// A number of seconds as a duration. A negative number is none.
fn seconds(number: i64) -> String {
    span::shown(Duration::from_secs(number.try_into().unwrap_or(0)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_words_that_fit_them_and_times_are_dates() {
        assert_eq!(no_match("x", 1, 1), "the signature at \"x\" does not match the secret");
        assert_eq!(no_match("x", 1, 2), "the signature at \"x\" does not match any of the 2 secrets");
        assert_eq!(no_match("x", 3, 1), "none of the 3 signatures at \"x\" matches the secret");
        assert_eq!(no_match("x", 3, 2), "none of the 3 signatures at \"x\" matches any of the 2 secrets");
        let at = UnixTime::from_seconds;
        let (now, tolerance) = (at(1_768_480_200), Duration::from_secs(300));
        assert_eq!(
            VerifyError::TooOld { signed_at: at(1_768_479_840), now, age: 360, tolerance }.to_string(),
            "the request is too old: its signed time is 2026-01-15T12:24:00Z, 6m before it came at 2026-01-15T12:30:00Z. \
             At most 5m are allowed"
        );
        assert_eq!(
            VerifyError::TooNew { signed_at: at(1_768_480_561), now, ahead: 361, tolerance }.to_string(),
            "the request is too new: its signed time is 2026-01-15T12:36:01Z, 6m 1s after it came at 2026-01-15T12:30:00Z. \
             At most 5m are allowed"
        );
    }
}
