//! What is signed, as people write it: `{timestamp}.{body}`.

use super::super::fields::did_you_mean;
use crate::webhook::{Declared, JsonPath, Part};

/// The parts that need no argument.
const PLAIN: &[(&str, Part)] = &[
    ("body", Part::Body),
    ("timestamp", Part::Timestamp),
    ("url", Part::Url),
    ("method", Part::Method),
    ("path", Part::Path),
    ("query", Part::SortedQuery),
    ("form", Part::SortedForm),
    ("body_sha256", Part::BodySha256),
    ("body_sha256_bytes", Part::BodySha256Bytes),
    ("canonical_json_string", Part::CanonicalJsonString),
];

const WITH_ARGUMENT: &[&str] = &[
    "header:NAME",
    "listed_headers:NAME",
    "query:NAME",
    "lower_query:NAME",
    "json:PATH",
    "form:NAME",
    "lines:KEY,KEY",
];

/// The forms that a part may be declared to have, after a `|`.
const DECLARED: &[(&str, Declared)] = &[("any", Declared::Any), ("word", Declared::Word), ("uuid", Declared::Uuid)];

/// Reads a template; what is in braces is a part, the rest is signed as it stands. Gives what is declared of each part.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(template: &str, parts: &mut Vec<Part>) -> Result<Vec<Option<Declared>>, String> {
    let mut declared = Vec::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (part, tail) = tail.split_once('}').ok_or("has a `{` without its `}`")?;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
            declared.push(None);
        }
        let (part, form) = parse_declared(part)?;
        parts.push(part);
        declared.push(form);
        rest = tail;
    }
    parts.extend((!rest.is_empty()).then(|| Part::Literal(rest.to_owned())));
    match parts.len() {
        1..=24 => Ok(declared),
        _ => Err("must have 1 to 24 parts, such as {timestamp}.{body}".to_owned()),
    }
}

fn parse_declared(text: &str) -> Result<(Part, Option<Declared>), String> {
    let Some((part, form)) = text.rsplit_once('|') else { return Ok((parse_part(text)?, None)) };
    let part = parse_part(part)?;
    let known = DECLARED.iter().find(|(name, _)| *name == form);
    let (_, declared) = known.ok_or_else(|| format!("has {{{text}}}: after `|` stands one of any, word and uuid"))?;
    match part {
        Part::Header(_) | Part::Query(_) | Part::QueryLower(_) | Part::Json(_) | Part::Form(_) => {
            Ok((part, Some(*declared)))
        }
        _ => Err(format!("has {{{text}}}: only a header and a value of query, body or form can be declared `{form}`")),
    }
}

fn parse_part(text: &str) -> Result<Part, String> {
    if let Some((_, part)) = PLAIN.iter().find(|(name, _)| *name == text) {
        return Ok(part.clone());
    }
    let path = |text: &str| JsonPath::parse(text).ok_or_else(|| format!("has {{json:{text}}}, which is no path"));
    match text.split_once(':') {
        Some((_, "")) => Err(format!("has {{{text}}} without a name")),
        Some(("header", name)) if name.bytes().any(|b| b.is_ascii_uppercase()) => {
            Err(format!("has {{{text}}}: a header's name is written in lower case"))
        }
        Some(("header", name)) => Ok(Part::Header(name.to_owned())),
        Some(("listed_headers", name)) => Ok(Part::ListedHeaders(name.to_owned())),
        Some(("query", name)) => Ok(Part::Query(name.to_owned())),
        Some(("lower_query", name)) => Ok(Part::QueryLower(name.to_owned())),
        Some(("json", name)) => Ok(Part::Json(path(name)?)),
        Some(("form", name)) => Ok(Part::Form(name.to_owned())),
        Some(("lines", keys)) => Ok(Part::JsonLines(keys.split(',').map(str::to_owned).collect())),
        _ => {
            let known = PLAIN.iter().map(|(name, _)| *name).chain(WITH_ARGUMENT.iter().copied());
            Err(format!("has {{{text}}}, which is no part{}", did_you_mean(text, known)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(template: &str) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        super::parse(template, &mut parts).map(|_| parts)
    }

    #[test]
    fn templates_become_parts_and_say_what_is_wrong_with_them() {
        let literal = |text: &str| Part::Literal(text.to_owned());
        let slack = parse("v0:{timestamp}:{body}").expect("a template");
        assert_eq!(slack, [literal("v0:"), Part::Timestamp, literal(":"), Part::Body]);
        assert_eq!(parse("{header:x-id}.{body}").expect("a template").first(), Some(&Part::Header("x-id".to_owned())));
        let problem = |text: &str| parse(text).expect_err(text);
        assert!(problem("{timestamp.{body}").starts_with("has {timestamp.{body}, which is no part"));
        assert_eq!(problem("{bdy}"), "has {bdy}, which is no part (did you mean `body`?)");
        assert_eq!(problem("{body"), "has a `{` without its `}`");
        assert_eq!(problem("{header:}"), "has {header:} without a name");
        assert_eq!(problem("{header:X-Id}"), "has {header:X-Id}: a header's name is written in lower case");
        assert_eq!(problem("{header:a|b}"), "has {header:a|b}: after `|` stands one of any, word and uuid");
        assert!(problem("{body|any}").contains("only a header"));
        assert!(problem("").contains("1 to 24 parts"));
    }
}
