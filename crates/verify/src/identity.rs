//! The identity and the types of a request's events.

use sha2::{Digest, Sha256};
use std::fmt;

/// The identity of a request's event. Two requests of one source with the same identity carry the same event.
///
/// An id counts only if it is proven as well as the body. With an unsigned id, an attacker could send one captured request
/// again and again under new ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The provider's own id of the event. The signature covers it.
    SignedId(EventId),
    /// The provider's own id of the event, in a scheme that proves only the sender. The id is proven as well as the body.
    UnsignedId(EventId),
    /// A SHA-256 digest.
    Digest(DigestOf, [u8; 32]),
    /// SHA-256 over a digest and the value of an unsigned header, which tells two events with the same bytes apart.
    Split(DigestOf, [u8; 32]),
    /// A retry and another event with the same bytes cannot be told apart. Every authentic request is a new event.
    None,
}

/// An id as the provider writes the id. A text and an integer with the same digits are two ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventId {
    /// A text.
    Text(String),
    /// A JSON integer, by its digits.
    Integer(String),
}

/// The input of an [`Identity::Digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestOf {
    /// The raw body, or the signed content if the signature does not cover the raw body.
    Body,
    /// The body without the members that the scheme leaves out, such as a counter of attempts.
    Members,
    /// The signed content with the signed time.
    Content,
}

/// The longest id or type that is shown, in bytes. It bounds the length of log lines and answers.
pub(super) const SHOWN: usize = 256;
/// The most types of one request. The types of a request with more types count as unreadable.
pub(super) const MOST_TYPES: usize = 100;

impl From<&str> for EventId {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl EventId {
    /// The text or the digits.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Integer(text) => text,
        }
    }
}

impl Identity {
    /// The identity by the digest of the body.
    pub fn of_body(body: &[u8]) -> Self {
        Self::Digest(DigestOf::Body, Sha256::digest(body).into())
    }

    /// The identity by a signed id, which is a text.
    pub fn signed(id: &str) -> Self {
        Self::SignedId(id.into())
    }

    /// The identity by a digest and the `value` of an unsigned header. The digest has a fixed length, so no byte of the
    /// value can move into the digest.
    pub(super) fn split(of: DigestOf, digest: [u8; 32], value: &str) -> Self {
        Self::Split(of, Sha256::new().chain_update(digest).chain_update(value).finalize().into())
    }

    /// The kind of the identity, as a text for the log and the queue message. The text is a part of the event's key.
    pub fn provenance(&self) -> &'static str {
        match self {
            Self::SignedId(EventId::Text(_)) => "signed id",
            Self::SignedId(EventId::Integer(_)) => "signed integer id",
            Self::UnsignedId(EventId::Text(_)) => "unsigned id",
            Self::UnsignedId(EventId::Integer(_)) => "unsigned integer id",
            Self::Digest(DigestOf::Body, _) => "body digest",
            Self::Digest(DigestOf::Members, _) => "body digest without members",
            Self::Digest(DigestOf::Content, _) => "signed content",
            Self::Split(DigestOf::Body, _) => "body digest and unsigned header",
            Self::Split(DigestOf::Members, _) => "body digest without members and unsigned header",
            Self::Split(DigestOf::Content, _) => "signed content and unsigned header",
            Self::None => "none",
        }
    }

    /// The event's id for people and for the destination. This is the provider's id, or `sha256:` and a digest in hex if
    /// there is no id or if the id is longer than 256 bytes. `None` if the event has no identity.
    pub fn shown(&self) -> Option<String> {
        let digest = |bytes: &[u8]| format!("sha256:{}", hex::encode(bytes));
        match self {
            Self::SignedId(id) | Self::UnsignedId(id) if id.as_str().len() <= SHOWN => Some(id.as_str().to_owned()),
            Self::SignedId(id) | Self::UnsignedId(id) => Some(digest(&Sha256::digest(id.as_str()))),
            Self::Digest(_, bytes) | Self::Split(_, bytes) => Some(digest(bytes)),
            Self::None => None,
        }
    }
}

impl Identity {
    /// The identities for which [`Identity::shown`] returns `text`.
    pub fn shown_as(text: &str) -> Vec<Self> {
        let mut digest = [0; 32];
        let hex = text.strip_prefix("sha256:").is_some_and(|hex| hex::decode_to_slice(hex, &mut digest).is_ok());
        if hex {
            let all = [DigestOf::Body, DigestOf::Members, DigestOf::Content];
            return all.into_iter().flat_map(|of| [Self::Digest(of, digest), Self::Split(of, digest)]).collect();
        }
        let ids = [EventId::Text(text.to_owned()), EventId::Integer(text.to_owned())];
        ids.into_iter().flat_map(|id| [Self::SignedId(id.clone()), Self::UnsignedId(id)]).collect()
    }
}

/// The types of the events that a request carries, in the provider's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypes {
    /// The result of reading the types.
    pub found: TypesFound,
    /// The location of the types if the location is unsigned: a header's name, or a path in the body. An unsigned type is
    /// no reason for trust.
    pub unsigned: Option<String>,
}

/// The result of reading the types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypesFound {
    /// At least one name, each once, in the order of their first appearance.
    Named(Vec<String>),
    /// The body was read, and has no type.
    Absent,
    /// A type that cannot be read, with the reason. A filter cannot tell whether the event is wanted.
    Unreadable(&'static str),
}

impl EventTypes {
    /// The names joined by `,`, as many whole names as fit into 256 bytes. `None` if there is no readable type.
    pub fn shown(&self) -> Option<String> {
        let TypesFound::Named(names) = &self.found else { return None };
        let mut shown = String::new();
        for name in names {
            let comma = usize::from(!shown.is_empty());
            if shown.len().saturating_add(comma).saturating_add(name.len()) > SHOWN {
                break;
            }
            if comma > 0 {
                shown.push(',');
            }
            shown.push_str(name);
        }
        Some(shown)
    }

    /// Whether there may be a type that cannot be read.
    pub fn are_unreadable(&self) -> bool {
        matches!(self.found, TypesFound::Unreadable(_))
    }
}

/// The rule for the identity of events without a readable id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdentityRule {
    /// The configuration has no rule. The digest of the body identifies the event, so the second of two events with the
    /// same bytes is lost.
    #[default]
    Unstated,
    /// The digest of the signed content with its signed time.
    Content {
        /// The reason why the signed contents of two events differ.
        differs: String,
    },
    /// A digest of the body.
    Digest {
        /// The reason why the bodies of two events differ.
        differs: String,
        /// The paths of the values that differ. A body without a value at any of these paths has no identity. With no
        /// paths, every body has an identity.
        when: Vec<super::JsonPath>,
        /// The members that are left out, because they differ between two tries of one event.
        without: Vec<super::JsonPath>,
        /// An unsigned header that tells two events with the same bytes apart. A request without the header has no
        /// identity.
        split: Option<String>,
    },
    /// Events without an id have no identity.
    None {
        /// The reason.
        why: String,
    },
}

/// The end of the sentence "duplicates are recognised …".
impl fmt::Display for IdentityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (when, without, split) = match self {
            Self::None { .. } => return f.write_str("not recognised"),
            Self::Content { .. } => return f.write_str("by identical signed content"),
            Self::Unstated => return f.write_str("by identical content"),
            Self::Digest { when, without, split, .. } => (when, without, split),
        };
        let joined = |paths: &[super::JsonPath], word: &str| {
            paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(word)
        };
        f.write_str("by identical content")?;
        if let Some(header) = split {
            write!(f, " and {header} (unsigned)")?;
        }
        if !without.is_empty() {
            write!(f, ", without {}", joined(without, " and "))?;
        }
        if !when.is_empty() {
            write!(f, ", if {} is present", joined(when, " or "))?;
        }
        Ok(())
    }
}
