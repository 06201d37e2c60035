//! The necessary claims of a signed token.

use super::Encoding;

/// The necessary claims of a signed token. The token's own times, `exp` and `nbf`, are always checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenClaims {
    /// Claims and their necessary texts. The issuer is such a claim.
    pub fixed: Vec<(String, ClaimText)>,
    /// The claim with the SHA-256 of the body, and the encoding of the digest.
    pub body_hash: Option<(String, Encoding)>,
    /// The claim with the SHA-256 of the public URL and the request's query, in hex.
    pub url_hash: Option<String>,
    /// The name in the signed query with the SHA-256 of the body, in hex.
    pub query_body_hash: Option<String>,
}

impl TokenClaims {
    /// Whether a token is necessary.
    pub(crate) fn need_token(&self) -> bool {
        !self.fixed.is_empty() || self.body_hash.is_some() || self.url_hash.is_some()
    }

    /// Whether a claim must have the text `wanted`.
    pub fn want(&self, wanted: &ClaimText) -> bool {
        self.fixed.iter().any(|(_, text)| text == wanted)
    }
}

/// The necessary text of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimText {
    /// This text.
    Fixed(String),
    /// The public URL without a query.
    Url,
    /// The public URL without a query, if the source has a `url` and the token has the claim.
    UrlIfKnown,
    /// The configured account of the user.
    Account,
}
