//! Tokens that prove a caller. Only their hashes are kept.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The shortest `ADMIN_TOKEN`, in bytes. A shorter token could be guessed.
const SHORTEST: usize = 16;

/// The public `ADMIN_TOKEN` in `.dev.vars.example`.
const EXAMPLE: &str = "local-admin-token";

/// `ADMIN_TOKEN`: the token for `/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    token: HashedToken,
    is_example: bool,
}

impl AdminToken {
    /// Reads the token. `None` if it is too short, or begins or ends with white space.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let usable = text.len() >= SHORTEST && text.trim() == text;
        usable.then(|| Self { token: HashedToken::of(text), is_example: text == EXAMPLE })
    }

    /// Whether the token is the public example.
    pub fn is_example(&self) -> bool {
        self.is_example
    }

    /// Whether the token opens `/api` at a URL with this host. The public example opens `/api` only on localhost.
    pub fn opens_at(&self, host: &str) -> bool {
        !self.is_example || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether `given` is the token.
    pub fn is(&self, given: &str) -> bool {
        self.token.is(given)
    }
}

/// The hash of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether `given` is the token. The hashes are compared in constant time, so the time shows neither the length of the
    /// token nor the number of correct bytes.
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
    fn the_example_token_is_in_the_example_file() {
        let file = std::fs::read_to_string(".dev.vars.example").expect("the file");
        assert!(file.lines().any(|line| line == format!("ADMIN_TOKEN=\"{EXAMPLE}\"")));
    }

    #[test]
    fn the_example_token_opens_only_the_loopback() {
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
