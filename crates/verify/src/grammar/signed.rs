//! Rules for a scheme: only signed material decides, no byte of the content can move between two parts, and each key has an
//! effect.

use super::ConfigError;
use super::Fields;
use super::template::Template;
use crate::scheme::Covers;
use crate::{
    Algorithm, AmbiguousContent, Indistinguishable, Location, Part, Scheme, TimestampLocation, Variant,
    check_distinguishable,
};

/// The error for a content with two parts between which bytes could move.
pub(super) fn shiftable(
    content: &[Part],
    optional: &[usize],
    AmbiguousContent { part, other }: AmbiguousContent,
) -> String {
    let shown = |place: usize| content.get(place).map_or_else(|| format!("part {place}"), ToString::to_string);
    if optional.contains(&part) {
        return format!(
            "has a bracket with {}, and beside {} nothing tells whether a request lacks it: put brackets before parts that \
             may be any text, put fixed texts before and after the brackets, and begin each of these texts differently",
            shown(part),
            shown(other)
        );
    }
    format!(
        "has two parts side by side that a sender chooses: bytes could move between {} and {}, and the signature would \
         still match. Put a text between them that neither can contain, as in {{timestamp}}.{{body}}, or declare a format, \
         as in {{header:x|uuid}}",
        shown(part),
        shown(other)
    )
}

/// Refuses contents of one signature that make a forged request expensive: the body is hashed for each content.
///
/// # Errors
/// The mistake and the remedy.
pub(super) fn alternatives(fields: &Fields<'_>, contents: &[Template]) -> Result<(), ConfigError> {
    if contents.len() < 2 {
        return Ok(());
    }
    let of_head = |part: &Part| matches!(part.covers(), Covers::Nothing | Covers::Time | Covers::Head);
    let parts = || contents.iter().flat_map(|content| &content.parts);
    if let Some(part) = parts().find(|part| !of_head(part) && !part.is_bytes_of_body()) {
        let problem = format!(
            "has several contents, and {part} would be read from the body for each: several contents may only have \
             {{body}}, its digests and parts of the head"
        );
        return Err(fields.error("content", problem));
    }
    if contents.len() > MOST_OF_BODY && parts().any(Part::is_bytes_of_body) {
        let problem = format!("has more than {MOST_OF_BODY} contents with the body: the body is hashed for each");
        return Err(fields.error("content", problem));
    }
    Ok(())
}

/// The most contents with the body for one signature.
const MOST_OF_BODY: usize = 2;

/// Refuses a scheme with two variants that can have the same content.
///
/// # Errors
/// The two variants, and the remedy.
pub(super) fn forms(fields: &Fields<'_>, scheme: &Scheme) -> Result<(), ConfigError> {
    if scheme.variants.len() > 1 && scheme.locations.iter().any(Location::is_in_body) {
        let problem = "must have one element if the signature is in the body: only the first would ever be read";
        return Err(fields.error("forms", problem.to_owned()));
    }
    check_distinguishable(&scheme.variants).map_err(|Indistinguishable(one, other)| {
        if fields.value("forms").is_none() {
            let problem = format!(
                "numbers {one} and {other} can be the same text, so one signature could prove two requests: begin one with \
                 a text that the other does not have"
            );
            return fields.error("content", problem);
        }
        let problem = format!(
            "numbers {one} and {other} can have the same content, so a request of one could pass as a request of the other: \
             write two schemes, or begin one of the contents with a text that the other does not have"
        );
        fields.error("forms", problem)
    })
}

/// Refuses a key that hookgate would never read: the key would only seem to protect something.
///
/// # Errors
/// The key, and the remedy.
pub(super) fn refuse_ineffective(fields: &Fields<'_>, scheme: &Scheme, is_token: bool) -> Result<(), ConfigError> {
    let refused = |key: &str, problem: &str| Err(fields.error(key, problem.to_owned()));
    if fields.value("forms").is_some()
        && let Some(key) = ["signature", "content", "timestamp"].into_iter().find(|key| fields.value(key).is_some())
    {
        return refused(key, "has no effect beside `forms`: each element of `forms` has its own");
    }
    if !is_token && scheme.token_claims.need_token() {
        return refused("claims", "have no effect: claims are in a signed token, and this algorithm has no token");
    }
    if let Some(name) = &scheme.token_claims.query_body_hash
        && !scheme.variants.iter().all(|form| signs_query(scheme, form, name))
    {
        let problem =
            "`query_body_hash` is in the query, which the signature does not cover, so it would prove nothing";
        return refused("claims", problem);
    }
    let claimed =
        |form: &Variant| matches!(form.timestamp.as_ref().map(|time| &time.at), Some(TimestampLocation::Claim(_)));
    if !is_token && scheme.variants.iter().any(claimed) {
        return refused("timestamp", "is a claim of a signed token, and this algorithm has no token");
    }
    if scheme.public_keys.is_some() && !matches!(scheme.algorithm, Algorithm::Public(_)) {
        return refused(
            "keys",
            "are public keys, and this algorithm has a shared secret: remove `keys`, or change `algorithm`",
        );
    }
    Ok(())
}

/// Whether the signature of this variant covers the value of `name` in the request's query.
fn signs_query(scheme: &Scheme, form: &Variant, name: &str) -> bool {
    let pins_query = form.framing.pins_query();
    scheme.token_claims.url_hash.is_some() || form.content.iter().any(|part| part.signs_query(name, pins_query))
}

/// Refuses a scheme if its signature does not cover the time or the account.
pub(super) fn check(fields: &Fields<'_>, scheme: &Scheme) -> Result<(), ConfigError> {
    for form in &scheme.variants {
        let timed = form.content.iter().any(|part| matches!(part, Part::Timestamp | Part::ListedHeaders(_)));
        match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Header(_) | TimestampLocation::Field) if !timed => {
                let problem =
                    "does not cover the timestamp: write {timestamp} where it is signed, or remove `timestamp`";
                return Err(fields.error("content", problem.to_owned()));
            }
            Some(TimestampLocation::Header(_) | TimestampLocation::Field) => {}
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None if timed => {
                let problem = "has {timestamp}, so `timestamp` needs a `header` or a `field`";
                return Err(fields.error("content", problem.to_owned()));
            }
            Some(TimestampLocation::Json(path)) if !scheme.signs(form, path) => {
                return Err(
                    fields.error("timestamp", format!("{path} is not covered by the signature, so it proves nothing"))
                );
            }
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => {}
        }
        if let Some(path) = scheme.account.as_ref().filter(|path| !scheme.signs(form, path)) {
            let problem = format!("{path} is not covered by the signature, so it proves nothing");
            return Err(fields.error("account", problem));
        }
    }
    Ok(())
}
