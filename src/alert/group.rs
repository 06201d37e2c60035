//! A group: the part of the gateway that one alert is about.

use super::rules::Rule;
use crate::dedup::digest_of;
use crate::truncate::beginning;
use serde::{Deserialize, Serialize};

/// The longest name in a group, in bytes of JSON.
const LONGEST_NAME: usize = 160;
/// The cause of a group that has several small causes together.
pub(super) const SEVERAL: &str = "several";

/// A rule, and the source, the destination and the cause for which it fires. Every text is bounded, of one line, and without
/// the query of a URL, which may hold a token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "AlertGroup"))]
pub struct Group {
    /// The rule.
    pub rule: Rule,
    /// The source's name. `None` for the summary of a rule: more groups fire than are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The destination, if the rule is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The reason code of refused requests, or the class of failed attempts; `several` for small causes together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Group {
    pub(super) fn new(rule: Rule, source: &str, destination: Option<&str>, cause: Option<&str>) -> Self {
        let [destination, cause] = [destination, cause].map(|text| text.map(shown));
        Self { rule, source: Some(shown(source)), destination, cause }
    }

    pub(super) fn summary(rule: Rule) -> Self {
        Self { rule, source: None, destination: None, cause: None }
    }

    /// Whether this is the summary of a rule.
    pub fn is_summary(&self) -> bool {
        self.source.is_none()
    }

    /// The name of the group's alert: 16 hex digits, always the same for one group.
    pub fn id(&self) -> String {
        // A missing text and an empty text are different groups.
        let part = |text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!("={text}"));
        let [source, destination, cause] = [&self.source, &self.destination, &self.cause].map(part);
        short_digest(&[self.rule.name(), &source, &destination, &cause])
    }
}

/// 16 hex digits of the digest.
fn short_digest(parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let [a, b, c, d, e, f, g, h, ..] = digest_of(&parts);
    hex::encode([a, b, c, d, e, f, g, h])
}

/// A name from outside as one bounded line without a query. A part that is left out is replaced by its digest, so that two
/// names stay two.
pub(super) fn shown(name: &str) -> String {
    let (kept, hidden) = name.split_at_checked(name.find('?').unwrap_or(name.len())).unwrap_or((name, ""));
    let line = one_line(&beginning(kept, LONGEST_NAME));
    if hidden.is_empty() && line == kept { line } else { format!("{line} ({})", short_digest(&[name])) }
}

/// The text without characters that begin a line or change the direction of writing.
pub(super) fn one_line(text: &str) -> String {
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
    };
    text.chars().map(|letter| if is_hidden(letter) { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_no_query_no_line_break_and_no_long_text() {
        let group = |destination: &str| Group::new(Rule::Backlog, "billing", Some(destination), None);
        let text = |destination: &str| group(destination).destination.expect("a destination");
        assert_eq!(text("https://app.example/hooks"), "https://app.example/hooks");
        let hidden = text("https://app.example/hooks?token=canary");
        assert!(hidden.starts_with("https://app.example/hooks (") && !hidden.contains("canary"), "{hidden}");
        assert!(!text("a\nb\u{2028}c\u{202e}d").contains(['\n', '\u{2028}', '\u{202e}']));
        let long = "x".repeat(10_000);
        assert!(text(&long).len() < 200);
        for (one, other) in
            [("https://a/?1", "https://a/?2"), ("a\nb", "a\rb"), ("a\nb", "a b"), (long.as_str(), &long[1..])]
        {
            assert_ne!(group(one).id(), group(other).id());
        }
    }

    /// The id is in the state and in the operator's hands.
    #[test]
    fn the_id_of_a_group_is_pinned() {
        let group = Group::new(Rule::FailedAttempts, "billing", Some("https://app.example/hooks"), Some("5xx"));
        assert_eq!(group.id(), "16a731d1ace2b404");
        assert_ne!(group.id(), Group::new(Rule::FailedAttempts, "billing", None, Some("5xx")).id());
    }
}
