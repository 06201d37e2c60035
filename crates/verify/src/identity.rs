//! Which event a request carries, how we know, and what kind of event it is.

use sha2::{Digest, Sha256};
use std::fmt;

/// What identifies the event of a request. Two requests of one source with the same identity carry the same event.
///
/// An id counts only where it is as well proven as the body: an id that only an uncovered header names would let one
/// captured request pass again and again under new ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The provider's own id of the event. The signature covers it.
    SignedId(EventId),
    /// The provider's own id of the event, in a scheme that proves only who sends: there the id is as good as the body.
    UnsignedId(EventId),
    /// A SHA-256 digest.
    Digest(DigestOf, [u8; 32]),
    /// SHA-256 over a digest and the value of an unsigned header, which tells two events with the same bytes apart.
    Split(DigestOf, [u8; 32]),
    /// Nothing tells a retry from another event with the same bytes. Every authentic request is a new event.
    None,
}

/// An id as the provider writes it. A text and an integer with the same digits are two ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventId {
    /// A text.
    Text(String),
    /// A JSON integer, by its digits.
    Integer(String),
}

/// What an [`Identity::Digest`] is the digest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestOf {
    /// The raw body; the signed content, where the signature does not cover the raw body.
    Body,
    /// The body without the members that the scheme leaves out, such as a counter of attempts.
    Members,
    /// Everything that is signed, with the signed time.
    Content,
}

/// The longest id or type that is shown, so that no log line or answer grows with what a sender puts there.
pub(super) const SHOWN: usize = 256;
/// The most types that one request may carry. A request with more counts as one whose types cannot be read.
pub(super) const MOST_TYPES: usize = 100;

impl From<&str> for EventId {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl EventId {
    /// The text, or the digits.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Integer(text) => text,
        }
    }
}

impl Identity {
    /// The identity of an event that is known by its body alone.
    pub fn of_body(body: &[u8]) -> Self {
        Self::Digest(DigestOf::Body, Sha256::digest(body).into())
    }

    /// The identity of an event with this signed id, which is a text.
    pub fn signed(id: &str) -> Self {
        Self::SignedId(id.into())
    }

    /// The identity that is split off from the digest `of` something, by an unsigned header's `value`. The digest has a
    /// fixed length, so no value can move into it.
    pub(super) fn split(of: DigestOf, digest: [u8; 32], value: &str) -> Self {
        Self::Split(of, Sha256::new().chain_update(digest).chain_update(value).finalize().into())
    }

    /// Where the identity comes from, as the log and the queue message say it. The text is part of the key.
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

    /// The event's id for people and for the origin: the provider's id, or `sha256:` and a digest in hex where there
    /// is no id or where the id is longer than 256 bytes. `None` where the event has no identity.
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
    /// The identities that [`Identity::shown`] shows as `text`.
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
    /// What was found.
    pub found: TypesFound,
    /// The place that decided, where no signature covers it: a header's name, or a path in the body. A type from there is
    /// information, never a reason to trust.
    pub unsigned: Option<String>,
}

/// What was found where the types stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypesFound {
    /// The names, each once, in the order of their first appearance; at least one.
    Named(Vec<String>),
    /// The provider states no type: the body was read, and there is none.
    Absent,
    /// There is, or may be, a type, and it cannot be read: why. Nobody knows whether the event is wanted.
    Unreadable(&'static str),
}

impl EventTypes {
    /// The type as one text: the names joined by `,`, as many whole names as fit into 256 bytes. `None` where there is no
    /// readable type.
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

    /// Whether there is a type and it cannot be read.
    pub fn are_unreadable(&self) -> bool {
        matches!(self.found, TypesFound::Unreadable(_))
    }
}

/// How events without a readable id are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdentityRule {
    /// The configuration does not say. The digest of the body identifies the event, which loses the second of two events
    /// with the same bytes.
    #[default]
    Unstated,
    /// The signed content with its signed time.
    Content {
        /// What makes the signed contents of two events differ.
        differs: String,
    },
    /// A digest of the body.
    Digest {
        /// What makes the bodies of two events differ.
        differs: String,
        /// Where that stands: a body with nothing at any of these paths has no identity. Where there are none, every body
        /// has one.
        when: Vec<super::JsonPath>,
        /// The members that are left out because they differ between two attempts of one event.
        without: Vec<super::JsonPath>,
        /// An unsigned header that tells two events with the same bytes apart. A request without it has no identity.
        split: Option<String>,
    },
    /// Events without an id have no identity.
    None {
        /// Why not.
        why: String,
    },
}

/// How duplicates are recognised, in words that end the sentence "duplicates are recognised …".
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
            write!(f, ", where {} stands in it", joined(when, " or "))?;
        }
        Ok(())
    }
}
