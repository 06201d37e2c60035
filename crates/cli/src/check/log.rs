//! `log_bodies` and `redact` in the line and the warnings of a source.

use hookgate::config::{LogPolicy, Source};
use hookgate_verify::grammar::span;
use hookgate_verify::{IdLocation, JsonPath, Location, Part, TypeLocation};

/// The end of a source's line: what the log keeps, if the source does not have the defaults.
pub(super) fn summary(source: &Source) -> String {
    let bodies = match source.log.bodies {
        bodies if bodies == LogPolicy::default().bodies => String::new(),
        None => "; no bodies in the log".to_owned(),
        Some(kept) => format!("; bodies in the log for {}", span::shown(kept)),
    };
    match source.log.redactions.count() {
        0 => bodies,
        1 => bodies + "; 1 redaction rule",
        rules => format!("{bodies}; {rules} redaction rules"),
    }
}

/// Warns of rules that have no effect, or not the effect that the operator may expect.
pub(super) fn warnings(name: &str, source: &Source) -> Vec<String> {
    let redactions = &source.log.redactions;
    let mut warnings = Vec::new();
    if redactions.has_body_rules() && source.log.bodies.is_none() {
        warnings.push(format!(
            "source {name} has rules for bodies in `redact`, but log_bodies = \"none\" keeps no body. Remove these rules"
        ));
    } else if redactions.has_body_rules() && sends_forms(source) {
        warnings.push(format!(
            "source {name} has rules for bodies in `redact`, but its provider sends forms, which no rule can read: the log \
             keeps none of their bodies"
        ));
    }
    let covered = own_fields(source).into_iter().filter(|(_, path)| redactions.covers(path));
    warnings.extend(covered.map(|(what, path)| {
        format!("source {name} redacts {path} in the body, but the log shows the event's {what} in a field of its own")
    }));
    warnings
}

fn sends_forms(source: &Source) -> bool {
    let scheme = &source.verifier.preset().scheme;
    let mut parts = scheme.variants.iter().flat_map(|variant| &variant.content);
    parts.any(|part| matches!(part, Part::Form(_) | Part::SortedForm))
        || scheme.locations.iter().any(|location| matches!(location, Location::Form(_)))
}

/// The values of the body that are also fields of the log.
fn own_fields(source: &Source) -> Vec<(&'static str, &JsonPath)> {
    let scheme = &source.verifier.preset().scheme;
    let id = match &scheme.id {
        IdLocation::Json { path, .. } => Some(("id", path)),
        IdLocation::SignedHeader(_) | IdLocation::UnsignedHeader(..) | IdLocation::Nowhere => None,
    };
    let types = scheme.event_type.iter().filter_map(|location| match location {
        TypeLocation::Json(path) => Some(("type", path)),
        TypeLocation::UnsignedHeader(_) => None,
    });
    id.into_iter().chain(types).collect()
}
