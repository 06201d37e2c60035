//! The headers that a preset or a source lists for the destination, and the headers that no list may have.

use crate::{Algorithm, HandshakeProof, Location, Preset};
use std::borrow::Cow;

/// A header's name in lower case, or the beginning of several names and a `*`: `x-github-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPattern(String);

impl HeaderPattern {
    /// Reads a pattern. `None` if the text is neither a name in lower case nor the beginning of a name and a `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        ((1..=64).contains(&name.len()) && name.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning of the names. `None` if the pattern is one name.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether the pattern matches `name`, which is in lower case.
    pub fn admits(&self, name: &str) -> bool {
        self.prefix().map_or(self.0 == name, |prefix| name.starts_with(prefix))
    }
}

/// The headers that are never forwarded: the headers of one connection (RFC 9110, section 7.6.1), headers that make a
/// request conditional or change its method or URL, headers with the client's address, and headers that a proxy or this
/// gateway writes. The headers that `Connection` names are not added, because a sender could name the gateway's headers
/// there.
const NEVER: &[&str] = &[
    "accept-encoding", "cdn-loop", "client-ip", "connection", "content-length", "expect", "fastly-client-ip",
    "forwarded", "host", "idempotency-key", "keep-alive", "range", "te", "trailer", "transfer-encoding",
    "true-client-ip", "upgrade", "via", "webhook-id", "webhook-signature", "webhook-timestamp", "x-client-ip",
    "x-cluster-client-ip", "x-http-method", "x-http-method-override", "x-method-override", "x-original-url",
    "x-real-ip", "x-rewrite-url",
];
const NEVER_PREFIXES: &[&str] =
    &["cf-", "hookgate-", "if-", "mf-", "proxy-", "remote-", "x-forwarded-", "x-middleware-", "x-remote-"];

const SPEAKS: &str = "speaks for a connection, a proxy or the gateway";

/// The reason why no source of `preset` forwards the header `name`. `None` if a source may forward it.
pub fn never_forwarded(preset: &Preset, name: &str) -> Option<&'static str> {
    // Some destinations cannot tell `hookgate_source` from `hookgate-source`, because CGI writes both in the same way.
    let dashed = if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) };
    let dashed = lower(&dashed);
    if NEVER.contains(&&*dashed) || NEVER_PREFIXES.iter().any(|prefix| dashed.starts_with(prefix)) {
        return Some(SPEAKS);
    }
    carries_secret(preset, &dashed).then_some("carries a secret")
}

/// The reason why a source of `preset` cannot list `pattern`. `None` if it can.
pub fn unlistable(preset: &Preset, pattern: &HeaderPattern) -> Option<&'static str> {
    let Some(prefix) = pattern.prefix() else { return never_forwarded(preset, pattern.as_str()) };
    let prefix = prefix.replace('_', "-");
    if NEVER_PREFIXES.iter().any(|never| prefix.starts_with(never)) {
        return Some(SPEAKS);
    }
    // A prefix may cover a header with a secret. `never_forwarded` still leaves that header out.
    let covers = NEVER.iter().chain(NEVER_PREFIXES).any(|never| never.starts_with(&prefix));
    covers.then_some("covers headers that speak for a connection, a proxy or the gateway; write a longer beginning")
}

/// Whether this header has a secret. `authorization` counts in every scheme. Other headers have a secret if the preset's
/// static token, its verify token, or a secret from the provider's handshake is there.
fn carries_secret(preset: &Preset, name: &str) -> bool {
    let is = |location: &Location| matches!(location, Location::Header(header) if header == name);
    let token = preset.scheme.algorithm == Algorithm::StaticToken && preset.scheme.locations.iter().any(is);
    token
        || name == "authorization"
        || preset.handshakes.iter().any(|handshake| {
            let proof = match &handshake.proof {
                HandshakeProof::VerifyToken(location) => is(location),
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
