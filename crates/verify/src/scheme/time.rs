//! Where the signed time of a request stands, and what it is the time of.

use crate::JsonPath;
use std::fmt;
use std::time::Duration;

/// Where a signed time stands, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// Where it stands.
    pub at: TimestampLocation,
    /// How it is written.
    pub unit: TimeUnit,
    /// What it is the time of.
    pub clock: Clock,
    /// How old a delivery may be by it, where the provider's own check allows more or less than the customary five minutes.
    pub tolerance: Option<Duration>,
}

/// Where a signed time stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampLocation {
    /// In the signature's place, as its layout names it.
    Field,
    /// In a header of its own.
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
    /// Unix seconds or milliseconds, told by the number of digits: 1 to 11 are seconds, 13 milliseconds (Mercado Pago).
    Unix,
    /// RFC 3339, with a zone.
    Rfc3339,
    /// RFC 3339 in UTC, whose zone may be missing; one that stands there is `Z` or `+00:00` (Orb).
    Rfc3339Utc,
    /// A date as in mails and HTTP: `Tue, 20 Feb 2024 10:00:00 GMT` (RFC 2822).
    HttpDate,
}

impl TimeUnit {
    /// What a time should look like, for people.
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

/// What a signed time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Of this delivery: each retry is signed afresh.
    Request,
    /// Of the event: an honest retry is as old as the retries go.
    Event,
}
