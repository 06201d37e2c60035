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

/// What a part covers of a request. All that depends on it is read from here, so that a new part says it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covers {
    /// Nothing: the scheme's own text.
    Nothing,
    /// The time.
    Time,
    /// Something in the request's head.
    Head,
    /// All bytes of the body, or a digest of them.
    Bytes,
    /// All that the body means.
    Meaning,
    /// Named members of the body, and nothing else of it.
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

    /// Whether it stands in a request's head.
    pub fn is_in_head(&self) -> bool {
        self.covers() == Covers::Head
    }

    /// Whether it is the body's bytes, or a digest of them.
    pub(crate) fn is_bytes_of_body(&self) -> bool {
        self.covers() == Covers::Bytes
    }

    /// Whether it is one value that the sender names: a request may lack it, and its form can be declared.
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

    /// Whether it signs the query of this request: all of it, or the value of `name`.
    pub(crate) fn signs_query(&self, name: &str, pins_query: bool) -> bool {
        match self {
            Self::Url => !pins_query,
            Self::Path | Self::SortedQuery => true,
            Self::Query(signed) => signed == name,
            // In another case, it is not the value that was sent.
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
pub enum DeclaredFormat {
    /// Any text: the one part that is free.
    Any,
    /// `A-Z a-z 0-9 _ - + / =`.
    Word,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
}
