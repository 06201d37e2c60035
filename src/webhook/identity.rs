//! Which event a delivery carries, and how we know.

use sha2::{Digest, Sha256};

/// What identifies an event. Either way it is signed material: an id that only an uncovered header names would let
/// one captured request pass again and again under new ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The provider's own id, covered by the signature.
    SignedId(String),
    /// SHA-256 of the raw body, where the provider signs no id; of what is signed, where that is not the raw body.
    BodyDigest([u8; 32]),
}

/// The longest id or type that is shown, so that no log line or answer grows with what a sender puts there.
const SHOWN: usize = 256;

impl Identity {
    /// The identity of an event that has no signed id.
    pub fn of_body(body: &[u8]) -> Self {
        Self::BodyDigest(Sha256::digest(body).into())
    }

    /// Where the identity comes from: `signed id` or `body digest`.
    pub fn provenance(&self) -> &'static str {
        match self {
            Self::SignedId(_) => "signed id",
            Self::BodyDigest(_) => "body digest",
        }
    }

    /// The event's id for people and for the origin: the provider's id, or `sha256:` and a digest in hex where there
    /// is none or where it is longer than 256 bytes.
    pub fn shown(&self) -> String {
        let digest = |bytes: &[u8]| format!("sha256:{}", hex::encode(bytes));
        match self {
            Self::SignedId(id) if id.len() <= SHOWN => id.clone(),
            Self::SignedId(id) => digest(&Sha256::digest(id)),
            Self::BodyDigest(bytes) => digest(bytes),
        }
    }
}

impl Identity {
    /// The identities that [`Identity::shown`] shows as `text`.
    pub fn shown_as(text: &str) -> Vec<Self> {
        let mut digest = [0; 32];
        let hex = text.strip_prefix("sha256:").is_some_and(|hex| hex::decode_to_slice(hex, &mut digest).is_ok());
        if hex { vec![Self::BodyDigest(digest)] } else { vec![Self::SignedId(text.to_owned())] }
    }
}

/// What kind of event it is, in the provider's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// The provider's name of the type, such as `invoice.paid`.
    pub name: String,
    /// Whether the signature covers it. An unsigned type is information, never a reason to trust.
    pub signed: bool,
}

impl EventType {
    /// A type of this name; an empty one, or one longer than any provider's (256 bytes), is none.
    pub(super) fn named(name: String, signed: bool) -> Option<Self> {
        (1..=SHOWN).contains(&name.len()).then_some(Self { name, signed })
    }
}
