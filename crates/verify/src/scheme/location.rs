//! The location of a signature in a request, its layout and its encoding.

use crate::JsonPath;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fmt;

/// The location of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In the header of this name, lower case.
    Header(String),
    /// In the query, under this name.
    Query(String),
    /// In the JSON body.
    Json(JsonPath),
    /// In the body of an HTML form, under this name.
    Form(String),
}

impl Location {
    /// Whether the location is in the body.
    pub fn is_in_body(&self) -> bool {
        match self {
            Self::Json(_) | Self::Form(_) => true,
            Self::Header(_) | Self::Query(_) => false,
        }
    }

    /// Whether the location is a header. A request may have a header several times.
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

/// The layout of the text at a signature's location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One signature after a fixed prefix, which may be empty: `sha256=<signature>`. A header may have several signatures
    /// with commas between. A repeated header is such a list (RFC 9110, section 5.3). Each signature has a prefix, and each
    /// counts.
    Single {
        /// The prefixes, at least one, the longest first. The first prefix that fits counts.
        prefixes: Vec<String>,
    },
    /// A list of named entries: `t=<unix>,v1=<signature>[,v1=<signature>]`, `v1,<signature> v1,<signature>`. Entries with
    /// other names are ignored. A repeated header is several lists with a comma and a blank between.
    List {
        /// The one or two characters that separate entries. Empty entries are ignored if one separator is a comma, or if
        /// there are two separators and one is a blank. Blanks and tabs beside a comma are ignored (RFC 9110, section
        /// 5.6.1).
        separators: String,
        /// The character between an entry's name and its value.
        assign: char,
        /// The name of the entries with a signature. `None` means the user's account, or any name if the configuration has
        /// no account.
        signature: Option<String>,
        /// The name of the entry with the timestamp. All such entries must have the same value.
        timestamp: Option<String>,
    },
    /// A list with commas and without names: the timestamp, then signatures. The times of a repeated header are the same.
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

/// The encoding of a signature. A signature has one text in each encoding, except for the case of hex digits.
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
    /// Encodes the bytes of a signature.
    pub(crate) fn encode(self, signature: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(signature),
            Self::Base64 => STANDARD.encode(signature),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(signature),
            Self::Text => String::from_utf8_lossy(signature).into_owned(),
        }
    }
}
