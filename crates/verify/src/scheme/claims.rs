//! What the claims of a signed token must say.

use super::Encoding;

/// What the claims of a signed token must say. The token's own times, `exp` and `nbf`, always count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenClaims {
    /// Claims and the texts they must have, such as the issuer.
    pub fixed: Vec<(String, ClaimText)>,
    /// The claim with the SHA-256 of the body, and how it is written.
    pub body_hash: Option<(String, Encoding)>,
    /// The claim with the SHA-256 of the public URL, in hex.
    pub url_hash: Option<String>,
    /// The value of the signed query with the SHA-256 of the body, in hex.
    pub query_body_hash: Option<String>,
}

impl TokenClaims {
    /// Whether a token has to say something.
    pub(crate) fn need_token(&self) -> bool {
        !self.fixed.is_empty() || self.body_hash.is_some() || self.url_hash.is_some()
    }

    /// Whether a claim must have this text.
    pub fn want(&self, wanted: &ClaimText) -> bool {
        self.fixed.iter().any(|(_, text)| text == wanted)
    }
}

/// The text that a claim must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimText {
    /// This one.
    Fixed(String),
    /// The public URL, without a query.
    Url,
    /// The same, where the source has a `url` of its own and the token has the claim.
    UrlIfKnown,
    /// The user's account, as the configuration has it.
    Account,
}
