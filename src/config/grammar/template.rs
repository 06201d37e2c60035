//! What is signed, as people write it: `{timestamp}.{body}`.

use super::super::fields::did_you_mean;
use crate::webhook::{JsonPath, Part};

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

/// Reads a template; what is in braces is a part, the rest is signed as it stands.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(template: &str, parts: &mut Vec<Part>) -> Result<(), String> {
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (part, tail) = tail.split_once('}').ok_or("has a `{` without its `}`")?;
        parts.extend((!literal.is_empty()).then(|| Part::Literal(literal.to_owned())));
        let part = parse_part(part)?;
        // Whoever moves the bound between two texts that stand side by side changes both, and nothing that is signed.
        if shifts(&part) && parts.last().is_some_and(shifts) {
            return Err("has two parts side by side that a sender chooses: something has to separate them".to_owned());
        }
        parts.push(part);
        rest = tail;
    }
    parts.extend((!rest.is_empty()).then(|| Part::Literal(rest.to_owned())));
    match parts.len() {
        1..=24 => Ok(()),
        _ => Err("must have 1 to 24 parts, such as {timestamp}.{body}".to_owned()),
    }
}

fn shifts(part: &Part) -> bool {
    matches!(part, Part::Header(_) | Part::ListedHeaders(_) | Part::Query(_) | Part::QueryLower(_))
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
        super::parse(template, &mut parts).map(|()| parts)
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
        assert!(problem("{header:a}{header:b}").contains("side by side"));
        assert!(problem("").contains("1 to 24 parts"));
    }
}
