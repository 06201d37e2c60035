//! A request's headers, in one text.

/// Every header of a request: for each a line `name:value`, the name in lower case. Neither can hold a newline (RFC 9110,
/// section 5.5).
///
/// One text crosses into WASM at once, and needs no list of texts of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderLines(String);

impl HeaderLines {
    /// The headers in `lines`.
    pub const fn new(lines: String) -> Self {
        Self(lines)
    }

    /// Names and values.
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
