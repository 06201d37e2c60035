//! Reads a content from its template, such as `{timestamp}.{body}`.

use super::did_you_mean;
use crate::{DeclaredFormat, JsonPath, Part};

/// The parts without an argument.
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
    "header:NAME", "listed_headers:NAME", "query:NAME", "lower_query:NAME", "json:PATH", "form:NAME", "lines:KEY,KEY",
];

/// The formats that may be declared for a part, after a `|`.
const DECLARED: &[(&str, DeclaredFormat)] =
    &[("any", DeclaredFormat::Any), ("word", DeclaredFormat::Word), ("uuid", DeclaredFormat::Uuid)];

/// A content.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub parts: Vec<Part>,
    /// The declared format of each part.
    pub declared: Vec<Option<DeclaredFormat>>,
    /// The indices of the values in brackets, in `parts`.
    pub optional: Vec<usize>,
}

impl Template {
    /// Adds `literal` to the parts if it is not empty, and empties it.
    fn end(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.push(Part::Literal(std::mem::take(literal)), None);
        }
    }

    fn checked(self) -> Result<Self, String> {
        let is_always_there =
            |(place, part): (usize, &Part)| !matches!(part, Part::Literal(_)) && !self.optional.contains(&place);
        if !self.optional.is_empty() && !self.parts.iter().enumerate().any(is_always_there) {
            return Err(
                "has nothing but brackets: the signature of a request without their values covers nothing".to_owned()
            );
        }
        match self.parts.len() {
            1..=24 => Ok(self),
            _ => Err("must have 1 to 24 parts, such as {timestamp}.{body}".to_owned()),
        }
    }

    fn push(&mut self, part: Part, declared: Option<DeclaredFormat>) {
        self.parts.push(part);
        self.declared.push(declared);
    }

    /// Ends the bracket that began at the part with the index `from`.
    fn end_bracket(&mut self, from: usize) -> Result<(), String> {
        match self.parts.get(from..) {
            Some([Part::Literal(_), value, Part::Literal(_)])
                if value.is_value()
                    && self.declared.get(from.saturating_add(1)) != Some(&Some(DeclaredFormat::Any)) =>
            {
                self.optional.push(from.saturating_add(1));
                Ok(())
            }
            _ => Err(IN_BRACKETS.to_owned()),
        }
    }
}

const IN_BRACKETS: &str = "has brackets with something else than a text, one value and a text, such as [id:{query:id};]: a \
                           value is header, query, lower_query, json or form. Write a signed bracket twice: [[ and ]]";

/// Whether the bracket that begins before `tail` has a value that a request may lack. Any other bracket is plain text.
fn has_value(tail: &str) -> bool {
    let within = tail.split_once(']').map_or("", |(within, _)| within);
    ["{header:", "{query:", "{lower_query:", "{json:", "{form:"].iter().any(|value| within.contains(value))
}

/// Reads a template: `{…}` is a part, `[…]` is a part with its literals that a request may lack, and any other text is a
/// literal.
///
/// # Errors
/// The mistake in the template.
pub(super) fn parse(template: &str) -> Result<Template, String> {
    let mut read = Template::default();
    let mut literal = String::new();
    let mut bracket = None;
    let mut rest = template;
    while let Some((text, special)) = rest.find(['{', '[', ']']).and_then(|place| rest.split_at_checked(place)) {
        literal.push_str(text);
        let mut letters = special.chars();
        let letter = letters.next();
        let tail = letters.as_str();
        rest = tail;
        match (letter, tail.chars().next(), bracket) {
            (Some('{'), _, _) => {
                let (part, tail) = tail.split_once('}').ok_or("has a `{` without its `}`")?;
                read.end(&mut literal);
                let (part, declared) = parse_declared(part)?;
                read.push(part, declared);
                rest = tail;
            }
            (Some(letter), Some(next), _) if letter == next => {
                literal.push(letter);
                letters.next();
                rest = letters.as_str();
            }
            (Some('['), _, None) if has_value(tail) => {
                read.end(&mut literal);
                bracket = Some(read.parts.len());
            }
            (Some(']'), _, Some(from)) => {
                read.end(&mut literal);
                read.end_bracket(from)?;
                bracket = None;
            }
            (Some(letter), _, None) => literal.push(letter),
            _ => return Err(IN_BRACKETS.to_owned()),
        }
    }
    literal.push_str(rest);
    read.end(&mut literal);
    if bracket.is_some() {
        return Err(IN_BRACKETS.to_owned());
    }
    read.checked()
}

fn parse_declared(text: &str) -> Result<(Part, Option<DeclaredFormat>), String> {
    let Some((part, format)) = text.rsplit_once('|') else { return Ok((parse_part(text)?, None)) };
    let part = parse_part(part)?;
    let known = DECLARED.iter().find(|(name, _)| *name == format);
    let (_, declared) = known.ok_or_else(|| format!("has {{{text}}}: write one of any, word and uuid after `|`"))?;
    if !part.is_value() {
        let problem =
            format!("has {{{text}}}: only header, query, lower_query, json and form can be declared `{format}`");
        return Err(problem);
    }
    Ok((part, Some(*declared)))
}

fn parse_part(text: &str) -> Result<Part, String> {
    if let Some((_, part)) = PLAIN.iter().find(|(name, _)| *name == text) {
        return Ok(part.clone());
    }
    let path = |text: &str| JsonPath::parse(text).ok_or_else(|| format!("has {{json:{text}}}, which is not a path"));
    match text.split_once(':') {
        Some((_, "")) => Err(format!("has {{{text}}} without a name")),
        Some(("header", name)) if name.bytes().any(|b| b.is_ascii_uppercase()) => {
            Err(format!("has {{{text}}}: a header name must be in lower case"))
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
            Err(format!("has {{{text}}}, which is not a part{}", did_you_mean(text, known)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(template: &str) -> Result<Vec<Part>, String> {
        super::parse(template).map(|template| template.parts)
    }

    #[test]
    fn a_template_becomes_parts_and_an_error_names_its_mistake() {
        let literal = |text: &str| Part::Literal(text.to_owned());
        let slack = parse("v0:{timestamp}:{body}").expect("a template");
        assert_eq!(slack, [literal("v0:"), Part::Timestamp, literal(":"), Part::Body]);
        assert_eq!(parse("{header:x-id}.{body}").expect("a template").first(), Some(&Part::Header("x-id".to_owned())));
        let problem = |text: &str| parse(text).expect_err(text);
        assert!(problem("{timestamp.{body}").starts_with("has {timestamp.{body}, which is not a part"));
        assert_eq!(problem("{bdy}"), "has {bdy}, which is not a part (did you mean `body`?)");
        assert_eq!(problem("{body"), "has a `{` without its `}`");
        assert_eq!(problem("{header:}"), "has {header:} without a name");
        assert_eq!(problem("{header:X-Id}"), "has {header:X-Id}: a header name must be in lower case");
        assert_eq!(problem("{header:a|b}"), "has {header:a|b}: write one of any, word and uuid after `|`");
        assert!(problem("{body|any}").contains("only header"));
        assert!(problem("").contains("1 to 24 parts"));
    }

    #[test]
    fn brackets_have_one_value_between_two_texts() {
        let read = super::parse("[a:{query:a};][b:{header:b|uuid};]ts:{timestamp};").expect("a template");
        assert_eq!(read.optional, [1, 4]);
        assert_eq!(read.declared.get(4), Some(&Some(DeclaredFormat::Uuid)));
        // Brackets around a part that no request lacks are plain text.
        for text in ["[{timestamp};{body}]", "{body}]", "[{body}", "[v1]{body}", "[]{timestamp}", "{timestamp}["] {
            let letters: String = parse(text).expect(text).iter().map(ToString::to_string).collect();
            assert_eq!(letters, text);
        }
        assert_eq!(parse("[[{timestamp}]]").expect("a template").first(), Some(&Part::Literal("[".to_owned())));
        assert_eq!(parse("{lines:a,b}").expect("a template").len(), 1);
        assert_eq!(parse("{json:a[].b}").expect("a template").len(), 1);
        for text in [
            "[{query:a}]{timestamp}", "[a{query:a}]{timestamp}", "[{query:a};]{timestamp}",
            "[a{query:a}b{query:b}c]{timestamp}", "[a{query:b|any};]{timestamp}", "[a[b{query:a};]c]{timestamp}",
        ] {
            assert!(parse(text).expect_err(text).starts_with("has brackets with something else"), "{text}");
        }
        assert!(parse("[a{query:a};]").expect_err("nothing").starts_with("has nothing but brackets"));
    }
}
