//! The formats of signed parts, and the length of a part in a text.

use super::Problem;
use crate::{DeclaredFormat, JsonPath, Part, TimeUnit, Timestamp, TimestampLocation};

/// The format of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueFormat {
    /// A fixed text.
    Literal,
    /// The configured URL, with the configured query.
    Url,
    /// This number of bytes.
    Bytes(usize),
    /// This number of bytes in hexadecimal.
    Hex(usize),
    /// Unix time with this number of digits.
    Digits(usize),
    /// Unix time with up to this number of digits.
    UpToDigits(usize),
    /// Unix time with 1 to 11 digits, or with 13 digits.
    Unix,
    /// RFC 3339 with a zone. Its bytes tell its beginning and its end.
    Rfc3339,
    /// RFC 3339 in UTC with an optional zone. Its bytes tell its beginning, but not its end.
    Rfc3339Utc,
    /// A date of HTTP in 29 bytes.
    HttpDate,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
    /// `A-Z a-z 0-9 _ - + / =`, at least one.
    Word,
    /// `A-Z`, at least one. A method has this format.
    Capitals,
    /// Any text.
    Text,
    /// Any text, by its nature: a part that covers the whole body, or a part with [`DeclaredFormat::Any`].
    Free,
}

/// The format of `part`. `url` is the format of the public URL.
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

/// The length of the part of this format at the beginning of `text`, in bytes. `None` if there is no such part, or if the
/// format does not tell the end of the part.
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

/// The length of a time in RFC 3339 without its zone, and the length of the zone, which is 0 if there is no zone. A date
/// with a time has 19 bytes, a fraction has only digits, and a zone is `Z` or six bytes. So the end is unique from either
/// side.
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

/// The error of a value that does not have this format.
pub(super) fn wanted(shape: ValueFormat) -> Problem {
    match shape {
        ValueFormat::Digits(10) => "not ten digits, which are necessary because it touches another signed part",
        ValueFormat::Digits(_) => {
            "not the fixed number of digits, which is necessary because it touches another signed part"
        }
        ValueFormat::UpToDigits(_) => "not a number of digits",
        ValueFormat::Unix => "not a number of 1 to 11 digits, or of 13 digits",
        ValueFormat::Rfc3339 | ValueFormat::Rfc3339Utc => "not a time of RFC 3339",
        ValueFormat::HttpDate => "not a date of HTTP with 29 characters",
        ValueFormat::Uuid => "not a UUID",
        ValueFormat::Word => "not a word of `A-Z a-z 0-9 _ - + / =`",
        ValueFormat::Capitals => "not a method in capitals",
        ValueFormat::Literal
        | ValueFormat::Url
        | ValueFormat::Bytes(_)
        | ValueFormat::Hex(_)
        | ValueFormat::Text
        | ValueFormat::Free => "not in its format",
    }
}
