//! Times are read as the RFC says and compared without overflow. The input is one text. Its first bytes are also read as
//! numbers.

use hookgate_verify::{Tolerance, UnixTime};
use std::time::Duration;

pub fn run(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let plain = matches!(text.len(), 1..=12) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        assert_eq!(UnixTime::from_unix_text(text).map(|time| time.to_string()), plain.then(|| text.to_owned()));

        let read = UnixTime::from_rfc3339(text);
        assert_eq!(read.map(UnixTime::seconds), rfc3339(text));
        let shown = read.map(UnixTime::to_rfc3339).filter(|shown| shown.contains('T')); // else in seconds
        assert!(shown.is_none_or(|shown| UnixTime::from_rfc3339(&shown) == read), "a written time is read back");
    }
    if let Some(numbers) = data.first_chunk::<24>() {
        let number = |at: usize| i64::from_le_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
        compare(number(0), number(8), number(16).cast_unsigned());
        compare(number(0), number(0).saturating_add(number(8) % 1000), number(16).cast_unsigned() % 1000);
    }
}

fn compare(signed_at: i64, now: i64, past: u64) {
    let outcome =
        Tolerance::of(Duration::from_secs(past)).check(UnixTime::from_seconds(signed_at), UnixTime::from_seconds(now));
    // The difference of two times may be larger than an i64. Such a difference counts as the largest i64.
    let age = (i128::from(now) - i128::from(signed_at)).clamp(i64::MIN.into(), i64::MAX.into());
    let right = match age {
        age if age > i128::from(past) => Err("too_old"),
        age if -age > i128::from(past.min(300)) => Err("too_new"),
        _ => Ok(()),
    };
    assert_eq!(outcome.map_err(|error| error.code()), right);
}

/// A second reader of RFC 3339: `2026-01-15T12:00:00.5+01:00`. Any one character may separate the date and the time, because
/// the RFC leaves the choice to applications. A leap second is the last second of a month and is read as the second before.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.get(1..)?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    if rest.starts_with('.') && zone.len() + 1 == rest.len() {
        return None;
    }
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), zone) => {
            let [hours, minutes] = numbers(zone, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "-" { -60 } else { 60 }
        }
        _ => return None,
    };
    let leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, 28 + i64::from(leap_year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last = *length.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = |year: i64| year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before: i64 = length.iter().take(usize::try_from(month - 1).ok()?).sum();
    let day = days(year - 1) - days(1969) + before + day - 1;
    let seconds = (day * 24 + hour) * 3600 + minute * 60 + second.min(59) - offset;
    // The calendar repeats every 400 years (146,097 days), so the last year has a next year too.
    let next = UnixTime::from_seconds(seconds + 1 - 146_097 * 86_400 * seconds.signum()).to_rfc3339();
    (second < 60 || next.ends_with("-01T00:00:00Z")).then_some(seconds)
}

fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut read = [0; N];
    for (number, digits) in read.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}
