//! The token that opens `/api`.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;

/// The hash of `ADMIN_TOKEN`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken([u8; 32]);

impl AdminToken {
    /// Takes the token's text; `None` where it is too short to protect anything.
    pub(super) fn new(text: &str) -> Option<Self> {
        (text.len() >= SHORTEST && text.trim() == text).then(|| Self(Sha256::digest(text).into()))
    }

    /// Whether `given` is the token. Hashes are compared, in constant time: neither the token's length nor how much of
    /// it is right can be learnt from the time it takes.
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(redacted)")
    }
}
