//! The name of a source, in its path and in the configuration.

use std::fmt;

/// The name of a source: `[a-z0-9][a-z0-9_-]{0,63}`, but not `health`: `/webhooks/health` is another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName(String);

impl SourceName {
    /// Reads a name. `None` if `text` is not a name.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (first && text.len() <= 64 && text.bytes().all(rest) && text != "health").then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
