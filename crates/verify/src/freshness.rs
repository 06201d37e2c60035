//! When a request was signed, and whether that is recent enough.

use super::{TimeUnit, VerifyError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

    /// This time and `span` later; the last time there is where that is too far.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }

    /// This time and `span` earlier; the first time there is where that is too far.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }

    /// How long it is from this time until `later`; nothing where that has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_secs(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Reads a Unix timestamp as providers write it: `[1-9][0-9]{0,11}`, nothing else. No sign, blank, fraction,
    /// exponent or leading zero, so that one instant has one text.
    pub fn from_unix_text(text: &str) -> Option<Self> {
        let plain = matches!(text.len(), 1..=12) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if plain { text.parse().ok().map(Self) } else { None }
    }

    /// Reads an RFC 3339 timestamp; one without a zone is refused. A fraction of a second is cut off.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|time| Self(time.unix_timestamp()))
    }

    /// Reads a time that is written in `unit`. Whole seconds count; what is finer is cut off.
    pub fn read(unit: TimeUnit, text: &str) -> Option<Self> {
        match unit {
            TimeUnit::Seconds => Self::from_unix_text(text),
            // Three digits more, and the same rules for the rest.
            TimeUnit::Milliseconds => {
                let (seconds, fraction) = text.split_at_checked(text.len().checked_sub(3)?)?;
                fraction.bytes().all(|b| b.is_ascii_digit()).then(|| Self::from_unix_text(seconds)).flatten()
            }
            // No text is both: seconds have twelve digits from the year 5138 on, milliseconds had twelve until 2001.
            TimeUnit::Unix => match text.len() {
                1..=11 => Self::read(TimeUnit::Seconds, text),
                13 => Self::read(TimeUnit::Milliseconds, text),
                _ => None,
            },
            TimeUnit::Rfc3339 => Self::from_rfc3339(text),
            TimeUnit::Rfc3339Utc => match text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("+00:00")) {
                Some(_) => Self::from_rfc3339(text),
                // Another zone would stand before this one, and two are none.
                None => Self::from_rfc3339(&format!("{text}Z")),
            },
            TimeUnit::HttpDate => Self::from_preferred_http_date(text),
        }
    }

    /// Reads a date of HTTP's preferred form, `Tue, 20 Feb 2024 10:00:00 GMT` (RFC 9110, section 5.6.7). Both obsolete forms
    /// have another length, and are refused: so one instant has one text.
    fn from_preferred_http_date(text: &str) -> Option<Self> {
        Self::from_http_date(text).filter(|_| text.len() == "Tue, 20 Feb 2024 10:00:00 GMT".len())
    }

    /// Reads a date of HTTP in any of its three forms.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_secs()).ok().map(Self)
    }

    /// Writes the time in `unit`.
    pub fn write(self, unit: TimeUnit) -> String {
        match unit {
            TimeUnit::Seconds | TimeUnit::Unix => self.to_string(),
            TimeUnit::Milliseconds => format!("{self}000"),
            TimeUnit::Rfc3339 | TimeUnit::Rfc3339Utc => self.to_rfc3339(),
            TimeUnit::HttpDate => {
                let last = Duration::from_secs(253_402_300_799); // of the year 9999, the last that has such a date
                let time = UNIX_EPOCH.checked_add(Self(0).until(self).min(last)).unwrap_or(UNIX_EPOCH);
                httpdate::fmt_http_date(time)
            }
        }
    }

    /// The time in RFC 3339, UTC, whole seconds; empty outside the years 0 to 9999.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a signed time may lie from now, on either side; the bounds themselves are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// How old a delivery may be.
    pub past: Duration,
    /// How far ahead of our clock the sender's may run.
    pub future: Duration,
}

impl Tolerance {
    /// What clocks may differ and networks delay, where nothing else is known: five minutes, the field's custom.
    pub const CUSTOMARY: Duration = Duration::from_secs(300);

    /// A window that reaches `past` back. Ahead it never reaches further than [`Self::CUSTOMARY`]: an old delivery
    /// may be an honest retry, one from the future is not.
    pub fn of(past: Duration) -> Self {
        Self { past, future: past.min(Self::CUSTOMARY) }
    }

    /// How long one signed request stays acceptable at most. A deduplication entry must live at least as long.
    pub fn span(self) -> Duration {
        self.past.saturating_add(self.future)
    }

    /// Whether `signed_at` lies within the window around `now`.
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
    fn unix_text_has_one_form() {
        assert_eq!(UnixTime::from_unix_text("1614265330"), Some(UnixTime(1_614_265_330)));
        assert_eq!(UnixTime::from_unix_text("999999999999"), Some(UnixTime(999_999_999_999)));
        let digits = "1".repeat(400);
        for text in ["", "0", "01", "+5", "-5", "1e9", "1.5", " 1", "1 ", "1_000", "１", "1000000000000", &digits] {
            assert_eq!(UnixTime::from_unix_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_unix_time_of_either_unit_is_told_by_its_digits() {
        let read = |text: &str| UnixTime::read(TimeUnit::Unix, text).map(UnixTime::seconds);
        assert_eq!(read("1742505638"), Some(1_742_505_638));
        assert_eq!(read("1742505638683"), Some(1_742_505_638));
        assert_eq!(read("1"), Some(1));
        assert_eq!(read("99999999999"), Some(99_999_999_999));
        assert_eq!(read("1000000000000"), Some(1_000_000_000));
        for text in [
            "",
            "0",
            "01742505638",
            "0742505638683",
            "174250563868",
            "17425056386830",
            "174250563868a",
            "-742505638683",
            "1742505638.83",
            "1742505638 83",
            "１７４２",
            "１２３４x",
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
            "",
            "2026-01-15",
            "2026-01-15T12:00:00",
            "2026-01-15T12:00:00+99:00",
            "2026-13-01T00:00:00Z",
            "2026-01-15T12:00:61Z",
            "1768478400",
            "9999-12-31T23:59:59-24:00",
            "+2026-01-15T12:00:00Z",
            "é",
        ] {
            assert_eq!(UnixTime::from_rfc3339(text), None, "{text:?}");
        }
    }

    #[test]
    fn rfc3339_in_utc_may_leave_out_its_zone_and_has_no_other() {
        let read = |text: &str| UnixTime::read(TimeUnit::Rfc3339Utc, text).map(UnixTime::seconds);
        for same in [
            "2024-03-27T15:42:29",
            "2024-03-27T15:42:29.551",
            "2024-03-27T15:42:29Z",
            "2024-03-27T15:42:29.551z",
            "2024-03-27T15:42:29+00:00",
            "2024-03-27T15:42:29.551123+00:00",
        ] {
            assert_eq!(read(same), Some(1_711_554_149), "{same}");
        }
        for text in [
            "",
            "2024-03-27",
            "2024-03-27T15:42",
            "2024-03-27T15:42:29.",
            "2024-03-27T15:42:29+02:00",
            "2024-03-27T15:42:29-00:00",
            "2024-03-27T15:42:29ZZ",
            "2024-03-27T15:42:29Z+00:00",
            "2024-03-27T15:42:29 ",
            "1711554149",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_http_date_is_signed_in_its_preferred_form_alone() {
        let read = |text: &str| UnixTime::read(TimeUnit::HttpDate, text).map(UnixTime::seconds);
        assert_eq!(read("Tue, 20 Feb 2024 10:00:00 GMT"), Some(1_708_423_200));
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in [
            "",
            "Tue, 20 Feb 2024 10:00:00 UTC",
            "Tue, 20 Feb 2024 10:00:00",
            "Tue, 20 Feb 2024 10:00:00 GMT ",
            " Tue, 20 Feb 2024 10:00:00 GMT",
            "Tue, 20 Feb 2024 25:00:00 GMT",
            "Tue, 20 Feb 2024 10:00:0é GMT",
            "Tue, 32 Feb 2024 10:00:00 GMT",
            "Tuesday, 20-Feb-24 10:00:00 GMT",
            "Tue Feb 20 10:00:00 2024",
            "2024-02-20T10:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        for same in ["Tuesday, 20-Feb-24 10:00:00 GMT", "Tue Feb 20 10:00:00 2024"] {
            assert_eq!(UnixTime::from_http_date(same).map(UnixTime::seconds), Some(1_708_423_200), "{same}");
        }
    }

    #[test]
    fn both_sides_of_the_window_are_checked_and_its_bounds_are_inside() {
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
