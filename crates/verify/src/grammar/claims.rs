//! `claims` and `keys`: the claims that a signed token must have, and the source of the public keys.

use super::{ConfigError, Fields};
use crate::{ClaimText, Encoding, HostPattern, PublicKeySource, TokenClaims};

const CLAIMS_KEYS: &[&str] =
    &["iss", "sub", "aud", "email", "body_hash", "body_hash_encoding", "url_hash", "query_body_hash"];

const HASH_ENCODINGS: &[(&str, Encoding)] =
    &[("hex", Encoding::Hex), ("base64", Encoding::Base64), ("base64url", Encoding::Base64Url)];

/// Reads `claims`.
pub(super) fn parse(fields: &Fields<'_>, into: &mut TokenClaims) -> Result<(), ConfigError> {
    let Some(claims) = fields.table("claims", CLAIMS_KEYS)? else { return Ok(()) };
    let encoding = claims.choice("body_hash_encoding", HASH_ENCODINGS)?.unwrap_or(Encoding::Hex);
    for name in ["iss", "sub", "aud", "email"] {
        into.fixed.extend(claims.text(name)?.map(|text| (name.to_owned(), claim_text(text))));
    }
    if claims.value("body_hash_encoding").is_some() && claims.value("body_hash").is_none() {
        return Err(
            claims.error("body_hash_encoding", "needs `body_hash`: it is the encoding of that claim".to_owned())
        );
    }
    into.body_hash = claims.text("body_hash")?.map(|name| (name.to_owned(), encoding));
    into.url_hash = claims.text("url_hash")?.map(str::to_owned);
    into.query_body_hash = claims.text("query_body_hash")?.map(str::to_owned);
    Ok(())
}

fn claim_text(text: &str) -> ClaimText {
    match text {
        "{url}" => ClaimText::Url,
        "{url?}" => ClaimText::UrlIfKnown,
        "{account}" => ClaimText::Account,
        _ => ClaimText::Fixed(text.to_owned()),
    }
}

/// Reads `keys`.
pub(super) fn parse_keys(fields: &Fields<'_>) -> Result<Option<PublicKeySource>, ConfigError> {
    let Some(keys) = fields.table("keys", &["jwks", "certificate", "hosts"])? else { return Ok(None) };
    let hosts = keys.one_or_more("hosts")?;
    match (keys.text("jwks")?, keys.path("certificate")?) {
        (Some(_), None) if !hosts.is_empty() => {
            Err(keys.error("hosts", "has no effect: the URL in `jwks` names the host".to_owned()))
        }
        (Some(url), None) if url.starts_with("https://") => Ok(Some(PublicKeySource::Jwks(url.to_owned()))),
        (None, Some(path)) if !hosts.is_empty() => {
            let hosts: Option<Vec<_>> = hosts.into_iter().map(HostPattern::parse).collect();
            let problem =
                "must be names such as \"sns.{region}.amazonaws.com\", with at least two fixed labels at the end";
            let hosts = hosts.ok_or_else(|| keys.error("hosts", problem.to_owned()))?;
            Ok(Some(PublicKeySource::Certificate(path, hosts)))
        }
        _ => {
            let problem = "needs `jwks`, the https URL of a JSON Web Key Set, or `certificate` and `hosts`";
            Err(fields.error("keys", problem.to_owned()))
        }
    }
}
