//! The threat model's rows on signatures, time, identity and bodies, for the verification core. Each test plays one row
//! through in the exemplary forms: bad input, and the answer that it must get.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "../../crates/verify/tests/common/mod.rs"]
mod common;

mod body;
mod framing;
mod identity;
mod lists;
mod recognition;
mod signature;
mod time;
mod weak;

use common::{Case, Headers, case, exemplary_forms as every_form, put, with, without};
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::{
    Encoding, IdLocation, Identity, JsonPath, KeysError, Layout, MAX_SECRETS, MAX_SIGNATURES, Part, Secret,
    SecretEncoding, SecretError, SignError, Step, TimestampLocation, UnixTime, Verified, Verifier, VerifyError,
    WithoutId,
};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

const SEED: &str = "a-shared-secret";
const ID: &str = "evt_1";
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// A request that verifies, in one form of one preset.
struct Good {
    case: Case,
    headers: Headers,
    body: Vec<u8>,
}

/// A good request in every form.
fn every_good() -> impl Iterator<Item = Good> {
    every_form().map(Good::new)
}

impl Good {
    fn new(case: Case) -> Good {
        let body = case.plain_body(ID, NOW);
        let headers = signed(&case, &body);
        let good = Good { case, headers, body };
        let verified = good.verify(&good.headers).expect("good");
        assert_eq!(verified.identity(), &case.identity(ID, &good.body, verified.identity()), "{good}");
        good
    }

    /// The value of the signature's header.
    fn header(&self) -> &str {
        let name = self.case.header();
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).expect("the header")
    }

    /// The one signature in that header.
    fn signature(&self) -> &str {
        let value = self.header();
        let length = match self.case.form.encoding {
            Encoding::Hex => 64,
            Encoding::Base64 => 44,
            encoding => panic!("{encoding:?}"),
        };
        &value[value.len() - length..]
    }

    /// A wrong signature: only zeros.
    fn zeros(&self) -> String {
        self.case.encode(&[0; 32])
    }

    /// The headers with another value in the signature's header.
    fn with_header(&self, value: &str) -> Headers {
        with(&self.headers, self.case.header(), value)
    }

    /// The headers with another signature, in the form's layout.
    fn with_signature(&self, text: &str) -> Headers {
        self.with_header(&self.case.signature_header(&NOW.to_string(), text))
    }

    /// Verifies the body with these headers.
    fn verify(&self, headers: &Headers) -> Result<Verified<'_>, VerifyError> {
        self.case.verify(SEED, headers, &self.body, NOW)
    }

    /// The headers and these, without the names that the request has already.
    fn with_more<const N: usize>(&self, more: [(&str, &str); N]) -> Headers {
        let more = more.into_iter().filter(|(name, _)| self.headers.iter().all(|(known, _)| known != name));
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.headers.iter().cloned().chain(more).collect()
    }

    fn verify_header(&self, value: &str) -> Result<Verified<'_>, VerifyError> {
        self.verify(&self.with_header(value))
    }

    /// Checks that this header alone is refused as malformed, before the body is read.
    fn assert_malformed_header(&self, value: &str, what: &str) {
        let refused = self.case.verifier(&[SEED]).receive(&self.with_header(value)).err();
        let place = self.case.header();
        assert!(
            matches!(refused, Some(VerifyError::SignatureMalformed { place: ref found, .. }) if found == place),
            "{self}: {what}: {refused:?}"
        );
    }

    fn assert_malformed_signature(&self, text: &str, what: &str) {
        self.assert_malformed_header(&self.case.signature_header(&NOW.to_string(), text), what);
    }
}

impl fmt::Display for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, form {}", self.case.preset.name, self.case.number)
    }
}

/// The error for `candidates` signatures that match none of `secrets` secrets.
fn mismatch(case: &Case, candidates: usize, secrets: usize) -> VerifyError {
    VerifyError::SignatureMismatch { place: case.header().to_owned(), candidates, secrets }
}

/// The headers of a request whose signature over `body` is right.
fn signed(case: &Case, body: &[u8]) -> Headers {
    case.sign(SEED, ID, NOW, body).expect("signed")
}

/// Like [`signed`], with any text for the timestamp. The signer writes only good timestamps, so the headers are made here.
fn signed_at_text(case: &Case, timestamp: &str, body: &[u8]) -> Headers {
    let content: Vec<&[u8]> = case
        .form
        .content
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Timestamp => timestamp.as_bytes(),
            Part::Header(_) => ID.as_bytes(),
            Part::Body => body,
            part => panic!("{part:?} in a form with a time"),
        })
        .collect();
    let signature = case.encode(&case.key(SEED).mac(&content, &Native));
    let mut headers = vec![(case.header().to_owned(), case.signature_header(timestamp, &signature))];
    if let Some(name) = case.time_in_header() {
        headers.push((name.to_owned(), timestamp.to_owned()));
    }
    if let IdLocation::SignedHeader(name) = &case.scheme().id {
        headers.push((name.clone(), ID.to_owned()));
    }
    headers
}

/// The outermost key of a path.
fn first_key(path: &'static JsonPath) -> &'static str {
    match path.steps() {
        [Step::Key(key), ..] => key,
        steps => panic!("{steps:?}"),
    }
}

/// A configuration with one source, `s`. The secret `SECRET` is `secret`.
fn configured(source: &Value, secret: &str) -> Config {
    let bindings = Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };
    let lookup = |name: &str| match name {
        "SECRET" => Some(secret.to_owned()),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    };
    Config::parse(&json!({ "s": source }), bindings, &lookup).expect("a table of sources")
}

fn verifier(source: &Value, secret: &str) -> Result<Verifier, ConfigError> {
    let config = configured(source, secret);
    config.source("s").expect("the source").map(|source| source.verifier.clone()).map_err(Clone::clone)
}

/// The verifier of a source with this own scheme.
fn own(scheme: &Value) -> Result<Verifier, ConfigError> {
    verifier(&json!({ "secrets": ["SECRET"], "url": "https://hooks.example.com/x", "scheme": scheme }), SEED)
}

/// The verifier of a source with the own scheme in these lines of TOML.
fn own_lines(lines: &str) -> Result<Verifier, ConfigError> {
    let scheme: toml::Table = lines.parse().unwrap_or_else(|error| panic!("{lines}: {error}"));
    own(&json!(scheme))
}

/// The verifier of a source with an own scheme that signs `content`.
fn content(content: &str) -> Result<Verifier, ConfigError> {
    own(&json!({ "signature": { "header": "x-sig" }, "content": content }))
}

fn head(query: &str, headers: &[(&str, &str)]) -> RequestHead {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RequestHead { method: "POST".to_owned(), query: query.to_owned(), headers }
}

/// The error code of a request; `None` if the request verifies.
fn code(verifier: &Verifier, head: &RequestHead, body: &[u8]) -> Option<&'static str> {
    let outcome = verifier.receive(head).and_then(|received| received.verify(body, NOW, &Native));
    outcome.err().map(|error| error.code())
}
