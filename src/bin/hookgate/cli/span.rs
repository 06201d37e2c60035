//! Spans of time, written as the configuration has them: `90s`, `5m`, `3h`, `7d`.

use std::time::Duration;

/// The units, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Reads a whole number with its unit.
pub fn parse(text: &str) -> Option<Duration> {
    let (name, factor) = UNITS.into_iter().find(|(name, _)| text.ends_with(name))?;
    let number: u64 = text.strip_suffix(name)?.parse().ok()?;
    number.checked_mul(factor).map(Duration::from_secs)
}

/// A span for people: `1d 5m`.
pub fn shown(span: Duration) -> String {
    let mut seconds = span.as_secs();
    let mut parts = Vec::new();
    for (name, factor) in UNITS {
        let (number, rest) = (seconds.checked_div(factor), seconds.checked_rem(factor));
        seconds = rest.unwrap_or_default();
        parts.extend(number.filter(|&number| number > 0).map(|number| format!("{number}{name}")));
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("3h", 10_800), ("7d", 604_800)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)));
        }
        for text in ["", "5", "m", "5 m", "-5m", "5min", "1.5h", "99999999999999999999d", "999999999999999999d"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let shown = |seconds| shown(Duration::from_secs(seconds));
        assert_eq!([shown(0), shown(604_800), shown(86_705)], ["0s", "7d", "1d 5m 5s"]);
    }
}
