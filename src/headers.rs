//! A request's headers, in one text.

/// Every header of a request. Each header is a line `name:value`, with the name in lower case. A name or a value cannot
/// contain a newline (RFC 9110, sections 5.1 and 5.5).
///
/// One text is cheap to pass into WASM: a list would need a text for each name and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderLines(String);

impl HeaderLines {
    /// The headers in `lines`.
    pub const fn new(lines: String) -> Self {
        Self(lines)
    }

    /// The name and the value of each header.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('\n').filter_map(|line| line.split_once(':'))
    }
}

impl<'h> FromIterator<(&'h str, &'h str)> for HeaderLines {
    fn from_iter<I: IntoIterator<Item = (&'h str, &'h str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| format!("{name}:{value}\n")).collect())
    }
}

impl<'h> FromIterator<&'h (String, String)> for HeaderLines {
    fn from_iter<I: IntoIterator<Item = &'h (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| format!("{name}:{value}\n")).collect())
    }
}
