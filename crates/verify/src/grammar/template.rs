//! What is signed, as people write it: `{timestamp}.{body}`.

use super::did_you_mean;
use crate::{DeclaredFormat, JsonPath, Part};

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
const DECLARED: &[(&str, DeclaredFormat)] =
    &[("any", DeclaredFormat::Any), ("word", DeclaredFormat::Word), ("uuid", DeclaredFormat::Uuid)];

/// A content, read.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub parts: Vec<Part>,
    /// What is declared of each part.
    pub declared: Vec<Option<DeclaredFormat>>,
    /// The places of the values in brackets.
    pub optional: Vec<usize>,
}

impl Template {
    /// Takes the literal that ends here, if there is one.
    fn end(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.push(Part::Literal(std::mem::take(literal)), None);
        }
    }

    fn push(&mut self, part: Part, declared: Option<DeclaredFormat>) {
        self.parts.push(part);
        self.declared.push(declared);
    }

    /// Ends the bracket that began at the part `from`.
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

/// What a bracket is.
const IN_BRACKETS: &str = "has brackets with something else than a text, one value and a text, as [id:{query:id};]: a value is \
                           a header, or one of query, body or form. A bracket that is signed is written twice: [[ and ]]";

/// Whether the bracket that begins before `tail` has a value that a request may lack. Any other bracket is signed as it stands.
fn holds_value(tail: &str) -> bool {
    let within = tail.split_once(']').map_or("", |(within, _)| within);
    ["{header:", "{query:", "{lower_query:", "{json:", "{form:"].iter().any(|value| within.contains(value))
}

/// Reads a template; what is in braces is a part, what is in brackets may be missing, the rest is signed as it stands.
///
/// # Errors
/// What is wrong with it.
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
            (Some('['), _, None) if holds_value(tail) => {
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
    let is_value = |(place, part): (usize, &Part)| !matches!(part, Part::Literal(_)) && !read.optional.contains(&place);
    if !read.optional.is_empty() && !read.parts.iter().enumerate().any(is_value) {
        return Err("has nothing but brackets: a request that lacks their values would have nothing signed".to_owned());
    }
    match read.parts.len() {
        1..=24 => Ok(read),
        _ => Err("must have 1 to 24 parts, such as {timestamp}.{body}".to_owned()),
    }
}

fn parse_declared(text: &str) -> Result<(Part, Option<DeclaredFormat>), String> {
    let Some((part, form)) = text.rsplit_once('|') else { return Ok((parse_part(text)?, None)) };
    let part = parse_part(part)?;
    let known = DECLARED.iter().find(|(name, _)| *name == form);
    let (_, declared) = known.ok_or_else(|| format!("has {{{text}}}: after `|` stands one of any, word and uuid"))?;
    if !part.is_value() {
        let problem =
            format!("has {{{text}}}: only a header and a value of query, body or form can be declared `{form}`");
        return Err(problem);
    }
    Ok((part, Some(*declared)))
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
        super::parse(template).map(|template| template.parts)
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

    #[test]
    fn brackets_have_one_value_between_two_texts() {
        let read = super::parse("[a:{query:a};][b:{header:b|uuid};]ts:{timestamp};").expect("a template");
        assert_eq!(read.optional, [1, 4]);
        assert_eq!(read.declared.get(4), Some(&Some(DeclaredFormat::Uuid)));
        // What no request lacks is signed in brackets as it stands.
        for text in ["[{timestamp};{body}]", "{body}]", "[{body}", "[v1]{body}", "[]{timestamp}", "{timestamp}["] {
            let letters: String = parse(text).expect(text).iter().map(ToString::to_string).collect();
            assert_eq!(letters, text);
        }
        assert_eq!(parse("[[{timestamp}]]").expect("a template").first(), Some(&Part::Literal("[".to_owned())));
        assert_eq!(parse("{lines:a,b}").expect("a template").len(), 1);
        assert_eq!(parse("{json:a[].b}").expect("a template").len(), 1);
        for text in [
            "[{query:a}]{timestamp}",
            "[a{query:a}]{timestamp}",
            "[{query:a};]{timestamp}",
            "[a{query:a}b{query:b}c]{timestamp}",
            "[a{query:b|any};]{timestamp}",
            "[a[b{query:a};]c]{timestamp}",
        ] {
            assert!(parse(text).expect_err(text).starts_with("has brackets with something else"), "{text}");
        }
        assert!(parse("[a{query:a};]").expect_err("nothing").starts_with("has nothing but brackets"));
    }
}
