//! Names of headers, as a preset or a source lists them.

/// One header's name in lower case, or the beginning of several headers' names, followed by `*`: `x-github-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPattern(String);

impl HeaderPattern {
    /// Reads a pattern; `None` where it is neither a name in lower case nor the beginning of one with `*` at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What all the names begin with; `None` where the pattern is one name.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether `name`, in lower case, is meant.
    pub fn admits(&self, name: &str) -> bool {
        self.prefix().map_or(self.0 == name, |prefix| name.starts_with(prefix))
    }
}
