//! The deduplication key of an event.

use crate::source_name::SourceName;
use hookgate_verify::Identity;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// The deduplication key of an event: SHA-256 over the source, the provenance of the identity, and the id or the digest.
/// Each part has its length before it. So two sources, two kinds of id, or an id and a digest never have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// The key of the event `identity` at `source`. `None` if the event has no identity.
    pub fn new(source: &SourceName, identity: &Identity) -> Option<Self> {
        let value = match identity {
            Identity::SignedId(id) | Identity::UnsignedId(id) => id.as_str().as_bytes(),
            Identity::Digest(_, digest) | Identity::Split(_, digest) => digest,
            Identity::None => return None,
        };
        let (source, provenance) = (source.as_str().as_bytes(), identity.provenance().as_bytes());
        Some(Self(digest_of(&[source, provenance, value])))
    }

    /// The id that providers and destinations get for the event `identity` with this key. An event without an identity gets
    /// `accept:` and the key.
    pub fn id_of(&self, identity: &Identity) -> String {
        identity.shown().unwrap_or_else(|| format!("accept:{self}"))
    }

    /// The key of an event without an identity. `drawn` is random, so each acceptance has another key.
    pub fn unique(source: &SourceName, drawn: [u64; 2]) -> Self {
        let drawn = drawn.map(u64::to_be_bytes);
        Self(digest_of(&[source.as_str().as_bytes(), b"acceptance", drawn.as_flattened()]))
    }

    /// Reads the text that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// The first 16 bytes, as two numbers.
    pub(crate) fn first_words(&self) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.0;
        [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]].map(u64::from_be_bytes)
    }

    pub(super) fn first_bytes(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// 64 hex digits: the name of the key in KV, and the idempotency key for destinations.
impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, &mut [0; 64], f)
    }
}

impl TryFrom<String> for DedupKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a deduplication key is 64 hex digits")
    }
}

impl Serialize for DedupKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Writes `bytes` as hex digits. The buffer `digits` must be twice as long as `bytes`.
pub(super) fn write_hex(bytes: impl AsRef<[u8]>, digits: &mut [u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    hex::encode_to_slice(bytes, digits).map_err(|_| fmt::Error)?;
    f.write_str(str::from_utf8(digits).map_err(|_| fmt::Error)?)
}

/// SHA-256 over `parts`. Each part has its length before it.
pub(crate) fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_text() {
        let text = "69e636b4d7bfef7fe3213ddadb2de3626dc5728d8f708dd761390f6c04326860";
        assert_eq!(DedupKey::parse(text).expect("a key").to_string(), text);
        for text in ["", "69e6", "x", &text.replace('6', "g")] {
            assert_eq!(DedupKey::parse(text), None, "{text}");
        }
    }
}
