//! JSON Web Signatures in compact form (RFC 7515, section 7.1), and their claims (RFC 7519).

use super::content::public_url;
use super::json::{self, Scalar};
use super::{Algorithm, ClaimText, Encoding, Hash, JsonPath, PublicAlgorithm, TokenClaims, UnixTime, VerifyError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The claim that names the recipient of a token.
const AUDIENCE: &str = "aud";

/// A token that is read, but not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jws {
    /// The signed text: the header and the claims as received.
    pub content: String,
    /// The id of the key that signed the token, by its header (RFC 7515, section 4.1.4).
    pub key_id: Option<String>,
    claims: Vec<u8>,
}

/// The endpoint and the query with which a token is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenContext<'e> {
    /// The endpoint's public URL without the query.
    pub url: &'e str,
    /// The request's query.
    pub query: &'e str,
    /// The user's account.
    pub account: &'e str,
    /// The tolerated difference of the clocks, for the times in the token.
    pub leeway: Duration,
}

impl<'e> TokenContext<'e> {
    /// The necessary text of a claim. `None` if the claim may have any text.
    pub fn text(&self, wanted: &'e ClaimText) -> Option<&'e str> {
        match wanted {
            ClaimText::Fixed(text) => Some(text),
            ClaimText::Url => Some(self.url),
            ClaimText::UrlIfKnown => Some(self.url).filter(|url| !url.is_empty()),
            ClaimText::Account => Some(self.account),
        }
    }
}

impl Jws {
    /// Reads a token, and returns it with the text of its signature. The token must name the scheme's algorithm, because
    /// the sender must not choose the algorithm (RFC 8725, section 3.1).
    pub fn read(token: &str, algorithm: Algorithm) -> Result<(Self, &str), &'static str> {
        let (content, signature) = token.rsplit_once('.').ok_or("not a signed token")?;
        let (header, claims) =
            content.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or("not a signed token")?;
        let decode = |text| URL_SAFE_NO_PAD.decode(text).map_err(|_| "a token that is not base64url");
        let header = decode(header)?;
        let paths = ["alg", "crit", "kid"].map(JsonPath::of_key);
        let found = json::extract(&header, &paths.each_ref()).map_err(|_| "a token whose header is not JSON")?;
        let (alg, key_id) = match found.as_slice() {
            [Some(Scalar::Text(alg)), None, None] => (alg, None),
            [Some(Scalar::Text(alg)), None, Some(Scalar::Text(key_id))] => (alg, Some(key_id.clone())),
            _ => return Err("a token without a plain header"),
        };
        if name(algorithm) != Some(alg.as_str()) {
            return Err("a token of another algorithm than the scheme's");
        }
        Ok((Self { content: content.to_owned(), key_id, claims: decode(claims)? }, signature))
    }

    /// Compares the claims with the scheme's necessary claims, for this endpoint, body and time. The signature is proven.
    ///
    /// # Errors
    /// [`VerifyError::ClaimMismatch`], [`VerifyError::TooOld`] and [`VerifyError::TooNew`].
    pub fn check(
        &self,
        wanted: &TokenClaims,
        of: TokenContext<'_>,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(), VerifyError> {
        for (name, text) in &wanted.fixed {
            // A token without an audience is for everybody with the secret (RFC 7519, section 4.1.3).
            if *text == ClaimText::UrlIfKnown && self.claim(name)?.is_none() {
                continue;
            }
            match of.text(text) {
                Some(text) if name == "aud" => self.is_for(text)?,
                Some(text) => self.is(name, text)?,
                None => {}
            }
        }
        match &wanted.body_hash {
            // Some senders pad the digest, others do not.
            Some((name, Encoding::Base64Url)) => self.is_digest(name, &Sha256::digest(body))?,
            Some((name, encoding)) => {
                self.is(name, &encoding.encode(&Sha256::digest(body)))?;
            }
            None => {}
        }
        if let Some(name) = &wanted.url_hash {
            self.is(name, &hex::encode(Sha256::digest(public_url(of.url, of.query))))?;
        }
        let leeway = of.leeway;
        if let Some(expires) = self.time("exp")?
            && expires.plus(leeway) < now
        {
            let age = now.seconds().saturating_sub(expires.seconds());
            return Err(VerifyError::TooOld { signed_at: expires, now, age, tolerance: leeway });
        }
        if let Some(begins) = self.time("nbf")?
            && now.plus(leeway) < begins
        {
            let ahead = begins.seconds().saturating_sub(now.seconds());
            return Err(VerifyError::TooNew { signed_at: begins, now, ahead, tolerance: leeway });
        }
        Ok(())
    }

    /// Checks that the audience has exactly the text `wanted`. The audience is a text or a list of texts (RFC 7519, section
    /// 4.1.3).
    fn is_for(&self, wanted: &str) -> Result<(), VerifyError> {
        match self.claim(AUDIENCE)? {
            Some(Scalar::Other(_)) => {}
            Some(Scalar::Text(_) | Scalar::Integer(_)) | None => return self.is(AUDIENCE, wanted),
        }
        // `claim` refuses a repeated member, so both parsers read the same member.
        let claims: Value = serde_json::from_slice(&self.claims).map_err(|_| unreadable(AUDIENCE))?;
        let texts = claims.get(AUDIENCE).and_then(Value::as_array).ok_or_else(|| mismatch(AUDIENCE, false))?;
        if texts.iter().all(Value::is_string) && texts.iter().any(|text| text.as_str() == Some(wanted)) {
            return Ok(());
        }
        Err(mismatch(AUDIENCE, false))
    }

    /// Checks that the claim `name` has the text `wanted`.
    fn is(&self, name: &str, wanted: &str) -> Result<(), VerifyError> {
        match self.claim(name)? {
            Some(Scalar::Text(text)) if text == wanted => Ok(()),
            found => Err(mismatch(name, found.is_none())),
        }
    }

    /// Checks a claim with a digest in base64url, with or without padding.
    fn is_digest(&self, name: &str, wanted: &[u8]) -> Result<(), VerifyError> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.strip_suffix('=').unwrap_or(text));
        match self.claim(name)? {
            Some(Scalar::Text(text)) if decode(&text).is_ok_and(|digest| digest == wanted) => Ok(()),
            found => Err(mismatch(name, found.is_none())),
        }
    }

    /// The time in the claim `name` (RFC 7519, NumericDate, whole seconds).
    pub fn time(&self, name: &str) -> Result<Option<UnixTime>, VerifyError> {
        match self.claim(name)? {
            None => Ok(None),
            Some(Scalar::Integer(text)) => UnixTime::from_unix_text(&text)
                .map(Some)
                .ok_or_else(|| VerifyError::TimestampMalformed { place: name.to_owned(), expected: "Unix seconds" }),
            Some(_) => Err(VerifyError::TimestampMalformed { place: name.to_owned(), expected: "Unix seconds" }),
        }
    }

    fn claim(&self, name: &str) -> Result<Option<Scalar>, VerifyError> {
        let found = json::extract(&self.claims, &[&JsonPath::of_key(name)]);
        let found = found.map_err(|_| unreadable(name))?;
        Ok(found.into_iter().next().flatten())
    }
}

fn unreadable(name: &str) -> VerifyError {
    VerifyError::ClaimMismatch { claim: name.to_owned(), problem: "unreadable" }
}

fn mismatch(name: &str, is_missing: bool) -> VerifyError {
    let problem = if is_missing { "missing" } else { "different" };
    VerifyError::ClaimMismatch { claim: name.to_owned(), problem }
}

/// The name of an algorithm in a token's header (RFC 7518, section 3.1).
pub(super) fn name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Hmac(Hash::Sha256) => Some("HS256"),
        Algorithm::Hmac(Hash::Sha512) => Some("HS512"),
        Algorithm::Public(PublicAlgorithm::EcdsaP256Fixed) => Some("ES256"),
        Algorithm::Public(PublicAlgorithm::RsaSha256) => Some("RS256"),
        Algorithm::Public(PublicAlgorithm::Ed25519) => Some("EdDSA"),
        Algorithm::Hmac(Hash::Sha1)
        | Algorithm::PlainHash
        | Algorithm::StaticToken
        | Algorithm::Public(PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::RsaSha1) => None,
    }
}
