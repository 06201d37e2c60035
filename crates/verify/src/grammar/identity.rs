//! `id`, `identity` and `type`: the identity and the type of an event.

use super::{Fields, header_name};
use crate::grammar::ConfigError;
use crate::{IdLocation, IdentityRule, JsonPath, Scheme, TypeLocation, WithoutId};
use serde_json::Value;

const ID_KEYS: &[&str] = &["header", "json", "when", "missing"];
const RULE_KEYS: &[&str] = &["content", "digest", "when", "without", "split", "none"];
/// The most paths in a list. Each object on a path is searched for each path.
const MOST_PATHS: usize = 8;

/// Reads `id`, `identity` and `repeats`. `repeats = true` is the older spelling of `identity = "none"`.
pub(super) fn parse(fields: &Fields<'_>, scheme: &mut Scheme) -> Result<(), ConfigError> {
    let repeats = fields.flag("repeats")?;
    let rule = parse_rule(fields)?;
    if repeats && rule.is_some() {
        return Err(fields.error("repeats", "says the same as `identity = \"none\"`: remove it".to_owned()));
    }
    let why = || IdentityRule::None { why: "two events may have the same bytes".to_owned() };
    let rule = rule.or_else(|| repeats.then(why));
    let unsigned_header = scheme.proves_only_sender();
    let missing = rule.as_ref().map_or(WithoutId::Refuse, |_| WithoutId::ByRule);
    scheme.id = parse_id(fields, missing, unsigned_header, &|header| scheme.may_lack(header))?;
    scheme.identity = rule.unwrap_or(IdentityRule::Unstated);
    Ok(())
}

/// Reads `id`. `customary` is the default of `missing`. `may_lack` tells whether a request may lack a signed header.
fn parse_id(
    fields: &Fields<'_>,
    customary: WithoutId,
    unsigned: bool,
    may_lack: &dyn Fn(&str) -> bool,
) -> Result<IdLocation, ConfigError> {
    let Some(id) = fields.table("id", ID_KEYS)? else { return Ok(IdLocation::Nowhere) };
    let when = id.path("when")?;
    let missing = match id.choice("missing", &[("refuse", WithoutId::Refuse), ("digest", WithoutId::ByRule)])? {
        Some(missing) => missing,
        None if when.is_some() => WithoutId::ByRule,
        None => customary,
    };
    if missing == WithoutId::Refuse && (customary == WithoutId::ByRule || when.is_some()) {
        let problem =
            "an event without an id is refused, so `when` and `identity` have no effect: remove them, or `missing`";
        return Err(id.error("missing", problem.to_owned()));
    }
    match (id.text("header")?, id.path("json")?) {
        (Some(_), None) if when.is_some() => {
            Err(id.error("when", "goes with an id in the body: write `json` instead of `header`".to_owned()))
        }
        (Some(header), None) if unsigned => {
            Ok(IdLocation::UnsignedHeader(header_name(&id, "header", header)?, missing))
        }
        (Some(header), None) if may_lack(header) && id.value("missing").is_some() => {
            let problem = "has no effect: `identity` is for events without a header in brackets";
            Err(id.error("missing", problem.to_owned()))
        }
        (Some(_), None) if id.value("missing").is_some() => {
            Err(id.error("missing", "has no effect: each request has the signed header".to_owned()))
        }
        (Some(header), None) if missing == WithoutId::ByRule && !may_lack(header) => {
            let problem =
                "a request without a header that is signed is refused, so `identity` has no effect: remove it";
            Err(fields.error("identity", problem.to_owned()))
        }
        (Some(header), None) => Ok(IdLocation::SignedHeader(header_name(&id, "header", header)?)),
        (None, Some(path)) => Ok(IdLocation::Json { path, when, missing }),
        _ => Err(fields.error("id", "needs one of `header` and `json`: the location of the id".to_owned())),
    }
}

/// Reads `identity`: a word, or a table that also has the reason.
fn parse_rule(fields: &Fields<'_>) -> Result<Option<IdentityRule>, ConfigError> {
    match fields.value("identity") {
        None => return Ok(None),
        Some(Value::String(word)) => {
            return match word.as_str() {
                "content" => Ok(Some(IdentityRule::Content { differs: String::new() })),
                "none" => Ok(Some(IdentityRule::None { why: String::new() })),
                _ => Err(fields.error("identity", needed())),
            };
        }
        Some(_) => {}
    }
    let Some(rule) = fields.table("identity", RULE_KEYS)? else { return Ok(None) };
    let (content, digest, none) = (rule.text("content")?, rule.text("digest")?, rule.text("none")?);
    let when = parse_paths(&rule, "when")?;
    let without = parse_paths(&rule, "without")?;
    let split = rule.text("split")?.map(|header| header_name(&rule, "split", header)).transpose()?;
    if digest.is_none() && (split.is_some() || !when.is_empty() || !without.is_empty()) {
        return Err(rule.error("digest", "is missing: `when`, `without` and `split` belong to a digest".to_owned()));
    }
    let said = |text: &str| text.trim().to_owned();
    match (content, digest, none) {
        (Some(differs), None, None) => Ok(Some(IdentityRule::Content { differs: said(differs) })),
        (None, Some(differs), None) if !differs.trim().is_empty() => {
            Ok(Some(IdentityRule::Digest { differs: said(differs), when, without, split }))
        }
        (None, Some(_), None) => {
            let problem = "name the field that makes the bodies of two events differ, such as \"created_at\"; \
                           if no field differs, write identity = \"none\"";
            Err(rule.error("digest", problem.to_owned()))
        }
        (None, None, Some(why)) => Ok(Some(IdentityRule::None { why: said(why) })),
        _ => Err(fields.error("identity", needed())),
    }
}

fn needed() -> String {
    "must be \"content\", \"none\", or { digest = \"the field that differs between two events\" }".to_owned()
}

fn parse_paths(rule: &Fields<'_>, key: &str) -> Result<Vec<JsonPath>, ConfigError> {
    let problem = || rule.error(key, "is not a path, such as \"[].attemptNumber\"".to_owned());
    let paths = rule.one_or_more(key)?;
    if paths.len() > MOST_PATHS {
        return Err(rule.error(key, format!("has more than {MOST_PATHS} paths")));
    }
    paths.into_iter().map(|path| JsonPath::parse(path).ok_or_else(problem)).collect()
}

/// Reads `type`.
pub(super) fn parse_type(fields: &Fields<'_>, places: &mut Vec<TypeLocation>) -> Result<(), ConfigError> {
    if let Some(at) = fields.table("type", &["header", "json"])? {
        for path in at.one_or_more("json")? {
            let path = JsonPath::parse(path)
                .ok_or_else(|| at.error("json", "is not a path, such as \"event.type\"".to_owned()))?;
            places.push(TypeLocation::Json(path));
        }
        for header in at.one_or_more("header")? {
            places.push(TypeLocation::UnsignedHeader(header_name(&at, "header", header)?));
        }
    }
    Ok(())
}

/// Refuses an id that the signature does not cover, and an identity that the signature cannot give.
pub(super) fn check_signed(fields: &Fields<'_>, scheme: &Scheme) -> Result<(), ConfigError> {
    use crate::Part;
    for form in &scheme.variants {
        match &scheme.id {
            IdLocation::SignedHeader(name) if !form.content.contains(&Part::Header(name.clone())) => {
                let problem = format!(
                    "the signature does not cover {name}: write {{header:{name}}} into `content`, or remove `id`"
                );
                return Err(fields.error("id", problem));
            }
            IdLocation::Json { path, .. } if !scheme.proves_only_sender() && !scheme.signs(form, path) => {
                let problem =
                    format!("the signature does not cover {path}: remove `id`, and the digest identifies events");
                return Err(fields.error("id", problem));
            }
            IdLocation::SignedHeader(_)
            | IdLocation::UnsignedHeader(..)
            | IdLocation::Json { .. }
            | IdLocation::Nowhere => {}
        }
        match &scheme.identity {
            IdentityRule::Content { .. } if scheme.algorithm == crate::Algorithm::StaticToken => {
                let problem = "nothing is signed here: name the field that differs between two events, such as \
                               { digest = \"created_at\" }, or write \"none\"";
                return Err(fields.error("identity", problem.to_owned()));
            }
            IdentityRule::Digest { when, without, .. }
                if (!when.is_empty() || !without.is_empty()) && !scheme.signs_bytes(form) =>
            {
                let problem = "reads a body whose bytes are not signed as received: remove `when` and `without`";
                return Err(fields.error("identity", problem.to_owned()));
            }
            IdentityRule::Content { .. }
            | IdentityRule::Digest { .. }
            | IdentityRule::None { .. }
            | IdentityRule::Unstated => {}
        }
    }
    Ok(())
}
