//! Tokens that somebody shows to be let in, kept as hashes.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;

/// The `ADMIN_TOKEN` in `.dev.vars.example`, which everybody can read.
const EXAMPLE: &str = "local-admin-token";

/// `ADMIN_TOKEN`, which opens `/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    token: HashedToken,
    is_example: bool,
}

impl AdminToken {
    /// Takes the token; `None` where it is too short to protect anything.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let usable = text.len() >= SHORTEST && text.trim() == text;
        usable.then(|| Self { token: HashedToken::of(text), is_example: text == EXAMPLE })
    }

    /// Whether it is the public example's.
    pub fn is_example(&self) -> bool {
        self.is_example
    }

    /// Whether it opens `/api` at a URL with this host. The public example's does so on the developer's machine alone.
    pub fn opens_at(&self, host: &str) -> bool {
        !self.is_example || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether `given` is the token.
    pub fn is(&self, given: &str) -> bool {
        self.token.is(given)
    }
}

/// A token's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_one_in_the_example_file() {
        let file = std::fs::read_to_string(".dev.vars.example").expect("the file");
        assert!(file.lines().any(|line| line == format!("ADMIN_TOKEN=\"{EXAMPLE}\"")));
    }

    #[test]
    fn the_example_opens_the_loopback_alone() {
        let (example, own) =
            (AdminToken::parse(EXAMPLE).expect("a token"), AdminToken::parse("0123456789abcdef").expect("a token"));
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(example.opens_at(host) && own.opens_at(host), "{host}");
        }
        for host in ["hooks.example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "::1", ""] {
            assert!(!example.opens_at(host) && own.opens_at(host), "{host}");
        }
    }
}
