//! Times in arguments and in bodies.

use hookgate_verify::UnixTime;
use hookgate_verify::grammar::span;
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in milliseconds, in the years that RFC 3339 can write: 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeArgument(OffsetDateTime);

impl TimeArgument {
    /// The current time.
    #[expect(clippy::expect_used, reason = "no gateway accepts a signature of a clock before 1970 or after 9999")]
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        Self(OffsetDateTime::UNIX_EPOCH).later(now).expect("a clock before the year 10000")
    }

    /// This time in whole seconds, for signatures.
    pub fn unix(self) -> UnixTime {
        UnixTime::from_seconds(self.0.unix_timestamp())
    }

    /// This time in RFC 3339 and UTC, for bodies.
    #[expect(clippy::expect_used, reason = "RFC 3339 can write each year from 0 to 9999, and `new` takes no other")]
    pub fn rfc3339(self) -> String {
        self.0.format(&Rfc3339).expect("a year from 0 to 9999")
    }

    /// The time `by` before this one. `None` before the year 0.
    pub fn earlier(self, by: Duration) -> Option<Self> {
        self.0.checked_sub(by.try_into().ok()?).and_then(Self::new)
    }

    /// The time `by` after this one. `None` after the year 9999.
    pub fn later(self, by: Duration) -> Option<Self> {
        self.0.checked_add(by.try_into().ok()?).and_then(Self::new)
    }

    fn new(time: OffsetDateTime) -> Option<Self> {
        let milliseconds = time.truncate_to_millisecond();
        (0..=9999).contains(&time.year()).then_some(Self(milliseconds))
    }
}

impl FromStr for TimeArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = if let Some(ago) = text.strip_prefix('-') {
            Self::now().earlier(span::parse(ago).ok_or(FORMS)?)
        } else if let Some(ahead) = text.strip_prefix('+') {
            Self::now().later(span::parse(ahead).ok_or(FORMS)?)
        } else if let Some(unix) = UnixTime::from_unix_text(text) {
            OffsetDateTime::from_unix_timestamp(unix.seconds()).ok().and_then(Self::new)
        } else {
            let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| FORMS)?;
            time.checked_to_offset(time::UtcOffset::UTC).and_then(Self::new)
        };
        moment.ok_or("lies outside the years 0 to 9999")
    }
}

const FORMS: &str = "write it as 2026-01-15T12:00:00Z, as Unix seconds, or from now as -3h or +10m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc3339_or_unix_seconds_or_relative_to_now() {
        let noon = TimeArgument::from_str("2026-01-15T12:00:00Z").expect("a time");
        assert_eq!(noon.unix().seconds(), 1_768_478_400);
        assert_eq!(TimeArgument::from_str("1768478400"), Ok(noon));
        assert_eq!(TimeArgument::from_str("2026-01-15T14:00:00+02:00"), Ok(noon));
        assert_eq!(noon.rfc3339(), "2026-01-15T12:00:00Z");
        let precise = TimeArgument::from_str("2026-01-15T12:00:00.1239Z").expect("a time");
        assert_eq!(precise.rfc3339(), "2026-01-15T12:00:00.123Z");
        let ago = TimeArgument::from_str("-3h").expect("a time");
        let age = TimeArgument::now().unix().seconds() - ago.unix().seconds();
        assert!((10_800..10_860).contains(&age), "{age}");
        assert!(TimeArgument::from_str("+10m").expect("a time").unix() > TimeArgument::now().unix());
    }

    #[test]
    fn any_other_text_is_refused_as_a_time() {
        for text in ["", "noon", "-3", "2026-01-15", "2026-01-15T12:00:00", "999999999999", "-3 h", "-9999999d"] {
            assert!(TimeArgument::from_str(text).is_err(), "{text:?}");
        }
    }
}
