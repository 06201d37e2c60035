//! Tokens that somebody shows to be let in, kept as hashes.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;

/// A token's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    /// Takes `ADMIN_TOKEN`, which opens `/api`; `None` where it is too short to protect anything.
    pub(super) fn admin(text: &str) -> Option<Self> {
        (text.len() >= SHORTEST && text.trim() == text).then(|| Self::of(text))
    }

    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether `given` is the token. Hashes are compared, in constant time: neither the token's length nor how much of
    /// it is right can be learnt from the time it takes.
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(redacted)")
    }
}
