//! Schemes with several forms: a content that was signed in one of them must not pass in another.
//!
//! The request's own signature header tells which form it has. If the same content could belong to two forms, whoever has
//! seen a delivery in one form could present it in the other: `{timestamp}.{body}` as a `{body}` that begins with a time,
//! and with that the window is gone. So a content that could belong to another form is refused.

use super::{Framing, Part, TimeUnit, Variant};

/// Two forms that no content tells apart: their numbers, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indistinguishable(pub usize, pub usize);

/// Holds the forms of a scheme to having contents of different shapes.
///
/// # Errors
/// [`Indistinguishable`].
pub fn check_distinguishable(forms: &[Variant]) -> Result<(), Indistinguishable> {
    for (number, form) in forms.iter().enumerate() {
        for (other_number, other) in forms.iter().enumerate() {
            let alike = Indistinguishable(number.min(other_number), number.max(other_number));
            if number == other_number || has_same_content(form, other) {
                continue;
            }
            match (is_open(form), is_open(other)) {
                (true, true) => return Err(alike),
                // Such a content would always be refused, whatever the sender means.
                (_, false) if admits(other, URL, &sample(form)) => return Err(alike),
                (false, true) | (_, false) => {}
            }
        }
    }
    Ok(())
}

/// Whether `content`, which is one of `own`, could also be one of another of `forms`.
pub(super) fn fits_another_variant(forms: &[Variant], own: &Variant, url: &str, content: &[u8]) -> bool {
    forms.iter().any(|other| !has_same_content(own, other) && !is_open(other) && admits(other, url, content))
}

/// Whether two forms sign the same, so that it does not matter in which of them a content comes.
fn has_same_content(one: &Variant, other: &Variant) -> bool {
    let same = |(one, other): (&Part, &Part)| match (one, other) {
        // In whichever case it is signed, it is the same value.
        (Part::Query(one) | Part::QueryLower(one), Part::Query(other) | Part::QueryLower(other)) => one == other,
        (one, other) => one == other,
    };
    one.content.len() == other.content.len()
        && one.content.iter().zip(&other.content).all(same)
        && one.optional == other.optional
        && one.timestamp == other.timestamp
}

/// Whether any text can be such a content.
fn is_open(form: &Variant) -> bool {
    Framing::is_trivial(&form.content)
}

fn admits(form: &Variant, url: &str, content: &[u8]) -> bool {
    form.framing.admits(form, url, content)
}

const URL: &str = "https://hooks.example.com/webhooks/x";

/// A content as senders have it.
fn sample(form: &Variant) -> Vec<u8> {
    let unit = form.timestamp.as_ref().map_or(TimeUnit::Seconds, |timestamp| timestamp.unit);
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
    form.content.iter().flat_map(text).collect()
}
