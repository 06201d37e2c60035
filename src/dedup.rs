//! Deduplication keys.

use crate::config::SourceName;
use crate::webhook::Identity;
use sha2::{Digest, Sha256};
use std::fmt;

/// The deduplication key of an event: SHA-256 over source, provenance and id or digest, each with its length before
/// it, so that no two sources, and no id and digest, can meet in one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// The key of the event `identity` at `source`.
    pub fn new(source: &SourceName, identity: &Identity) -> Self {
        let value = match identity {
            Identity::SignedId(id) => id.as_bytes(),
            Identity::BodyDigest(digest) => digest,
        };
        let mut hash = Sha256::new();
        for part in [source.as_str().as_bytes(), identity.provenance().as_bytes(), value] {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// 64 hex digits: the key's name in KV, and the idempotency key that origins get.
impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
