//! Schemes with several variants. A content that was signed in one variant must not prove a request in another variant.
//!
//! The header of the signature tells the request's variant. If a content could belong to two variants, an attacker could
//! present a request of one variant in the other variant. For example, `{timestamp}.{body}` could become a `{body}` that
//! begins with a time, and then the window would not protect the request. So a content that could belong to another variant
//! is refused.

use super::{Framing, Part, TimeUnit, Variant};

/// Two variants whose contents cannot be told apart, by their numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indistinguishable(pub usize, pub usize);

/// Checks that the contents of a scheme's variants can be told apart.
///
/// # Errors
/// [`Indistinguishable`].
pub fn check_distinguishable(variants: &[Variant]) -> Result<(), Indistinguishable> {
    for (number, variant) in variants.iter().enumerate() {
        for (other_number, other) in variants.iter().enumerate() {
            let alike = Indistinguishable(number.min(other_number), number.max(other_number));
            if number == other_number || has_same_content(variant, other) {
                continue;
            }
            match (is_open(variant), is_open(other)) {
                (true, true) => return Err(alike),
                // Every content of the first variant would be refused.
                (_, false) if admits(other, URL, &sample(variant)) => return Err(alike),
                (false, true) | (_, false) => {}
            }
        }
    }
    Ok(())
}

/// Whether `content`, which is a content of `own`, could also be a content of another variant.
pub(super) fn fits_another_variant(variants: &[Variant], own: &Variant, url: &str, content: &[u8]) -> bool {
    variants.iter().any(|other| !has_same_content(own, other) && !is_open(other) && admits(other, url, content))
}

/// Whether two variants sign the same parts. Then a content means the same in both variants.
fn has_same_content(one: &Variant, other: &Variant) -> bool {
    let same = |(one, other): (&Part, &Part)| match (one, other) {
        // The value is the same in upper case and in lower case.
        (Part::Query(one) | Part::QueryLower(one), Part::Query(other) | Part::QueryLower(other)) => one == other,
        (one, other) => one == other,
    };
    one.content.len() == other.content.len()
        && one.content.iter().zip(&other.content).all(same)
        && one.optional == other.optional
        && one.timestamp == other.timestamp
}

/// Whether any text can be a content of the variant.
fn is_open(variant: &Variant) -> bool {
    Framing::is_trivial(&variant.content)
}

fn admits(variant: &Variant, url: &str, content: &[u8]) -> bool {
    variant.framing.admits(variant, url, content)
}

const URL: &str = "https://hooks.example.com/webhooks/x";

/// A content of the variant with usual values.
fn sample(variant: &Variant) -> Vec<u8> {
    let unit = variant.timestamp.as_ref().map_or(TimeUnit::Seconds, |timestamp| timestamp.unit);
    let time = match unit {
        TimeUnit::Seconds | TimeUnit::Unix => "1768478400",
        TimeUnit::Milliseconds => "1768478400000",
        TimeUnit::Rfc3339 | TimeUnit::Rfc3339Utc => "2026-01-15T12:00:00Z",
        TimeUnit::HttpDate => "Thu, 15 Jan 2026 12:00:00 GMT",
    };
    let text = |part: &Part| -> Vec<u8> {
        match part {
            Part::Literal(text) => text.clone().into_bytes(),
            Part::Timestamp => time.into(),
            Part::Header(_) | Part::Query(_) | Part::QueryLower(_) | Part::Json(_) | Part::Form(_) => b"a".to_vec(),
            Part::Url => URL.into(),
            Part::Method => b"POST".to_vec(),
            Part::Path => b"/webhooks/x".to_vec(),
            Part::ListedHeaders(name) => format!("{name}:{name}").into_bytes(),
            Part::Body => br#"{"id":"a"}"#.to_vec(),
            Part::CanonicalJsonString => br#""{\"id\":\"a\"}""#.to_vec(),
            Part::BodySha256 => b"0".repeat(64),
            Part::BodySha256Bytes => b"0".repeat(32),
            Part::SortedForm => b"ida".to_vec(),
            Part::SortedQuery => b"id=a".to_vec(),
            Part::JsonLines(keys) => keys.iter().flat_map(|key| format!("{key}\na\n").into_bytes()).collect(),
            Part::Jws => b"e30.e30".to_vec(),
        }
    };
    variant.content.iter().flat_map(text).collect()
}
