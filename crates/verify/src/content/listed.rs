//! The parts of a request's head that Contentful signs: the path, and the listed headers.

use super::super::{Head, TimestampLocation, Variant, VerifyError};
use super::{usable, utf8};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The most headers that a request may list.
const MOST_HEADERS: usize = 32;

/// The path of `url`, and the request's query. Contentful escapes the query once more.
pub(super) fn escaped_path(url: &str, query: &str) -> String {
    /// JavaScript's `encodeURIComponent` does not escape letters, digits and these.
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'!')
        .remove(b'~')
        .remove(b'*')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
    if query.is_empty() {
        return path.to_owned();
    }
    let escaped = utf8_percent_encode(query, ESCAPED).to_string();
    format!("{path}?{}", escaped.replace('%', "%25"))
}

/// The bit for a length. All lengths from 63 on share one bit.
fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The headers that the header `list` names, each as `name:value`, sorted by name, with `;` between two headers.
///
/// The text can be read in one way only: the list has no `;`, each name occurs once, and no value contains the beginning of
/// a listed header (`;`, the name, `:`).
///
/// # Errors
/// [`VerifyError::SignedHeader`].
pub(super) fn listed_headers(form: &Variant, list: &str, head: &dyn Head) -> Result<String, VerifyError> {
    let refused = |place: &str, problem| VerifyError::SignedHeader { place: place.to_owned(), problem };
    let text = usable(list, head.header(list))?.to_ascii_lowercase();
    let names = listed_names(&text).map_err(|problem| refused(list, problem))?;
    let time = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
        Some(TimestampLocation::Header(name)) => name,
        Some(TimestampLocation::Field | TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => list,
    };
    if !names.contains(&list) || !names.contains(&time) {
        return Err(refused(list, "without its own name or the timestamp's, so the signature does not cover both"));
    }
    let lengths = names.iter().fold(0_u64, |lengths, name| lengths | bit(name.len()));
    let mut lines = String::new();
    for name in &names {
        let value = usable(name, utf8(name, head.header(name))?)?;
        let value = value.trim();
        if value.contains('\n') || begins_header(value, &names, lengths) {
            return Err(refused(name, "not allowed to contain the beginning of the next listed header"));
        }
        if !lines.is_empty() {
            lines.push(';');
        }
        lines.extend([name, ":", value]);
    }
    Ok(lines)
}

/// The names in the list `text`, sorted. Each name occurs once.
fn listed_names(text: &str) -> Result<Vec<&str>, &'static str> {
    if text.split(',').take(MOST_HEADERS.saturating_add(1)).count() > MOST_HEADERS {
        return Err("a list of more than 32 headers");
    }
    let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
    names.sort_unstable();
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    if !names.iter().all(|name| !name.is_empty() && is_name(name)) {
        return Err("not a list of header names");
    }
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("a list with a header twice");
    }
    Ok(names)
}

/// Whether `value` contains the beginning of a listed header: `;`, one of `names`, `:`. `names` are sorted, and `lengths`
/// has the [`bit`] of each. Most texts between `;` and `:` have the length of no name, so most searches are skipped.
fn begins_header(value: &str, names: &[&str], lengths: u64) -> bool {
    let mut start = None;
    value.bytes().enumerate().any(|(place, byte)| match byte {
        b';' => {
            start = Some(place.saturating_add(1));
            false
        }
        b':' => start.take().is_some_and(|start| {
            lengths & bit(place.saturating_sub(start)) != 0
                && value.get(start..place).is_some_and(|name| names.binary_search(&name).is_ok())
        }),
        _ => false,
    })
}
