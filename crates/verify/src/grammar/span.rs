//! Reads and writes numbers with units, such as the durations `90s`, `5m`, `3h` and `7d`.

use std::time::Duration;

/// The units of time, the largest first.
const UNITS: &[(&str, u64)] = &[("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Reads a duration: whole numbers with their units, separated by one blank.
pub fn parse(text: &str) -> Option<Duration> {
    let mut parts = text.split(' ').map(|part| with_unit(part, UNITS));
    parts.try_fold(0_u64, |sum, seconds| sum.checked_add(seconds?)).map(Duration::from_secs)
}

/// Reads a whole number with one of `units`. `units` has each unit with its factor.
pub(super) fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes a duration as [`parse`] reads it: `7d`, `1d 5m`.
#[expect(clippy::expect_used, reason = "each unit of time has at least one second")]
pub fn shown(span: Duration) -> String {
    let mut seconds = span.as_secs();
    let mut parts = Vec::new();
    for (name, factor) in UNITS {
        let number = seconds.checked_div(*factor).expect("a unit has at least one second");
        seconds = seconds.checked_rem(*factor).expect("a unit has at least one second");
        if number > 0 {
            parts.push(format!("{number}{name}"));
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("3h", 10_800), ("7d", 604_800), ("1d 5m", 86_700)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)));
        }
        let overflow = ["99999999999999999999d", "999999999999999999d"];
        for text in ["", "5", "m", "5 m", "-5m", "5min", "1.5h", "1d  5m", " 5m"].into_iter().chain(overflow) {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let shown = |seconds| shown(Duration::from_secs(seconds));
        assert_eq!([shown(0), shown(604_800), shown(86_705)], ["0s", "7d", "1d 5m 5s"]);
    }
}
