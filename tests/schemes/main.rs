//! Own schemes, in `[vars.SOURCES.x.scheme]`: which requests they verify, and the error for each mistake.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod content;
mod mistakes;
mod signatures;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookgate::config::{Bindings, Config};
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::{UnixTime, VerifyError};
use ring::hmac;
use serde_json::{Value, json};

/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

fn lookup(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some("a-shared-secret".to_owned()),
        "PUBLIC_URL" => Some("https://hooks.example.com/".to_owned()),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    }
}

fn no_public_url(name: &str) -> Option<String> {
    lookup(name).filter(|_| name != "PUBLIC_URL")
}

/// A configuration with the source `x`.
fn configured(source: &Value, lookup: impl Fn(&str) -> Option<String>) -> Config {
    Config::parse(&json!({ "x": source }), Bindings::ALL, &lookup).expect("a table of sources")
}

/// The text of a source in wrangler.toml, as a value.
fn source(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    json!(table)
}

/// A source with this own scheme.
fn own(scheme: &str) -> Value {
    source(&format!("secrets = ['SECRET']\n[scheme]\n{scheme}"))
}

/// The error of a source; empty if the source is usable.
fn error(source: &Value, lookup: impl Fn(&str) -> Option<String>) -> String {
    configured(source, lookup).source("x").unwrap().map(|_| String::new()).unwrap_or_else(ToString::to_string)
}

/// The error of a source with this own scheme.
fn mistake(scheme: &str) -> String {
    error(&own(scheme), lookup)
}

fn head(query: &str, headers: &[(&str, &str)]) -> RequestHead {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RequestHead { query: query.to_owned(), headers, ..RequestHead::default() }
}

/// Verifies a request to a source. Returns the id of the event.
fn verify(source: &Value, head: &RequestHead, body: &str) -> Result<String, VerifyError> {
    let config = configured(source, lookup);
    let source = config.source("x").unwrap().unwrap_or_else(|error| panic!("{error}"));
    let received = source.verifier.receive(head)?;
    Ok(received.verify(body.as_bytes(), NOW, &Native)?.identity().shown().unwrap_or_default())
}

/// `proven`, or the code of the error.
fn outcome(source: &Value, headers: &[(&str, &str)], body: &str) -> &'static str {
    verify(source, &head("", headers), body).map_or_else(|error| error.code(), |_| "proven")
}

/// The signature of `content` under `a-shared-secret`.
fn mac(content: &str) -> String {
    hex::encode(hmac_sha256(content))
}

/// A JSON Web Token with these claims, signed with HS256 under `a-shared-secret`.
fn token(claims: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.as_bytes()));
    format!("{signed}.{}", encode(hmac_sha256(&signed).as_ref()))
}

fn hmac_sha256(content: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"a-shared-secret"), content.as_bytes())
}

/// The expected signatures come from `openssl dgst -sha256 -hmac a-shared-secret`.
#[test]
fn the_tests_sign_as_openssl_does() {
    assert_eq!(mac("hello"), "4911f37842f5017757ad79bd8b096db967aac58855f7957ffa54f83965b5b34f");
    let in_house = r#"1768478400.d-1.{"kind":"order.paid"}"#;
    assert_eq!(mac(in_house), "91eb57dff6894942d28be4d36f33b8fa44ee29cbe94d61fcee06a05604ab9738");
    assert_eq!(token("{}"), "eyJhbGciOiJIUzI1NiJ9.e30.dESkLQSkROGrvno5UUfRyNI_sZ8cszJPfY6Zg_iSH4k");
}

/// The example in the README.
const IN_HOUSE: &str = r#"
secrets = ["SECRET"]
[scheme]
algorithm = "hmac-sha256"
signature = { header = "x-acme-signature", prefix = "v1=" }
content = "{timestamp}.{header:x-acme-delivery}.{body}"
timestamp = { header = "x-acme-time" }
id = { header = "x-acme-delivery" }
type = { json = "kind" }
retry_span = "2d"
"#;

#[test]
fn an_in_house_sender_needs_ten_lines() {
    let in_house = source(IN_HOUSE);
    let body = r#"{"kind":"order.paid"}"#;
    let signature = format!("v1={}", mac(&format!("{NOW}.d-1.{body}")));
    let headers = [("x-acme-signature", signature.as_str()), ("x-acme-time", "1768478400"), ("x-acme-delivery", "d-1")];
    assert_eq!(verify(&in_house, &head("", &headers), body), Ok("d-1".to_owned()));
    let mut other = headers;
    other[2].1 = "d-2";
    assert_eq!(outcome(&in_house, &other, body), "signature_mismatch");
    let config = configured(&in_house, lookup);
    let source = config.source("x").unwrap().unwrap();
    assert_eq!(source.dedup_ttl.as_secs(), 7 * 86_400, "longer than the sender retries");
    assert_eq!(source.verifier.preset().retry_span.as_secs(), 2 * 86_400);
}

#[test]
fn two_lines_are_enough_for_a_signature_over_the_body_in_hex() {
    let id = verify(&own("signature = { header = 'x-sig' }"), &head("", &[("x-sig", &mac("hello"))]), "hello");
    let id = id.expect("authentic");
    assert!(id.starts_with("sha256:2cf24dba"), "{id}");
}

#[test]
fn basic_auth_and_tokens_are_schemes_too() {
    // The secret is `user:password`. This secret has no colon and is sent unchanged.
    let basic = own("algorithm = 'basic'");
    assert_eq!(outcome(&basic, &[("authorization", "Basic YS1zaGFyZWQtc2VjcmV0")], "x"), "proven");
    assert_eq!(outcome(&basic, &[("authorization", "Basic eDp5")], "x"), "signature_mismatch");
    let token = own("algorithm = 'token'\nsignature = { header = 'x-token' }");
    assert_eq!(outcome(&token, &[("x-token", "a-shared-secret")], "x"), "proven");
    assert_eq!(outcome(&token, &[("x-token", "a-shared-secre")], "x"), "signature_mismatch");
}

#[test]
fn a_signed_url_comes_from_the_configuration() {
    let scheme = own("signature = { header = 'x-sig' }\ncontent = '{url}{body}'");
    let url = "https://hooks.example.com/webhooks/x";
    assert_eq!(configured(&scheme, lookup).source("x").unwrap().unwrap().verifier.url(), url);
    let headers = [("x-sig", &*mac(&format!("{url}hello"))), ("host", "attacker.example")];
    assert_eq!(outcome(&scheme, &headers, "hello"), "proven");
    let error = error(&scheme, no_public_url);
    assert!(error.contains("SOURCES.x.url: is missing: this provider signs the URL"), "{error}");
}
