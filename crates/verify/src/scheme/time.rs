//! The location and the meaning of the signed time of a request.

use crate::JsonPath;
use std::fmt;
use std::time::Duration;

/// The signed time of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// The location of the time.
    pub at: TimestampLocation,
    /// How the time is written.
    pub unit: TimeUnit,
    /// The clock that gives the time.
    pub clock: Clock,
    /// The greatest age of a request by this time. `None` means the customary five minutes.
    pub tolerance: Option<Duration>,
}

/// The location of a signed time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampLocation {
    /// Beside the signature, as the layout says.
    Field,
    /// In another header than the signature.
    Header(String),
    /// In the JSON body.
    Json(JsonPath),
    /// In a claim of the signed token.
    Claim(String),
}

impl fmt::Display for TimestampLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field => f.write_str("the signature header"),
            Self::Header(name) => f.write_str(name),
            Self::Json(path) => path.fmt(f),
            Self::Claim(name) => write!(f, "the claim {name}"),
        }
    }
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// Unix seconds with 1 to 11 digits, or Unix milliseconds with 13 digits (Mercado Pago).
    Unix,
    /// RFC 3339, with a zone.
    Rfc3339,
    /// RFC 3339 in UTC. The zone may be missing, or is `Z` or `+00:00` (Orb).
    Rfc3339Utc,
    /// The preferred date of HTTP: `Tue, 20 Feb 2024 10:00:00 GMT` (RFC 9110, section 5.6.7).
    HttpDate,
}

impl TimeUnit {
    /// A description of the format, for people.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "Unix seconds, digits only",
            Self::Milliseconds => "Unix milliseconds, digits only",
            Self::Unix => "Unix seconds of 1 to 11 digits, or milliseconds of 13",
            Self::Rfc3339 => "RFC 3339 with a zone",
            Self::Rfc3339Utc => "RFC 3339 in UTC, with or without its zone",
            Self::HttpDate => "a date as in HTTP",
        }
    }
}

/// The meaning of a signed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time of the request. Each retry has a new signature.
    Request,
    /// The time of the event. An honest retry may be as old as the provider's retries last.
    Event,
}
