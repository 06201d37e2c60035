//! Times, and the window in which a signed time is fresh.

use super::{TimeUnit, VerifyError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last second of the year 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The time `seconds` after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The time `span` later, or the last possible time.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The time `span` earlier, or the first possible time.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The duration from this time until `later`. Zero if `later` has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Reads a Unix timestamp: `[1-9][0-9]{0,11}`. A sign, a blank, a fraction, an exponent or a leading zero is refused,
    /// so one instant has one text.
    pub fn from_unix_text(text: &str) -> Option<Self> {
        let plain = matches!(text.len(), 1..=12) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if plain { text.parse().ok().map(Self) } else { None }
    }

    /// Reads a timestamp of RFC 3339 with a zone. A fraction of a second is cut off.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|time| Self(time.unix_timestamp()))
    }

    /// Reads a time that is written in `unit`. A fraction of a second is cut off.
    pub fn read(unit: TimeUnit, text: &str) -> Option<Self> {
        match unit {
            TimeUnit::Seconds => Self::from_unix_text(text),
            // Milliseconds are seconds with three more digits.
            TimeUnit::Milliseconds => {
                let (seconds, fraction) = text.split_at_checked(text.len().checked_sub(3)?)?;
                fraction.bytes().all(|b| b.is_ascii_digit()).then(|| Self::from_unix_text(seconds)).flatten()
            }
            // A text of 12 digits is refused. Milliseconds had 12 digits until 2001, and seconds will have 12 from 5138 on.
            TimeUnit::Unix => match text.len() {
                1..=11 => Self::read(TimeUnit::Seconds, text),
                13 => Self::read(TimeUnit::Milliseconds, text),
                _ => None,
            },
            TimeUnit::Rfc3339 => Self::from_rfc3339(text),
            TimeUnit::Rfc3339Utc => match text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("+00:00")) {
                Some(_) => Self::from_rfc3339(text),
                // A text with another zone has two zones then, and is refused.
                None => Self::from_rfc3339(&format!("{text}Z")),
            },
            TimeUnit::HttpDate => Self::from_preferred_http_date(text),
        }
    }

    /// Reads a date in HTTP's preferred format, `Tue, 20 Feb 2024 10:00:00 GMT` (RFC 9110, section 5.6.7). The two obsolete
    /// formats have another length and are refused, so one instant has one text.
    fn from_preferred_http_date(text: &str) -> Option<Self> {
        Self::from_http_date(text).filter(|_| text.len() == "Tue, 20 Feb 2024 10:00:00 GMT".len())
    }

    /// Reads a date of HTTP in any of its three formats.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_secs()).ok().map(Self)
    }

    /// Writes the time in `unit`. RFC 3339 has the years 0 to 9999, and a date of HTTP has the years 1970 to 9999. A time
    /// outside is written as Unix seconds, which no reader of that unit accepts.
    pub fn write(self, unit: TimeUnit) -> String {
        match unit {
            TimeUnit::Seconds | TimeUnit::Unix => self.to_string(),
            TimeUnit::Milliseconds => format!("{self}000"),
            TimeUnit::Rfc3339 | TimeUnit::Rfc3339Utc => self.to_rfc3339(),
            TimeUnit::HttpDate => {
                let since = u64::try_from(self.0).ok().filter(|seconds| *seconds <= LAST_DATE).map(Duration::from_secs);
                let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
                time.map_or_else(|| self.to_string(), httpdate::fmt_http_date)
            }
        }
    }

    /// The time in RFC 3339, in UTC and whole seconds. RFC 3339 has the years 0 to 9999. A time outside is written as Unix
    /// seconds.
    pub fn to_rfc3339(self) -> String {
        let time = OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|time| time.format(&Rfc3339).ok());
        time.unwrap_or_else(|| self.to_string())
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The window around now for a signed time. The bounds are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// The greatest age of a request.
    pub past: Duration,
    /// How far the sender's clock may be ahead.
    pub future: Duration,
}

impl Tolerance {
    /// The customary five minutes, for the difference of the clocks and the delay of the network.
    pub const CUSTOMARY: Duration = Duration::from_secs(300);

    /// A window with the greatest age `past`. The time ahead is at most [`Self::CUSTOMARY`]: an old request may be an
    /// honest retry, but a request from the future is not.
    pub fn of(past: Duration) -> Self {
        Self { past, future: past.min(Self::CUSTOMARY) }
    }

    /// The longest time in which one signed request is fresh. A deduplication entry must live at least as long.
    pub fn span(self) -> Duration {
        self.past.saturating_add(self.future)
    }

    /// Checks that `signed_at` is in the window around `now`.
    ///
    /// # Errors
    /// [`VerifyError::TooOld`] and [`VerifyError::TooNew`], with the compared values.
    pub fn check(self, signed_at: UnixTime, now: UnixTime) -> Result<(), VerifyError> {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let age = now.0.saturating_sub(signed_at.0);
        let ahead = signed_at.0.saturating_sub(now.0);
        if age > seconds(self.past) {
            return Err(VerifyError::TooOld { signed_at, now, age, tolerance: self.past });
        }
        if ahead > seconds(self.future) {
            return Err(VerifyError::TooNew { signed_at, now, ahead, tolerance: self.future });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_time_has_one_text() {
        assert_eq!(UnixTime::from_unix_text("1614265330"), Some(UnixTime(1_614_265_330)));
        assert_eq!(UnixTime::from_unix_text("999999999999"), Some(UnixTime(999_999_999_999)));
        let digits = "1".repeat(400);
        for text in ["", "0", "01", "+5", "-5", "1e9", "1.5", " 1", "1 ", "1_000", "１", "1000000000000", &digits] {
            assert_eq!(UnixTime::from_unix_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_number_of_digits_tells_seconds_from_milliseconds() {
        let read = |text: &str| UnixTime::read(TimeUnit::Unix, text).map(UnixTime::seconds);
        assert_eq!(read("1742505638"), Some(1_742_505_638));
        assert_eq!(read("1742505638683"), Some(1_742_505_638));
        assert_eq!(read("1"), Some(1));
        assert_eq!(read("99999999999"), Some(99_999_999_999));
        assert_eq!(read("1000000000000"), Some(1_000_000_000));
        for text in [
            "", "0", "01742505638", "0742505638683", "174250563868", "17425056386830", "174250563868a",
            "-742505638683", "1742505638.83", "1742505638 83", "１７４２", "１２３４x",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn rfc3339_needs_a_zone_and_never_panics() {
        let noon = UnixTime::from_rfc3339("2026-01-15T12:00:00Z");
        assert_eq!(noon, Some(UnixTime(1_768_478_400)));
        for same in [
            "2026-01-15T12:00:00z",
            "2026-01-15T14:00:00+02:00",
            "2026-01-15T06:30:00-05:30",
            "2026-01-15T12:00:00.999Z",
            "2026-01-15T12:00:00.0000000000000000000000000000001Z",
        ] {
            assert_eq!(UnixTime::from_rfc3339(same), noon, "{same}");
        }
        assert_eq!(UnixTime::from_rfc3339("2016-12-31T23:59:60Z"), UnixTime::from_rfc3339("2016-12-31T23:59:59Z"));
        assert!(UnixTime::from_rfc3339("0000-01-01T00:00:00Z").is_some());
        assert!(UnixTime::from_rfc3339("9999-12-31T23:59:59Z").is_some());
        for text in [
            "", "2026-01-15", "2026-01-15T12:00:00", "2026-01-15T12:00:00+99:00", "2026-13-01T00:00:00Z",
            "2026-01-15T12:00:61Z", "1768478400", "9999-12-31T23:59:59-24:00", "+2026-01-15T12:00:00Z", "é",
        ] {
            assert_eq!(UnixTime::from_rfc3339(text), None, "{text:?}");
        }
    }

    #[test]
    fn rfc3339_in_utc_has_no_zone_or_the_zone_utc() {
        let read = |text: &str| UnixTime::read(TimeUnit::Rfc3339Utc, text).map(UnixTime::seconds);
        for same in [
            "2024-03-27T15:42:29", "2024-03-27T15:42:29.551", "2024-03-27T15:42:29Z", "2024-03-27T15:42:29.551z",
            "2024-03-27T15:42:29+00:00", "2024-03-27T15:42:29.551123+00:00",
        ] {
            assert_eq!(read(same), Some(1_711_554_149), "{same}");
        }
        for text in [
            "", "2024-03-27", "2024-03-27T15:42", "2024-03-27T15:42:29.", "2024-03-27T15:42:29+02:00",
            "2024-03-27T15:42:29-00:00", "2024-03-27T15:42:29ZZ", "2024-03-27T15:42:29Z+00:00", "2024-03-27T15:42:29 ",
            "1711554149",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_signed_http_date_has_the_preferred_format() {
        let read = |text: &str| UnixTime::read(TimeUnit::HttpDate, text).map(UnixTime::seconds);
        assert_eq!(read("Tue, 20 Feb 2024 10:00:00 GMT"), Some(1_708_423_200));
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in [
            "", "Tue, 20 Feb 2024 10:00:00 UTC", "Tue, 20 Feb 2024 10:00:00", "Tue, 20 Feb 2024 10:00:00 GMT ",
            " Tue, 20 Feb 2024 10:00:00 GMT", "Tue, 20 Feb 2024 25:00:00 GMT", "Tue, 20 Feb 2024 10:00:0é GMT",
            "Tue, 32 Feb 2024 10:00:00 GMT", "Tuesday, 20-Feb-24 10:00:00 GMT", "Tue Feb 20 10:00:00 2024",
            "2024-02-20T10:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        for same in ["Tuesday, 20-Feb-24 10:00:00 GMT", "Tue Feb 20 10:00:00 2024"] {
            assert_eq!(UnixTime::from_http_date(same).map(UnixTime::seconds), Some(1_708_423_200), "{same}");
        }
    }

    #[test]
    fn a_time_outside_the_years_of_its_unit_is_written_in_seconds() {
        for seconds in [i64::MIN, -62_167_219_201, 253_402_300_800, i64::MAX] {
            for unit in [TimeUnit::Rfc3339, TimeUnit::Rfc3339Utc, TimeUnit::HttpDate] {
                let text = UnixTime(seconds).write(unit);
                assert_eq!((text.as_str(), UnixTime::read(unit, &text)), (seconds.to_string().as_str(), None));
            }
        }
        assert_eq!(UnixTime(-1).write(TimeUnit::HttpDate), "-1", "and not the first second of 1970");
        assert_eq!(UnixTime(253_402_300_799).write(TimeUnit::HttpDate), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn both_bounds_of_the_window_are_checked_and_are_inside() {
        let window = Tolerance::of(Duration::from_secs(3600));
        let now = UnixTime(1_000_000);
        let check = |signed_at| window.check(UnixTime(signed_at), now).map_err(|e| e.code());
        assert_eq!(check(1_000_000 - 3600), Ok(()));
        assert_eq!(check(1_000_000 - 3601), Err("too_old"));
        assert_eq!(check(1_000_000 + 300), Ok(()));
        assert_eq!(check(1_000_000 + 301), Err("too_new"));
        assert_eq!(check(i64::MIN), Err("too_old"));
        assert_eq!(check(i64::MAX), Err("too_new"));
    }
}
