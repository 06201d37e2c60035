//! What is signed, put together from what was received. Nothing here is proven, so all of it is bounded: a body is read once,
//! and what is written is never much longer than what came.

mod listed;
mod pairs;
mod texts;

use super::canonical::canonical_json_string;
use super::{Head, Part, Variant, VerifyError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;
pub(super) use texts::{Texts, form_value, json_text};

/// What stands in front of the body and is signed: a text for each part of `form` that is read from there, in order; `None`
/// where the request lacks a value that it may lack. `timestamp` is the text of the time, where that stands there as well.
///
/// # Errors
/// [`VerifyError::SignedHeader`], [`VerifyError::TimestampMalformed`] and [`VerifyError::QueryMismatch`].
pub(super) fn of_head(
    form: &Variant,
    timestamp: Option<&str>,
    head: &(impl Head + ?Sized),
    url: &str,
) -> Result<Vec<Option<String>>, VerifyError> {
    let mut texts = Vec::new();
    for (place, part) in form.content.iter().enumerate() {
        let found = match part {
            Part::Header(name) => utf8(name, head.header(name))?,
            // A long query is read once, and not again for each content that may be signed.
            Part::Query(name) | Part::QueryLower(name) if form.alternative => query_value(short(&head.query())?, name)?,
            Part::Query(name) | Part::QueryLower(name) => query_value(&head.query(), name)?,
            // What is read below is there, or refused.
            Part::Literal(_)
            | Part::Timestamp
            | Part::Url
            | Part::Method
            | Part::Path
            | Part::ListedHeaders(_)
            | Part::Body
            | Part::BodySha256
            | Part::BodySha256Bytes
            | Part::CanonicalJsonString
            | Part::Json(_)
            | Part::Form(_)
            | Part::SortedForm
            | Part::SortedQuery
            | Part::JsonLines(_)
            | Part::Jws => None,
        };
        if found.is_none() && form.optional.contains(&place) && part.is_in_head() {
            texts.push(None);
            continue;
        }
        let text = match part {
            Part::Header(name) => match usable(name, found)? {
                value if value.len() > LONGEST_HEADER => {
                    let problem = "longer than 16 KiB";
                    return Err(VerifyError::SignedHeader { place: name.clone(), problem });
                }
                value => value,
            },
            Part::Query(name) => usable(name, found)?,
            Part::QueryLower(name) => usable(name, found)?.to_ascii_lowercase(),
            Part::Url if form.framing.pins_query() => configured_url(url, &head.query())?,
            Part::Url => public_url(url, &head.query()),
            Part::Path => listed::escaped_path(url, short(&head.query())?),
            Part::ListedHeaders(name) => listed::listed_headers(form, name, head)?,
            Part::Method => head.method(),
            Part::SortedQuery => sorted_query(short(&head.query())?)?,
            Part::Timestamp => {
                // Beside a signature in the body it is not known yet.
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
        apart(form, place, text.as_bytes())?;
        texts.push(Some(text));
    }
    Ok(texts)
}

/// The runtime shows bytes that are not UTF-8 as U+FFFD, so that two headers would be one signed text.
fn utf8(name: &str, value: Option<String>) -> Result<Option<String>, VerifyError> {
    match value {
        Some(value) if value.contains(char::REPLACEMENT_CHARACTER) => {
            Err(VerifyError::SignedHeader { place: name.to_owned(), problem: "not UTF-8" })
        }
        value => Ok(value),
    }
}

/// Holds the value of the part at `place` to what keeps it apart from the parts beside it.
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

/// A signed value that has to be there.
fn usable(name: &str, value: Option<String>) -> Result<String, VerifyError> {
    let refused = |problem| VerifyError::SignedHeader { place: name.to_owned(), problem };
    match value {
        None => Err(refused("missing")),
        Some(value) if value.is_empty() => Err(refused("empty")),
        Some(value) => Ok(value),
    }
}

/// The endpoint's URL as the provider has it: the configured one, and the query of this request.
pub(super) fn public_url(configured: &str, query: &str) -> String {
    if query.is_empty() { configured.to_owned() } else { format!("{configured}?{query}") }
}

/// The configured URL, where the request has its query and no other.
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

/// The query as the runtime has it, which escapes what a URL's parser escapes.
fn normal(query: &str) -> impl Iterator<Item = u8> {
    /// WHATWG URL, special-query percent-encode set.
    const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
    utf8_percent_encode(query, ESCAPED).flat_map(str::bytes)
}

/// The value of `name` in the query.
///
/// # Errors
/// [`VerifyError::SignedHeader`] where it stands twice, or is not UTF-8.
pub(super) fn query_value(query: &str, name: &str) -> Result<Option<String>, VerifyError> {
    let mut found = pairs::values(query.as_bytes(), &[name])
        .map_err(|problem| VerifyError::SignedHeader { place: format!("?{name}="), problem })?;
    Ok(found.pop().flatten().map(Cow::into_owned))
}

/// The longest header that is signed by itself: it is hashed with every key.
const LONGEST_HEADER: usize = 16 * 1024;

/// The longest query that is written anew, which can make it five times as long.
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

/// What is signed beside the body, as it was received.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadContent<'c> {
    /// From [`of_head`].
    pub head: &'c [Option<String>],
    /// The timestamp's text.
    pub timestamp: Option<&'c str>,
    /// The token's header and claims.
    pub jws: Option<&'c str>,
}

/// The signed content of `form`: from what stands beside the body, from the `texts` in it, and from its bytes, which `sha256`
/// hashes.
///
/// # Errors
/// [`VerifyError::NotCanonical`] where a part is read from the body, and the body has it not or not once;
/// [`VerifyError::SignedHeader`] where a value does not keep apart from the parts beside it.
pub(super) fn of_all<'a>(
    form: &'a Variant,
    beside: HeadContent<'a>,
    texts: &'a Texts<'_>,
    body: &'a [u8],
    sha256: impl Fn(&[u8]) -> [u8; 32],
) -> Result<Vec<Cow<'a, [u8]>>, VerifyError> {
    let mut head = beside.head.iter();
    let text = |text: &'a str| Cow::Borrowed(text.as_bytes());
    let mut content: Vec<Cow<'a, [u8]>> = Vec::with_capacity(form.content.len());
    let mut lacking: Vec<usize> = Vec::new();
    let lacks = |lacking: &mut Vec<usize>, place: usize| {
        lacking.push(place);
        Cow::Borrowed(&[][..])
    };
    for (place, part) in form.content.iter().enumerate() {
        let value = match part {
            Part::Literal(literal) => text(literal),
            // The grammar lets no scheme without these through. One that is put together by hand proves nothing.
            Part::Timestamp => text(beside.timestamp.ok_or_else(|| unread(part))?),
            Part::Jws => text(beside.jws.ok_or_else(|| unread(part))?),
            Part::Header(_)
            | Part::Query(_)
            | Part::QueryLower(_)
            | Part::Url
            | Part::Path
            | Part::ListedHeaders(_)
            | Part::Method
            | Part::SortedQuery => match head.next().ok_or_else(|| unread(part))? {
                Some(value) => text(value),
                None => lacks(&mut lacking, place),
            },
            Part::Body => Cow::Borrowed(body),
            Part::BodySha256 => Cow::Owned(hex::encode(sha256(body)).into_bytes()),
            Part::BodySha256Bytes => Cow::Owned(sha256(body).to_vec()),
            Part::CanonicalJsonString => Cow::Owned(canonical_json_string(body)?),
            Part::Json(path) => match texts.json(path)? {
                Some(value) => text(value),
                None => lacks(&mut lacking, place),
            },
            Part::Form(name) => match texts.form(name)? {
                Some(value) => text(value),
                None => lacks(&mut lacking, place),
            },
            Part::SortedForm => Cow::Owned(sorted_form(body)?),
            Part::JsonLines(keys) => Cow::Owned(texts::json_lines(texts, keys)?.into_bytes()),
        };
        let is_missing = lacking.last() == Some(&place) && form.optional.contains(&place);
        if !part.is_in_head() && !is_missing {
            apart(form, place, &value)?;
        }
        content.push(value);
    }
    leave_out(form, &lacking, &mut content);
    Ok(content)
}

/// That a part was never read: what is signed is never left out in silence.
fn unread(part: &Part) -> VerifyError {
    VerifyError::SignedHeader { place: part.to_string(), problem: "not read" }
}

/// Takes the literals out of the brackets whose values the request lacks: they are not signed either.
fn leave_out(form: &Variant, lacking: &[usize], content: &mut [Cow<'_, [u8]>]) {
    for place in lacking.iter().filter(|place| form.optional.contains(place)) {
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
