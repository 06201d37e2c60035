//! What a signature covers, part by part.

use crate::JsonPath;
use std::fmt;

/// A part of the signed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A fixed text.
    Literal(String),
    /// The timestamp's text as received.
    Timestamp,
    /// A header's text as received; refused where it is missing, empty, or contains the literal that follows it.
    Header(String),
    /// A query value, decoded; refused as a header is.
    Query(String),
    /// The same in lower case.
    QueryLower(String),
    /// The public URL of this endpoint as the configuration has it, and the request's query after it.
    Url,
    /// The request's method.
    Method,
    /// The path of the public URL, and the request's query after it, escaped twice (Contentful).
    Path,
    /// The headers that this header lists, each as `name:value`, by name, with `;` between (Contentful). The list has to
    /// name itself, and the timestamp's header.
    ListedHeaders(String),
    /// The raw body.
    Body,
    /// SHA-256 of the raw body, in lower-case hex.
    BodySha256,
    /// SHA-256 of the raw body, its 32 bytes.
    BodySha256Bytes,
    /// The body's RFC 8785 form, quoted again as one JSON string (RelayBox).
    CanonicalJsonString,
    /// A scalar of the JSON body as text; empty where there is none.
    Json(JsonPath),
    /// A value of the form body, decoded.
    Form(String),
    /// The form body: each name and its value, sorted, a repeated pair once.
    SortedForm,
    /// The query's pairs, sorted by name and encoded again.
    SortedQuery,
    /// For each of these keys that the JSON body has: the key, a newline, its text, a newline.
    JsonLines(Vec<String>),
    /// A JSON Web Signature's header and claims, as received.
    Jws,
}

impl Part {
    /// Whether it stands in a request's head.
    pub fn is_in_head(&self) -> bool {
        use Part::{Header, ListedHeaders, Method, Path, Query, QueryLower, SortedQuery, Url};
        matches!(self, Header(_) | ListedHeaders(_) | Query(_) | QueryLower(_) | Url | Path | Method | SortedQuery)
    }

    /// Whether it is the body's bytes, or a digest of them.
    pub(crate) fn is_bytes_of_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodySha256 | Self::BodySha256Bytes)
    }
}

/// As it is written in a scheme.
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

/// The form that a scheme declares for a signed value, where its neighbours do not tell where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Any text: the one part that is free.
    Any,
    /// `A-Z a-z 0-9 _ - + / =`.
    Word,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
}
