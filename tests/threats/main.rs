//! Attacks on the verification core that a vector cannot show: the attack needs the signer, many presets, or an own scheme.
//! Each test sends the attack to the exemplary variants and checks the answer. `crates/verify/tests/vectors` has the others.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "../../crates/verify/tests/common/mod.rs"]
mod common;

mod framing;
mod recognition;
mod signature;
mod time;
mod weak;

use common::{Case, Headers, case, exemplary_forms as every_variant, with};
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::{
    Encoding, IdLocation, Identity, Layout, MAX_SIGNATURES, Secret, Step, UnixTime, Verified, Verifier, VerifyError,
    WithoutId,
};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

const SEED: &str = "a-shared-secret";
const ID: &str = "evt_1";
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// A request that verifies, in one variant of one preset.
struct Good {
    case: Case,
    headers: Headers,
    body: Vec<u8>,
}

/// A good request in every variant.
fn every_good() -> impl Iterator<Item = Good> {
    every_variant().map(Good::new)
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

    /// The headers with another signature, in the variant's layout.
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
}

impl fmt::Display for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, variant {}", self.case.preset.name, self.case.number)
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

/// A configuration with one source, `s`. The secret `SECRET` is `secret`.
fn configured(source: &Value, secret: &str) -> Config {
    let bindings = Bindings::ALL;
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
