//! Where a signature stands in a request, and how it is written there.

use crate::JsonPath;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fmt;

/// Where a signature stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In the header of this name, lower case.
    Header(String),
    /// In the query, under this name.
    Query(String),
    /// In the JSON body.
    Json(JsonPath),
    /// In a form body, under this name.
    Form(String),
}

impl Location {
    /// Whether the body has to be read for it.
    pub fn is_in_body(&self) -> bool {
        match self {
            Self::Json(_) | Self::Form(_) => true,
            Self::Header(_) | Self::Query(_) => false,
        }
    }

    /// Whether it is a header, which may come several times.
    pub(crate) fn is_header(&self) -> bool {
        match self {
            Self::Header(_) => true,
            Self::Query(_) | Self::Json(_) | Self::Form(_) => false,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(name),
            Self::Query(name) => write!(f, "?{name}="),
            Self::Json(path) => path.fmt(f),
            Self::Form(name) => write!(f, "{name}="),
        }
    }
}

/// How the text at a signature's place is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One signature after a fixed prefix, which may be empty: `sha256=<signature>`. A header may have several, with commas
    /// between: the same header twice is such a list (RFC 9110, section 5.3). Each has its prefix, and each counts.
    Single {
        /// The prefixes, at least one, the longest first. The first that fits is the signature's.
        prefixes: Vec<String>,
    },
    /// A list of named entries: `t=<unix>,v1=<signature>[,v1=<signature>]`, `v1,<signature> v1,<signature>`. Entries of
    /// other names are passed over. A header that came twice is two such lists, with a comma and a blank between.
    List {
        /// The one or two characters that separate entries. Where a blank is one of two, or a comma among them, empty entries
        /// are passed over, and so are blanks and tabs beside a comma (RFC 9110, section 5.6.1).
        separators: String,
        /// What stands between an entry's name and its value.
        assign: char,
        /// The name of an entry with a signature, one or more. `None`: the user's account, or any name where the
        /// configuration has no account.
        signature: Option<String>,
        /// The name of the entry with the timestamp. One that stands twice must be the same.
        timestamp: Option<String>,
    },
    /// A comma list without names: the timestamp, then signatures. In a header that came twice both times are the same.
    Positional,
    /// A JSON Web Signature in compact form (RFC 7515, section 7.1), after a prefix.
    Jws {
        /// The prefix, such as `Bearer `.
        prefix: String,
    },
}

impl Default for Layout {
    fn default() -> Self {
        Self::Single { prefixes: vec![String::new()] }
    }
}

/// How a signature is written. Each has one text per signature, but for the case of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Hexadecimal, either case.
    #[default]
    Hex,
    /// Base64 (RFC 4648, section 4), padded, without stray bits.
    Base64,
    /// Base64 for URLs (RFC 4648, section 5), without padding and stray bits.
    Base64Url,
    /// The text itself.
    Text,
}

impl Encoding {
    /// Writes the bytes of a signature.
    pub(crate) fn encode(self, signature: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(signature),
            Self::Base64 => STANDARD.encode(signature),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(signature),
            Self::Text => String::from_utf8_lossy(signature).into_owned(),
        }
    }
}
