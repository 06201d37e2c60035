//! Bad input and what must come of it: the threat model's rows on signatures, time, identity and bodies, as far as
//! the verification core answers them. Each test is named after its row, and runs over every form of every preset it
//! concerns.

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
mod recognition;
mod signature;
mod time;

use common::{Case, Headers, case, exemplary_forms as every_form, put, with, without};
use hookgate_verify::native::Native;
use hookgate_verify::{
    Encoding, IdAt, Identity, JsonPath, Layout, MAX_SECRETS, MAX_SIGNATURES, Part, Secret, SecretError, SecretForm,
    SignError, Step, TimestampAt, UnixTime, Verifier, VerifyError, WithoutId,
};
use serde_json::{Map, Value};
use std::sync::Arc;

const SEED: &str = "a-shared-secret";
const ID: &str = "evt_1";
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// A delivery that verifies.
struct Good {
    headers: Headers,
    body: Vec<u8>,
}

fn good(case: &Case) -> Good {
    let body = case.plain_body(ID, NOW);
    let headers = case.sign(SEED, ID, NOW, &body).expect("signed");
    let good = Good { headers, body };
    let verified = case.verify(SEED, &good.headers, &good.body, NOW).expect("good");
    assert_eq!(verified.identity(), &case.identity(ID, &good.body, verified.identity()), "{}", case.preset.name);
    good
}

/// A delivery of `body` with a right signature, whatever the body is.
fn signed(case: &Case, body: &[u8]) -> Headers {
    case.sign(SEED, ID, NOW, body).expect("signed")
}

/// Like [`signed`], but with any text for the timestamp. Assembled here: the signer writes good timestamps only.
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
            part => panic!("no time beside {part:?}"),
        })
        .collect();
    let signature = case.encode(&case.key(SEED).mac(&content, &Native));
    let mut headers = vec![(case.header().to_owned(), case.signature_header(timestamp, &signature))];
    if let Some(name) = case.time_in_header() {
        headers.push((name.to_owned(), timestamp.to_owned()));
    }
    if let IdAt::SignedHeader(name) = &case.scheme().id {
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

/// The text of the one signature in a good delivery's header.
fn signature_text<'h>(case: &Case, headers: &'h Headers) -> &'h str {
    let value = value(headers, case.header());
    let length = match case.form.encoding {
        Encoding::Hex => 64,
        Encoding::Base64 => 44,
        encoding => panic!("{encoding:?}"),
    };
    &value[value.len() - length..]
}

fn value<'h>(headers: &'h Headers, name: &str) -> &'h str {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).expect("the header")
}

/// The good delivery with another text for its signature.
fn with_signature(case: &Case, good: &Good, text: &str) -> Headers {
    with(&good.headers, case.header(), &case.signature_header(&NOW.to_string(), text))
}

/// Asserts that the headers alone are refused as malformed, before a body is there to be compared with anything.
fn assert_malformed(case: &Case, headers: &Headers, what: &str) {
    let refused = case.verifier(&[SEED]).receive(headers).err();
    assert!(
        matches!(refused, Some(VerifyError::SignatureMalformed { ref place, .. }) if place == case.header()),
        "{}: {what}: {refused:?}",
        case.preset.name
    );
}
