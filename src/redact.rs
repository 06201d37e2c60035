//! `redact`: what the log leaves out of a body and of headers.
//!
//! A rule is a path into a JSON body, such as `$.card.number`, or `header:` and the name of a header. The log keeps the text
//! [`REDACTED`] in place of each value that a rule names, and every other byte as received.
//!
//! Redaction fails closed: if a source has a rule for bodies, and a body cannot be read with certainty, then the log keeps
//! nothing of that body. Redaction comes before any cut and before any search, because a cut body cannot be read.

mod path;
#[cfg(test)]
mod property;
mod scan;
#[cfg(test)]
mod tests;

use hookgate_verify::{HeaderPattern, JsonPath};
use path::RulePath;
use thiserror::Error;

/// The text in place of a redacted value. In a body it stands in quotes, as a JSON string.
pub const REDACTED: &str = "[redacted]";

/// The most rules of a source.
const MOST_RULES: usize = 32;
/// The longest rule, in bytes.
const LONGEST_RULE: usize = 256;
/// The most values that are redacted in one body. It bounds the output: each value may grow by 11 bytes.
const MOST_VALUES: usize = 100_000;

/// The rules of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions {
    paths: Vec<RulePath>,
    headers: Vec<HeaderPattern>,
    /// Whether the rules are not known.
    everything: bool,
}

/// As much of a body as is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPart<'b> {
    /// Every byte of the body.
    Whole(&'b [u8]),
    /// The first bytes. The rest was not read, or was cut off.
    Beginning(&'b [u8]),
}

/// What the log may keep of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedactedBody<'b> {
    /// No rule names a value of the body: the bytes as received.
    Exact(&'b [u8]),
    /// The body with [`REDACTED`], in quotes, in place of each value that a rule names. Every other byte is as received.
    Redacted {
        /// The body. It is JSON.
        bytes: Vec<u8>,
        /// The number of values that were replaced, at least one.
        values: usize,
    },
    /// Nothing.
    Withheld(Withheld),
}

/// Why the log keeps nothing of a body. A body is withheld only if its source has a rule for bodies, or may have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Withheld {
    /// The body is only a beginning.
    #[error("the body was not read whole, and only a whole body can be redacted")]
    Cut,
    /// The body is compressed, for example.
    #[error("the body is not UTF-8, so it cannot be redacted")]
    NotUtf8,
    /// The body is a form, for example, or JSON with a byte order mark or with more text behind it.
    #[error("the body is not JSON, so it cannot be redacted")]
    NotJson,
    /// The body is a number or a text. A text may contain JSON itself.
    #[error("the body is neither a JSON object nor an array, so it cannot be redacted")]
    SingleValue,
    /// The rules name more than 100,000 values.
    #[error("the rules name more than 100000 values of the body")]
    TooMany,
    /// The source was removed or misconfigured after the event was accepted.
    #[error("the source is not configured, so its rules of redaction are not known")]
    UnknownRules,
}

impl Withheld {
    /// The reason code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::SingleValue => "single_value",
            Self::TooMany => "too_many_values",
            Self::UnknownRules => "unknown_rules",
        }
    }
}

impl Redactions {
    /// The rules of a source whose rules are not known: every body is withheld, and the value of every header is redacted.
    pub const UNKNOWN: Self = Self { paths: Vec::new(), headers: Vec::new(), everything: true };

    /// Reads the rules of a source.
    ///
    /// # Errors
    /// The problem, with the rule or its number, and what a rule may be.
    pub fn parse(rules: &[&str]) -> Result<Self, String> {
        if rules.len() > MOST_RULES {
            return Err(format!("lists {} rules, of {MOST_RULES} at most", rules.len()));
        }
        let mut redactions = Self::default();
        for (rule, number) in rules.iter().zip(1_usize..) {
            if rule.len() > LONGEST_RULE {
                return Err(format!("rule {number} has {} bytes, of {LONGEST_RULE} at most", rule.len()));
            }
            if let Some(name) = rule.strip_prefix("header:") {
                let pattern = HeaderPattern::parse(&name.to_ascii_lowercase()).ok_or_else(|| {
                    format!(
                        "\"{rule}\" names no header; write \"header:x-api-key\", or \"header:x-acme-*\" for several"
                    )
                })?;
                redactions.headers.push(pattern);
            } else if rule.starts_with('$') {
                let path = RulePath::parse(rule).map_err(|problem| format!("\"{rule}\" {problem}"))?;
                redactions.paths.push(path);
            } else {
                // The text may be the value that the operator wants to hide, so the error does not show it.
                return Err(format!(
                    "rule {number} is neither a path into the body, such as \"$.card.number\", nor a header, such as \
                     \"header:x-api-key\"; a rule names the place of a value, never the value itself"
                ));
            }
        }
        Ok(redactions)
    }

    /// Whether a rule is for bodies. If not, every body is kept as received.
    pub fn has_body_rules(&self) -> bool {
        self.everything || !self.paths.is_empty()
    }

    /// The number of rules.
    pub fn count(&self) -> usize {
        self.paths.len().saturating_add(self.headers.len())
    }

    /// Whether the value at `path` is always redacted: a rule names it, or a value around it.
    pub fn covers(&self, path: &JsonPath) -> bool {
        self.paths.iter().any(|rule| rule.covers(path))
    }

    /// The value that the log may keep of the header `name`: `value`, or [`REDACTED`]. The case of `name` does not count.
    pub fn header<'v>(&self, name: &str, value: &'v str) -> &'v str {
        let is_named = |pattern: &HeaderPattern| pattern.admits(&name.to_ascii_lowercase());
        if self.everything || self.headers.iter().any(is_named) { REDACTED } else { value }
    }

    /// What the log may keep of a body, for a record as well as for a sample of a refused request.
    ///
    /// Without a rule for bodies, and for an empty body, these are the bytes as received. Every value that a rule names is
    /// replaced, also each of several members with the same name, whatever the content type says. If two rules name a value
    /// and a value within it, the outer value is replaced.
    ///
    /// The work is a few passes over the body. The recursion is as deep as the rules. The result has at most 1.1 MB more
    /// than the body.
    pub fn body<'b>(&self, body: BodyPart<'b>) -> RedactedBody<'b> {
        let bytes = match body {
            _ if self.everything => return RedactedBody::Withheld(Withheld::UnknownRules),
            BodyPart::Whole(bytes) | BodyPart::Beginning(bytes) if self.paths.is_empty() => {
                return RedactedBody::Exact(bytes);
            }
            BodyPart::Beginning(_) => return RedactedBody::Withheld(Withheld::Cut),
            BodyPart::Whole(b"") => return RedactedBody::Exact(b""),
            BodyPart::Whole(bytes) => bytes,
        };
        match scan::redact(bytes, &self.paths) {
            Ok((_, 0)) => RedactedBody::Exact(bytes),
            Ok((bytes, values)) => RedactedBody::Redacted { bytes, values },
            Err(reason) => RedactedBody::Withheld(reason),
        }
    }
}

impl RedactedBody<'_> {
    /// The bytes to keep; `None` if the body is withheld.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Exact(bytes) => Some(bytes),
            Self::Redacted { bytes, .. } => Some(bytes),
            Self::Withheld(_) => None,
        }
    }

    /// The first of [`Self::bytes`], at most `most` bytes. A character of UTF-8 is not split.
    pub fn beginning(&self, most: usize) -> Option<&[u8]> {
        let bytes = self.bytes()?;
        let is_within_character = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
        // A character has at most four bytes. A body that is no text is cut anywhere.
        let end = (most.saturating_sub(3)..=most).rev().find(|end| !is_within_character(*end)).unwrap_or(most);
        Some(bytes.get(..end).unwrap_or(bytes))
    }

    /// Whether the bytes are the body as received, so that the event can be sent again from them.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }
}
