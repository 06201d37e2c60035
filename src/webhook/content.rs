//! What is signed, put together from what was received.

use super::canonical::canonical_json_string;
use super::json::{self, ExtractError, Scalar};
use super::{Form, Head, JsonPath, Part, TimestampAt, VerifyError};
use form_urlencoded::{Serializer, parse};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What stands in front of the body and is signed: a text for each part of `form` that is read from there, in order.
///
/// # Errors
/// [`VerifyError::SignedHeader`].
pub(super) fn of_head(form: &Form, head: &(impl Head + ?Sized), url: &str) -> Result<Vec<String>, VerifyError> {
    let mut texts = Vec::new();
    for (place, part) in form.content.iter().enumerate() {
        let follows = match form.content.get(place.saturating_add(1)) {
            Some(Part::Literal(text)) => text.as_str(),
            _ => "",
        };
        texts.push(match part {
            Part::Header(name) => usable(name, utf8(name, head.header(name))?, follows)?,
            Part::Query(name) => usable(name, query_value(&head.query(), name), follows)?,
            Part::QueryLower(name) => usable(name, query_value(&head.query(), name), follows)?.to_ascii_lowercase(),
            Part::Url => public_url(url, &head.query()),
            Part::Path => escaped_path(url, &head.query()),
            Part::ListedHeaders(name) => listed_headers(form, name, head)?,
            Part::Method => head.method(),
            Part::SortedQuery => sorted_query(&head.query()),
            _ => continue,
        });
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

/// A value that holds the literal after it could shift the bounds of what is signed.
fn usable(name: &str, value: Option<String>, follows: &str) -> Result<String, VerifyError> {
    let refused = |problem| VerifyError::SignedHeader { place: name.to_owned(), problem };
    let value = value.ok_or_else(|| refused("missing"))?;
    if value.is_empty() {
        return Err(refused("empty"));
    }
    if !follows.is_empty() && value.contains(follows) {
        return Err(refused("not allowed to contain what separates it from the next part of what is signed"));
    }
    Ok(value)
}

/// The endpoint's URL as the provider has it: the configured one, and the query of this request.
pub(super) fn public_url(configured: &str, query: &str) -> String {
    if query.is_empty() { configured.to_owned() } else { format!("{configured}?{query}") }
}

fn escaped_path(url: &str, query: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let mut path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/").to_owned();
    if !query.is_empty() {
        path.push('?');
        for b in query.bytes() {
            match b {
                b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => path.push(b.into()),
                _ if b.is_ascii_alphanumeric() => path.push(b.into()),
                _ => path.push_str(&format!("%25{b:02X}")),
            }
        }
    }
    path
}

fn listed_headers(form: &Form, list: &str, head: &(impl Head + ?Sized)) -> Result<String, VerifyError> {
    let text = usable(list, head.header(list), "")?.to_ascii_lowercase();
    let mut names: Vec<&str> = text.split(',').map(str::trim).collect();
    names.sort_unstable();
    let time = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
        Some(TimestampAt::Header(name)) => name,
        _ => list,
    };
    if !names.contains(&list) || !names.contains(&time) {
        let problem = "without itself, or without the timestamp: what it does not list is not signed";
        return Err(VerifyError::SignedHeader { place: list.to_owned(), problem });
    }
    let mut lines = Vec::new();
    for name in names {
        lines.push(format!("{name}:{}", usable(name, utf8(name, head.header(name))?, "")?.trim()));
    }
    Ok(lines.join(";"))
}

/// The value of `name` in the query.
pub(super) fn query_value(query: &str, name: &str) -> Option<String> {
    parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn sorted_query(query: &str) -> String {
    let mut pairs: Vec<_> = parse(query.as_bytes()).collect();
    pairs.sort_unstable();
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The signed content of `form`: `head` from [`of_head`], the timestamp's text, the token's, and the raw body.
///
/// # Errors
/// [`VerifyError::NotCanonical`] where a part is read from the body, and the body has it not or not once.
pub(super) fn of_all<'a>(
    form: &'a Form,
    head: &'a [String],
    timestamp: Option<&'a str>,
    jws: Option<&'a str>,
    body: &'a [u8],
) -> Result<Vec<Cow<'a, [u8]>>, VerifyError> {
    let mut head = head.iter();
    let text = |text: &'a str| Cow::Borrowed(text.as_bytes());
    let owned = |text: String| Cow::Owned(text.into_bytes());
    let mut content = Vec::with_capacity(form.content.len());
    for part in &form.content {
        content.push(match part {
            Part::Literal(literal) => text(literal),
            Part::Timestamp => text(timestamp.unwrap_or_default()),
            Part::Jws => text(jws.unwrap_or_default()),
            part if part.is_in_head() => text(head.next().map(String::as_str).unwrap_or_default()),
            Part::Body => Cow::Borrowed(body),
            Part::BodySha256 => owned(hex::encode(Sha256::digest(body))),
            Part::BodySha256Bytes => Cow::Owned(Sha256::digest(body).to_vec()),
            Part::CanonicalJsonString => Cow::Owned(canonical_json_string(body)?),
            Part::Json(path) => owned(json_text(body, path)?.unwrap_or_default()),
            Part::Form(name) => owned(form_value(body, name)?.unwrap_or_default()),
            Part::SortedForm => owned(sorted_form(body)?),
            Part::JsonLines(keys) => owned(json_lines(body, keys)?),
            _ => continue,
        });
    }
    Ok(content)
}

/// The scalar at `path` in the JSON body, as text.
///
/// # Errors
/// [`VerifyError::NotCanonical`].
pub(super) fn json_text(body: &[u8], path: &JsonPath) -> Result<Option<String>, VerifyError> {
    let refused = |problem: String| VerifyError::NotCanonical { problem };
    let found = json::extract(body, &[path]).map_err(|error| match error {
        ExtractError::NotJson(problem) => refused(problem),
        ExtractError::Ambiguous(key) => refused(format!("the JSON key `{key}` stands twice")),
    })?;
    match found.into_iter().next().flatten() {
        None => Ok(None),
        Some(Scalar::Text(text) | Scalar::Integer(text)) => Ok(Some(text)),
        Some(Scalar::Other(what)) => Err(refused(format!("{path} is {what}"))),
    }
}

/// The first text may have lines of its own; another one could pass for two.
fn json_lines(body: &[u8], keys: &[String]) -> Result<String, VerifyError> {
    let mut lines = String::new();
    for (place, key) in keys.iter().enumerate() {
        if let Some(text) = json_text(body, &JsonPath::of_key(key))? {
            if place > 0 && text.contains('\n') {
                return Err(VerifyError::NotCanonical { problem: format!("`{key}` has more than one line") });
            }
            lines.extend([key.as_str(), "\n", text.as_str(), "\n"]);
        }
    }
    Ok(lines)
}

type Pair<'b> = (Cow<'b, str>, Cow<'b, str>);

/// The form body's pairs.
///
/// # Errors
/// [`VerifyError::NotCanonical`] where a text is not UTF-8: two bodies would be one.
fn pairs(body: &[u8]) -> Result<Vec<Pair<'_>>, VerifyError> {
    let pairs: Vec<_> = parse(body).collect();
    let lossy = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    if pairs.iter().any(|(name, value)| lossy(name) || lossy(value)) {
        return Err(VerifyError::NotCanonical { problem: "the form has a text that is not UTF-8".to_owned() });
    }
    Ok(pairs)
}

/// The value of `name` in the form body.
///
/// # Errors
/// [`VerifyError::NotCanonical`], also where it stands twice.
pub(super) fn form_value(body: &[u8], name: &str) -> Result<Option<String>, VerifyError> {
    let mut values = pairs(body)?.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(VerifyError::NotCanonical { problem: format!("the form has `{name}` twice") }),
    }
}

fn sorted_form(body: &[u8]) -> Result<String, VerifyError> {
    let mut pairs = pairs(body)?;
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}
