//! The texts that a signed part may have, and how the text itself tells where such a part ends.

use super::Problem;
use crate::{DeclaredFormat, JsonPath, Part, TimeUnit, Timestamp, TimestampLocation};

/// The texts that a part may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueFormat {
    /// A fixed text.
    Literal,
    /// The configured URL, with the configured query.
    Url,
    /// So many bytes.
    Bytes(usize),
    /// So many bytes of lower-case hexadecimal.
    Hex(usize),
    /// Unix time of so many digits.
    Digits(usize),
    /// Unix time, up to so many digits.
    UpToDigits(usize),
    /// Unix time of 1 to 11 digits, or of 13.
    Unix,
    /// RFC 3339 with a zone: its own bytes tell where it begins and ends.
    Rfc3339,
    /// RFC 3339 in UTC, whose zone may be missing: its own bytes tell where it begins, and not where it ends.
    Rfc3339Utc,
    /// A date as in HTTP, of 29 bytes.
    HttpDate,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
    /// `A-Z a-z 0-9 _ - + / =`, at least one.
    Word,
    /// `A-Z`, at least one: a method.
    Capitals,
    /// Any text.
    Text,
    /// Any text, by its nature: what is signed of a whole body, or what is declared so.
    Free,
}

pub(super) fn shape(
    part: &Part,
    timestamp: Option<&Timestamp>,
    declared: Option<DeclaredFormat>,
    url: ValueFormat,
) -> ValueFormat {
    if let Some(declared) = declared {
        return match declared {
            DeclaredFormat::Any => ValueFormat::Free,
            DeclaredFormat::Word => ValueFormat::Word,
            DeclaredFormat::Uuid => ValueFormat::Uuid,
        };
    }
    let time = |unit: TimeUnit| match unit {
        TimeUnit::Seconds => ValueFormat::UpToDigits(12),
        TimeUnit::Milliseconds => ValueFormat::UpToDigits(15),
        TimeUnit::Unix => ValueFormat::Unix,
        TimeUnit::Rfc3339 => ValueFormat::Rfc3339,
        TimeUnit::Rfc3339Utc => ValueFormat::Rfc3339Utc,
        TimeUnit::HttpDate => ValueFormat::HttpDate,
    };
    let is_time = |path: &JsonPath| timestamp.is_some_and(|time| time.at == TimestampLocation::Json(path.clone()));
    match part {
        Part::Literal(_) => ValueFormat::Literal,
        Part::Timestamp => timestamp.map_or(ValueFormat::Text, |timestamp| time(timestamp.unit)),
        Part::Json(path) if is_time(path) => timestamp.map_or(ValueFormat::Text, |timestamp| time(timestamp.unit)),
        Part::Header(_)
        | Part::Query(_)
        | Part::QueryLower(_)
        | Part::Path
        | Part::ListedHeaders(_)
        | Part::SortedQuery
        | Part::Json(_)
        | Part::Form(_) => ValueFormat::Text,
        Part::Url => url,
        Part::Method => ValueFormat::Capitals,
        Part::BodySha256 => ValueFormat::Hex(64),
        Part::BodySha256Bytes => ValueFormat::Bytes(32),
        Part::Body | Part::CanonicalJsonString | Part::SortedForm | Part::JsonLines(_) | Part::Jws => ValueFormat::Free,
    }
}

/// How many bytes of the beginning of `text` have this form; `None` where they have not, or where it has no end of its own.
pub(super) fn length_of(shape: ValueFormat, text: &[u8]) -> Option<usize> {
    let run = |fits: fn(&u8) -> bool| text.iter().take_while(|byte| fits(byte)).count();
    let exactly =
        |length: usize, fits: fn(&u8) -> bool| text.get(..length).filter(|text| text.iter().all(fits)).map(<[u8]>::len);
    let some = |length: usize| Some(length).filter(|length| *length > 0);
    match shape {
        ValueFormat::Bytes(length) => exactly(length, |_| true),
        ValueFormat::Hex(length) => exactly(length, u8::is_ascii_hexdigit),
        ValueFormat::Digits(length) => exactly(length, u8::is_ascii_digit),
        ValueFormat::UpToDigits(most) => some(run(u8::is_ascii_digit)).filter(|length| *length <= most),
        ValueFormat::Unix => some(run(u8::is_ascii_digit)).filter(|length| matches!(length, 1..=11 | 13)),
        ValueFormat::Rfc3339 => {
            rfc3339(text).filter(|(_, zone)| *zone > 0).map(|(time, zone)| time.saturating_add(zone))
        }
        ValueFormat::Rfc3339Utc => rfc3339(text).map(|(time, zone)| time.saturating_add(zone)),
        ValueFormat::HttpDate => exactly(29, |byte| *byte != b'\n'),
        ValueFormat::Uuid => exactly(36, |byte| byte.is_ascii_hexdigit() || *byte == b'-'),
        ValueFormat::Word => some(run(is_of_word)),
        ValueFormat::Capitals => some(run(u8::is_ascii_uppercase)),
        ValueFormat::Literal | ValueFormat::Url | ValueFormat::Text | ValueFormat::Free => None,
    }
}

pub(super) fn is_of_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+/=".contains(byte)
}

/// The lengths of a time in RFC 3339 without its zone, and of the zone; 0 where there is none. Its date and time have 19
/// bytes, a fraction has digits alone, and a zone is `Z` or six bytes: read from either side, it ends in one place.
fn rfc3339(text: &[u8]) -> Option<(usize, usize)> {
    let (time, rest) = text.split_at_checked(19)?;
    let digits = |pattern: &[u8], text: &[u8]| {
        pattern.iter().zip(text).all(|(wanted, byte)| match wanted {
            b'0' => byte.is_ascii_digit(),
            b'?' => true,
            wanted => wanted == byte,
        })
    };
    if !digits(b"0000-00-00?00:00:00", time) || !matches!(time.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let fraction = match rest.strip_prefix(b".") {
        None => 0,
        Some(rest) => match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => return None,
            count => count.saturating_add(1),
        },
    };
    let zone = match rest.get(fraction..)? {
        [b'Z' | b'z', ..] => 1,
        zone @ [b'+' | b'-', _, _, _, _, _, ..] if digits(b"?00:00", zone) => 6,
        _ => 0,
    };
    Some((fraction.saturating_add(19), zone))
}

pub(super) fn wanted(shape: ValueFormat) -> Problem {
    match shape {
        ValueFormat::Digits(10) => "not ten digits, as it must have where it touches another part of what is signed",
        ValueFormat::Digits(_) => {
            "not of the number of digits that it must have where it touches another part of what is signed"
        }
        ValueFormat::UpToDigits(_) => "not a number of digits",
        ValueFormat::Unix => "not a number of 1 to 11 digits, or of 13",
        ValueFormat::Rfc3339 | ValueFormat::Rfc3339Utc => "not a time of RFC 3339",
        ValueFormat::HttpDate => "not a date of 29 characters, as in HTTP",
        ValueFormat::Uuid => "not a UUID",
        ValueFormat::Word => "not a word of `A-Z a-z 0-9 _ - + / =`",
        ValueFormat::Capitals => "not a method in capitals",
        ValueFormat::Literal
        | ValueFormat::Url
        | ValueFormat::Bytes(_)
        | ValueFormat::Hex(_)
        | ValueFormat::Text
        | ValueFormat::Free => "not of its form",
    }
}
