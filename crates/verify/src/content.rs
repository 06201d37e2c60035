//! Builds the signed content from a received request. The request is not proven yet, so the cost is bounded: the body is
//! read once, and the content is never much longer than the request.

mod listed;
mod pairs;
mod texts;

use super::canonical::canonical_json_string;
use super::{Head, Part, Variant, VerifyError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;
pub(super) use texts::{Texts, form_value, json_text};

/// The signed texts of the request's head: one text for each part of `form` that is read from the head, in order. A text is
/// `None` if the part is optional and the request lacks its value. `timestamp` is the timestamp's text, if it is known.
///
/// # Errors
/// [`VerifyError::SignedHeader`], [`VerifyError::TimestampMalformed`] and [`VerifyError::QueryMismatch`].
pub(super) fn of_head(
    form: &Variant,
    timestamp: Option<&str>,
    head: &dyn Head,
    url: &str,
) -> Result<Vec<Option<String>>, VerifyError> {
    let mut texts = Vec::new();
    for (place, part) in form.content.iter().enumerate() {
        let signed = |name: &str, value: Option<String>| match value {
            None if form.optional.contains(&place) => Ok(None),
            value => usable(name, value).map(Some),
        };
        let text = match part {
            Part::Header(name) => signed(name, bounded_header(name, head)?)?,
            Part::Query(name) => signed(name, query_of(form, head, name)?)?,
            Part::QueryLower(name) => signed(name, query_of(form, head, name)?)?.map(|text| text.to_ascii_lowercase()),
            Part::Url if form.framing.pins_query() => Some(configured_url(url, &head.query())?),
            Part::Url => Some(public_url(url, &head.query())),
            Part::Path => Some(listed::escaped_path(url, short(&head.query())?)),
            Part::ListedHeaders(name) => Some(listed::listed_headers(form, name, head)?),
            Part::Method => Some(head.method()),
            Part::SortedQuery => Some(sorted_query(short(&head.query())?)?),
            Part::Timestamp => {
                // The timestamp is not known yet if the signature is in the body.
                if let Some(timestamp) = timestamp {
                    apart(form, place, timestamp.as_bytes())?;
                }
                continue;
            }
            Part::Literal(_)
            | Part::Body
            | Part::BodySha256
            | Part::BodySha256Bytes
            | Part::CanonicalJsonString
            | Part::Json(_)
            | Part::Form(_)
            | Part::SortedForm
            | Part::JsonLines(_)
            | Part::Jws => continue,
        };
        if let Some(text) = &text {
            apart(form, place, text.as_bytes())?;
        }
        texts.push(text);
    }
    Ok(texts)
}

/// The value of a signed header, at most [`LONGEST_HEADER`] bytes.
fn bounded_header(name: &str, head: &dyn Head) -> Result<Option<String>, VerifyError> {
    match utf8(name, head.header(name))? {
        Some(value) if value.len() > LONGEST_HEADER => {
            Err(VerifyError::SignedHeader { place: name.to_owned(), problem: "longer than 16 KiB" })
        }
        value => Ok(value),
    }
}

/// The value of `name` in the request's query. Each alternative content reads the query again, so the query must then be
/// short.
fn query_of(form: &Variant, head: &dyn Head, name: &str) -> Result<Option<String>, VerifyError> {
    let query = head.query();
    query_value(if form.alternative { short(&query)? } else { &query }, name)
}

/// Refuses a value with U+FFFD. The runtime replaces bytes that are not UTF-8 with U+FFFD, so two different headers would
/// become one signed text.
fn utf8(name: &str, value: Option<String>) -> Result<Option<String>, VerifyError> {
    match value {
        Some(value) if value.contains(char::REPLACEMENT_CHARACTER) => {
            Err(VerifyError::SignedHeader { place: name.to_owned(), problem: "not UTF-8" })
        }
        value => Ok(value),
    }
}

/// Refuses the value of the part number `place` if the value could not be told apart from the parts beside it.
fn apart(form: &Variant, place: usize, value: &[u8]) -> Result<(), VerifyError> {
    let Err(problem) = form.framing.check(&form.content, place, value) else { return Ok(()) };
    let name = match form.content.get(place) {
        Some(Part::Timestamp) => {
            let at = form.timestamp.as_ref().map(|timestamp| timestamp.at.to_string());
            let expected = problem.strip_prefix("not ").unwrap_or(problem);
            return Err(VerifyError::TimestampMalformed {
                place: at.unwrap_or_else(|| "{timestamp}".to_owned()),
                expected,
            });
        }
        Some(Part::Header(name) | Part::Query(name) | Part::QueryLower(name) | Part::Form(name)) => name.clone(),
        Some(part) => part.to_string(),
        None => format!("part {place}"),
    };
    Err(VerifyError::SignedHeader { place: name, problem })
}

/// Refuses a signed value that is missing or empty.
fn usable(name: &str, value: Option<String>) -> Result<String, VerifyError> {
    let refused = |problem| VerifyError::SignedHeader { place: name.to_owned(), problem };
    match value {
        None => Err(refused("missing")),
        Some(value) if value.is_empty() => Err(refused("empty")),
        Some(value) => Ok(value),
    }
}

/// The endpoint's URL as the provider knows it: the configured URL with the query of this request.
pub(super) fn public_url(configured: &str, query: &str) -> String {
    if query.is_empty() { configured.to_owned() } else { format!("{configured}?{query}") }
}

/// The configured URL. The request's query must equal the query in the configured URL.
///
/// # Errors
/// [`VerifyError::QueryMismatch`].
fn configured_url(configured: &str, query: &str) -> Result<String, VerifyError> {
    let wanted = configured.split_once('?').map_or("", |(_, query)| query);
    if normal(wanted).eq(normal(query)) {
        return Ok(configured.to_owned());
    }
    let shown = |query: &str| query.chars().take(80).collect();
    Err(VerifyError::QueryMismatch { query: shown(query), configured: shown(wanted) })
}

/// The query, escaped as the URL parser of the runtime escapes a query.
fn normal(query: &str) -> impl Iterator<Item = u8> {
    /// WHATWG URL, special-query percent-encode set.
    const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
    utf8_percent_encode(query, ESCAPED).flat_map(str::bytes)
}

/// The value of `name` in the query.
///
/// # Errors
/// [`VerifyError::SignedHeader`] if the query has `name` twice, or the value is not UTF-8.
pub(super) fn query_value(query: &str, name: &str) -> Result<Option<String>, VerifyError> {
    let mut found = pairs::values(query.as_bytes(), &[name])
        .map_err(|problem| VerifyError::SignedHeader { place: format!("?{name}="), problem })?;
    Ok(found.pop().flatten().map(Cow::into_owned))
}

/// The longest signed header, in bytes. A signed header is hashed with every key.
const LONGEST_HEADER: usize = 16 * 1024;

/// The longest query that hookgate escapes or sorts, in bytes. Escaping can make the query five times as long.
const LONGEST_QUERY: usize = 8 * 1024;

fn short(query: &str) -> Result<&str, VerifyError> {
    let refused = || VerifyError::SignedHeader { place: "query".to_owned(), problem: "longer than 8 KiB" };
    Some(query).filter(|query| query.len() <= LONGEST_QUERY).ok_or_else(refused)
}

fn sorted_query(query: &str) -> Result<String, VerifyError> {
    let pairs = pairs::sorted(query.as_bytes())
        .map_err(|problem| VerifyError::SignedHeader { place: "query".to_owned(), problem })?;
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// The signed values beside the body, as received.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadContent<'c> {
    /// From [`of_head`].
    pub head: &'c [Option<String>],
    /// The timestamp's text.
    pub timestamp: Option<&'c str>,
    /// The token's header and claims.
    pub jws: Option<&'c str>,
}

/// The signed content of `form`: the values beside the body, the `texts` in the body, and the bytes of the body. `sha256`
/// hashes the body.
///
/// # Errors
/// [`VerifyError::NotCanonical`] if a part cannot be read from the body;
/// [`VerifyError::SignedHeader`] if a value cannot be told apart from the parts beside it.
pub(super) fn of_all<'a>(
    form: &'a Variant,
    beside: HeadContent<'a>,
    texts: &'a Texts<'_>,
    body: &'a [u8],
    sha256: &dyn Fn(&[u8]) -> [u8; 32],
) -> Result<Vec<Cow<'a, [u8]>>, VerifyError> {
    let mut head = beside.head.iter();
    let text = |text: &'a str| Cow::Borrowed(text.as_bytes());
    let mut content: Vec<Cow<'a, [u8]>> = Vec::with_capacity(form.content.len());
    let mut missing: Vec<usize> = Vec::new();
    for (place, part) in form.content.iter().enumerate() {
        let value = match part {
            Part::Literal(literal) => Some(text(literal)),
            // The grammar refuses a scheme that signs a timestamp or a token without reading it. Code could build one.
            Part::Timestamp => Some(text(beside.timestamp.ok_or_else(|| unread(part))?)),
            Part::Jws => Some(text(beside.jws.ok_or_else(|| unread(part))?)),
            Part::Header(_)
            | Part::Query(_)
            | Part::QueryLower(_)
            | Part::Url
            | Part::Path
            | Part::ListedHeaders(_)
            | Part::Method
            | Part::SortedQuery => head.next().ok_or_else(|| unread(part))?.as_deref().map(text),
            Part::Body => Some(Cow::Borrowed(body)),
            Part::BodySha256 => Some(Cow::Owned(hex::encode(sha256(body)).into_bytes())),
            Part::BodySha256Bytes => Some(Cow::Owned(sha256(body).to_vec())),
            Part::CanonicalJsonString => Some(Cow::Owned(canonical_json_string(body)?)),
            Part::Json(path) => texts.json(path)?.map(text),
            Part::Form(name) => texts.form(name)?.map(text),
            Part::SortedForm => Some(Cow::Owned(sorted_form(body)?)),
            Part::JsonLines(keys) => Some(Cow::Owned(texts::json_lines(texts, keys)?.into_bytes())),
        };
        let lacks = value.is_none() && form.optional.contains(&place);
        let value = value.unwrap_or_default();
        if lacks {
            missing.push(place);
        } else if !part.is_in_head() {
            apart(form, place, &value)?;
        }
        content.push(value);
    }
    leave_out(&missing, &mut content);
    Ok(content)
}

/// The error for a part that was never read. A signed part is never left out in silence.
fn unread(part: &Part) -> VerifyError {
    VerifyError::SignedHeader { place: part.to_string(), problem: "not read" }
}

/// Empties the literals beside each missing optional value: the provider does not sign these literals either.
fn leave_out(missing: &[usize], content: &mut [Cow<'_, [u8]>]) {
    for place in missing {
        for beside in [place.checked_sub(1), place.checked_add(1)].into_iter().flatten() {
            if let Some(literal) = content.get_mut(beside) {
                *literal = Cow::Borrowed(&[]);
            }
        }
    }
}

fn sorted_form(body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let mut pairs = pairs::sorted(body).map_err(pairs::not_a_form)?;
    pairs.dedup();
    let mut form = Vec::with_capacity(body.len());
    for (name, value) in pairs {
        form.extend_from_slice(name.as_bytes());
        form.extend_from_slice(value.as_bytes());
    }
    Ok(form)
}
