//! Names of headers, as a preset or a source lists them, and the headers that no list lets through.

use crate::{Algorithm, HandshakeProof, Location, Preset};
use std::borrow::Cow;

/// One header's name in lower case, or the beginning of several headers' names, followed by `*`: `x-github-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPattern(String);

impl HeaderPattern {
    /// Reads a pattern; `None` where it is neither a name in lower case nor the beginning of one with `*` at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What all the names begin with; `None` where the pattern is one name.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether `name`, in lower case, is meant.
    pub fn admits(&self, name: &str) -> bool {
        self.prefix().map_or(self.0 == name, |prefix| name.starts_with(prefix))
    }
}

/// The headers of one connection (RFC 9110, section 7.6.1), those that make a request conditional or another one, those
/// that say who asks, and those that a proxy or this gateway writes. `Connection` itself nominates nothing: a sender could
/// name our own headers there.
const NEVER: &[&str] = &[
    "accept-encoding",
    "cdn-loop",
    "client-ip",
    "connection",
    "content-length",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];
const NEVER_PREFIXES: &[&str] =
    &["cf-", "hookgate-", "if-", "mf-", "proxy-", "remote-", "x-forwarded-", "x-middleware-", "x-remote-"];

const SPEAKS: &str = "speaks for a connection, a proxy or the gateway";

/// Why the header `name` never goes on from a source of `preset`, whoever lists it; `None` where it may.
pub fn never_forwarded(preset: &Preset, name: &str) -> Option<&'static str> {
    // Many an origin cannot tell `hookgate_source` from `hookgate-source`: CGI writes both the same.
    let dashed = if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) };
    let dashed = lower(&dashed);
    if NEVER.contains(&&*dashed) || NEVER_PREFIXES.iter().any(|prefix| dashed.starts_with(prefix)) {
        return Some(SPEAKS);
    }
    carries_secret(preset, &dashed).then_some("carries a secret")
}

/// Why a source of `preset` cannot list `pattern`; `None` where it can.
pub fn unlistable(preset: &Preset, pattern: &HeaderPattern) -> Option<&'static str> {
    let Some(prefix) = pattern.prefix() else { return never_forwarded(preset, pattern.as_str()) };
    let prefix = prefix.replace('_', "-");
    if NEVER_PREFIXES.iter().any(|never| prefix.starts_with(never)) {
        return Some(SPEAKS);
    }
    // A prefix may cover the header that carries the secret: that header is left out all the same.
    let covers = NEVER.iter().chain(NEVER_PREFIXES).any(|never| never.starts_with(&prefix));
    covers.then_some("covers headers that speak for a connection, a proxy or the gateway; write a longer beginning")
}

/// Whether a secret stands in this header. `authorization` carries one whatever the scheme. The scheme says where else one
/// stands: a static token, the token that the user chose for a test of the endpoint, or a secret that the provider sends.
fn carries_secret(preset: &Preset, name: &str) -> bool {
    let is = |place: &Location| matches!(place, Location::Header(header) if header == name);
    let token = preset.scheme.algorithm == Algorithm::StaticToken && preset.scheme.locations.iter().any(is);
    token
        || name == "authorization"
        || preset.handshakes.iter().any(|handshake| {
            let proof = match &handshake.proof {
                HandshakeProof::VerifyToken(place) => is(place),
                HandshakeProof::Signature | HandshakeProof::Nothing => false,
            };
            proof || (handshake.installs && handshake.challenge.as_ref().is_some_and(is))
        })
}

fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}
