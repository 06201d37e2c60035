//! The texts that a signed part may have, and how the text itself tells where such a part ends.

use super::Problem;
use crate::{Declared, JsonPath, Part, TimeUnit, Timestamp, TimestampAt};

/// The texts that a part may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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

pub(super) fn shape(part: &Part, timestamp: Option<&Timestamp>, declared: Option<Declared>, url: Shape) -> Shape {
    if let Some(declared) = declared {
        return match declared {
            Declared::Any => Shape::Free,
            Declared::Word => Shape::Word,
            Declared::Uuid => Shape::Uuid,
        };
    }
    let time = |unit: TimeUnit| match unit {
        TimeUnit::Seconds => Shape::UpToDigits(12),
        TimeUnit::Milliseconds => Shape::UpToDigits(15),
        TimeUnit::Unix => Shape::Unix,
        TimeUnit::Rfc3339 => Shape::Rfc3339,
        TimeUnit::Rfc3339Utc => Shape::Rfc3339Utc,
        TimeUnit::HttpDate => Shape::HttpDate,
    };
    let is_time = |path: &JsonPath| timestamp.is_some_and(|time| time.at == TimestampAt::Json(path.clone()));
    match part {
        Part::Literal(_) => Shape::Literal,
        Part::Timestamp => timestamp.map_or(Shape::Text, |timestamp| time(timestamp.unit)),
        Part::Json(path) if is_time(path) => timestamp.map_or(Shape::Text, |timestamp| time(timestamp.unit)),
        Part::Header(_)
        | Part::Query(_)
        | Part::QueryLower(_)
        | Part::Path
        | Part::ListedHeaders(_)
        | Part::SortedQuery
        | Part::Json(_)
        | Part::Form(_) => Shape::Text,
        Part::Url => url,
        Part::Method => Shape::Capitals,
        Part::BodySha256 => Shape::Hex(64),
        Part::BodySha256Bytes => Shape::Bytes(32),
        Part::Body | Part::CanonicalJsonString | Part::SortedForm | Part::JsonLines(_) | Part::Jws => Shape::Free,
    }
}

/// How many bytes of the beginning of `text` have this form; `None` where they have not, or where it has no end of its own.
pub(super) fn length_of(shape: Shape, text: &[u8]) -> Option<usize> {
    let run = |fits: fn(&u8) -> bool| text.iter().take_while(|byte| fits(byte)).count();
    let exactly =
        |length: usize, fits: fn(&u8) -> bool| text.get(..length).filter(|text| text.iter().all(fits)).map(<[u8]>::len);
    let some = |length: usize| Some(length).filter(|length| *length > 0);
    match shape {
        Shape::Bytes(length) => exactly(length, |_| true),
        Shape::Hex(length) => exactly(length, u8::is_ascii_hexdigit),
        Shape::Digits(length) => exactly(length, u8::is_ascii_digit),
        Shape::UpToDigits(most) => some(run(u8::is_ascii_digit)).filter(|length| *length <= most),
        Shape::Unix => some(run(u8::is_ascii_digit)).filter(|length| matches!(length, 1..=11 | 13)),
        Shape::Rfc3339 => rfc3339(text).filter(|(_, zone)| *zone > 0).map(|(time, zone)| time.saturating_add(zone)),
        Shape::Rfc3339Utc => rfc3339(text).map(|(time, zone)| time.saturating_add(zone)),
        Shape::HttpDate => exactly(29, |byte| *byte != b'\n'),
        Shape::Uuid => exactly(36, |byte| byte.is_ascii_hexdigit() || *byte == b'-'),
        Shape::Word => some(run(is_of_word)),
        Shape::Capitals => some(run(u8::is_ascii_uppercase)),
        Shape::Literal | Shape::Url | Shape::Text | Shape::Free => None,
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

pub(super) fn wanted(shape: Shape) -> Problem {
    match shape {
        Shape::Digits(10) => "not ten digits, as it must have where it touches another part of what is signed",
        Shape::Digits(_) => {
            "not of the number of digits that it must have where it touches another part of what is signed"
        }
        Shape::UpToDigits(_) => "not a number of digits",
        Shape::Unix => "not a number of 1 to 11 digits, or of 13",
        Shape::Rfc3339 | Shape::Rfc3339Utc => "not a time of RFC 3339",
        Shape::HttpDate => "not a date of 29 characters, as in HTTP",
        Shape::Uuid => "not a UUID",
        Shape::Word => "not a word of `A-Z a-z 0-9 _ - + / =`",
        Shape::Capitals => "not a method in capitals",
        Shape::Literal | Shape::Url | Shape::Bytes(_) | Shape::Hex(_) | Shape::Text | Shape::Free => "not of its form",
    }
}
