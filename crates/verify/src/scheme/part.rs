//! The parts of a signed content.

use crate::JsonPath;
use std::fmt;

/// A part of the signed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A fixed text.
    Literal(String),
    /// The timestamp's text as received.
    Timestamp,
    /// A header's text as received. A request is refused if the text is missing, is empty, or has the literal after it.
    Header(String),
    /// A decoded value of the query, with the same conditions as a header.
    Query(String),
    /// A decoded value of the query in lower case.
    QueryLower(String),
    /// The configured public URL of the endpoint, and the request's query after it.
    Url,
    /// The request's method.
    Method,
    /// The path of the public URL, and the request's query after it, escaped twice (Contentful).
    Path,
    /// The headers that this header lists, each as `name:value`, sorted by name, with `;` between (Contentful). The list
    /// must name itself and the timestamp's header.
    ListedHeaders(String),
    /// The raw body.
    Body,
    /// SHA-256 of the raw body, in lower-case hex.
    BodySha256,
    /// SHA-256 of the raw body, its 32 bytes.
    BodySha256Bytes,
    /// The body's RFC 8785 form, quoted again as one JSON string (RelayBox).
    CanonicalJsonString,
    /// A scalar of the JSON body as text. Empty if the body does not have it.
    Json(JsonPath),
    /// A decoded value of the form body.
    Form(String),
    /// The sorted names and values of the form body. A repeated pair counts once.
    SortedForm,
    /// The pairs of the query, sorted by name and encoded again.
    SortedQuery,
    /// For each of these keys in the JSON body: the key, a newline, the key's text, a newline.
    JsonLines(Vec<String>),
    /// The header and the claims of a JSON Web Signature, as received.
    Jws,
}

/// The piece of a request that a part covers. Other questions about a part are answered from this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// Nothing: the text is the scheme's.
    Nothing,
    /// The time.
    Time,
    /// A piece of the request's head.
    Head,
    /// All bytes of the body, or a digest of them.
    Bytes,
    /// All values of the body.
    Meaning,
    /// Named members of the body, and nothing else of the body.
    Members,
    /// A token's header and claims.
    Token,
}

impl Part {
    pub(crate) fn covers(&self) -> Covers {
        match self {
            Self::Literal(_) => Covers::Nothing,
            Self::Timestamp => Covers::Time,
            Self::Header(_)
            | Self::Query(_)
            | Self::QueryLower(_)
            | Self::Url
            | Self::Method
            | Self::Path
            | Self::ListedHeaders(_)
            | Self::SortedQuery => Covers::Head,
            Self::Body | Self::BodySha256 | Self::BodySha256Bytes => Covers::Bytes,
            Self::CanonicalJsonString | Self::SortedForm => Covers::Meaning,
            Self::Json(_) | Self::Form(_) | Self::JsonLines(_) => Covers::Members,
            Self::Jws => Covers::Token,
        }
    }

    /// Whether the part is in a request's head.
    pub fn is_in_head(&self) -> bool {
        self.covers() == Covers::Head
    }

    /// Whether the part is the body's bytes or a digest of the bytes.
    pub(crate) fn is_bytes_of_body(&self) -> bool {
        self.covers() == Covers::Bytes
    }

    /// Whether the part is one named value. Such a value may be optional, and may have a declared format.
    pub(crate) fn is_value(&self) -> bool {
        match self {
            Self::Header(_) | Self::Query(_) | Self::QueryLower(_) | Self::Json(_) | Self::Form(_) => true,
            Self::Literal(_)
            | Self::Timestamp
            | Self::Url
            | Self::Method
            | Self::Path
            | Self::ListedHeaders(_)
            | Self::Body
            | Self::BodySha256
            | Self::BodySha256Bytes
            | Self::CanonicalJsonString
            | Self::SortedForm
            | Self::SortedQuery
            | Self::JsonLines(_)
            | Self::Jws => false,
        }
    }

    /// Whether the part is the endpoint's public URL, or a piece of the URL.
    pub(crate) fn is_of_url(&self) -> bool {
        match self {
            Self::Url | Self::Path => true,
            Self::Literal(_)
            | Self::Timestamp
            | Self::Header(_)
            | Self::Query(_)
            | Self::QueryLower(_)
            | Self::Method
            | Self::ListedHeaders(_)
            | Self::Body
            | Self::BodySha256
            | Self::BodySha256Bytes
            | Self::CanonicalJsonString
            | Self::Json(_)
            | Self::Form(_)
            | Self::SortedForm
            | Self::SortedQuery
            | Self::JsonLines(_)
            | Self::Jws => false,
        }
    }

    /// Whether the part covers the value of `name` in the request's query.
    pub(crate) fn signs_query(&self, name: &str, pins_query: bool) -> bool {
        match self {
            Self::Url => !pins_query,
            Self::Path | Self::SortedQuery => true,
            Self::Query(signed) => signed == name,
            // The value in lower case is not the value that was sent.
            Self::QueryLower(_)
            | Self::Literal(_)
            | Self::Timestamp
            | Self::Header(_)
            | Self::Method
            | Self::ListedHeaders(_)
            | Self::Body
            | Self::BodySha256
            | Self::BodySha256Bytes
            | Self::CanonicalJsonString
            | Self::Json(_)
            | Self::Form(_)
            | Self::SortedForm
            | Self::JsonLines(_)
            | Self::Jws => false,
        }
    }
}

/// The part as a scheme writes it.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Timestamp => f.write_str("{timestamp}"),
            Self::Header(name) => write!(f, "{{header:{name}}}"),
            Self::Query(name) => write!(f, "{{query:{name}}}"),
            Self::QueryLower(name) => write!(f, "{{lower_query:{name}}}"),
            Self::Url => f.write_str("{url}"),
            Self::Path => f.write_str("{path}"),
            Self::ListedHeaders(name) => write!(f, "{{listed_headers:{name}}}"),
            Self::Method => f.write_str("{method}"),
            Self::Body => f.write_str("{body}"),
            Self::BodySha256 => f.write_str("{body_sha256}"),
            Self::BodySha256Bytes => f.write_str("{body_sha256_bytes}"),
            Self::CanonicalJsonString => f.write_str("{canonical_json_string}"),
            Self::Json(path) => write!(f, "{{json:{path}}}"),
            Self::Form(name) => write!(f, "{{form:{name}}}"),
            Self::SortedForm => f.write_str("{form}"),
            Self::SortedQuery => f.write_str("{query}"),
            Self::JsonLines(keys) => write!(f, "{{lines:{}}}", keys.join(",")),
            Self::Jws => f.write_str("the token's header and claims"),
        }
    }
}

/// The declared format of a signed value. A value needs a format if the parts beside it do not tell its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredFormat {
    /// Any text: the value is the free part.
    Any,
    /// `A-Z a-z 0-9 _ - + / =`.
    Word,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
}
