//! Keys that a provider publishes: how much a stranger can make the gateway fetch, and how long known keys outlive an
//! outage.

use super::memory::Memory;
use super::providers::{CERTIFICATE_URL, serve, serve_at, vector};
use super::{Post, request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookgate::record::Record;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

const SET: &str = "https://rest.alpha.fal.ai/.well-known/jwks.json";
const HOUR: u64 = 3600;

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn publish(ports: &Memory, seed: u8) {
    let x = URL_SAFE_NO_PAD.encode(key(seed).public_key());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] });
    ports.published.borrow_mut().insert(SET.to_owned(), set.to_string().into_bytes());
}

/// A request of fal.ai, signed now with the key made from `seed`.
fn fal(ports: &Memory, seed: u8) -> Post {
    let (body, time) = (r#"{"status":"OK"}"#, ports.now().to_string());
    let digest = hex::encode(Sha256::digest(body));
    let signature = hex::encode(key(seed).sign(format!("r1\nu1\n{time}\n{digest}").as_bytes()));
    let headers = [
        ("x-fal-webhook-request-id", "r1"),
        ("x-fal-webhook-user-id", "u1"),
        ("x-fal-webhook-timestamp", &time),
        ("x-fal-webhook-signature", &signature),
    ];
    request("POST", "fal", "", &headers, body)
}

fn told(request: &Post, ports: &Memory) -> (u16, Record) {
    let outcome = serve_at(request, ports, ports.now());
    (outcome.answer.status, outcome.record.unwrap())
}

fn refused(request: &Post, ports: &Memory) -> (u16, &'static str) {
    let (status, record) = told(request, ports);
    (status, record.reason.unwrap())
}

fn fetches(ports: &Memory) -> usize {
    ports.steps().iter().filter(|step| **step == "published").count()
}

/// A message of Amazon SNS that names this certificate.
fn sns(certificate: &str) -> Post {
    let body = vector("aws_sns", "event")["body"].as_str().unwrap().replace(CERTIFICATE_URL, certificate);
    request("POST", "sns", "", &[], &body)
}

/// The same message with another text, which its signature does not cover.
fn forged_sns(certificate: &str) -> Post {
    let sns = sns(certificate);
    let body = String::from_utf8(sns.body.unwrap()).unwrap().replace("Hello", "Hallo");
    Post { body: Ok(body.into_bytes()), ..request("POST", "sns", "", &[], "") }
}

fn certificate(number: usize) -> String {
    format!("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-{number}.pem")
}

fn publish_certificate(ports: &Memory) {
    let text = vector("aws_sns", "event")["secrets"][0].as_str().unwrap().to_owned();
    ports.published.borrow_mut().insert(CERTIFICATE_URL.to_owned(), text.into_bytes());
}

#[test]
fn a_published_certificate_is_fetched_once_and_only_from_its_provider() {
    let ports = Memory::default();
    publish_certificate(&ports);
    for _ in 0..3 {
        assert_eq!(serve(&sns(CERTIFICATE_URL), &ports).status, 200);
    }
    assert_eq!(serve(&forged_sns(CERTIFICATE_URL), &ports).status, 401);
    assert_eq!(fetches(&ports), 1);
    let elsewhere = CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.example");
    assert_eq!(serve(&sns(&elsewhere), &ports).status, 401);
    assert_eq!(fetches(&ports), 0, "no other host is asked");
}

#[test]
fn a_certificate_that_does_not_exist_is_401_and_counts_as_a_refusal() {
    for (status, text) in [(404, None), (403, None), (301, None), (200, Some("<html>")), (200, Some(r#"{"keys":[]}"#))]
    {
        let ports = Memory::default();
        ports.published_status.set(Some(status));
        if let Some(text) = text {
            ports.published.borrow_mut().insert(certificate(1), text.into());
        }
        assert_eq!(refused(&sns(&certificate(1)), &ports), (401, "no_such_key"), "{status} {text:?}");
        assert_eq!(ports.refusals.borrow().len(), 1);
        assert_eq!(refused(&sns(&certificate(1)), &ports), (401, "no_such_key"));
        assert_eq!(fetches(&ports), 1, "the certificate is not fetched again at once");
        ports.wait(60);
        assert_eq!(refused(&sns(&certificate(1)), &ports).0, 401);
        assert_eq!(fetches(&ports), 1, "after a minute it is");
    }
    let ports = Memory::default();
    assert_eq!(refused(&sns(&certificate(0).replace("-0", &"x".repeat(1100))), &ports), (401, "no_such_key"));
    assert_eq!(fetches(&ports), 0, "no certificate has such a URL");
}

#[test]
fn a_host_that_does_not_answer_is_503_and_counts_as_a_refusal() {
    for failing in [None, Some(500), Some(503), Some(429)] {
        let ports = Memory::default();
        ports.published_status.set(failing);
        ports.fail.set(failing.is_none().then_some("published"));
        assert_eq!(refused(&sns(CERTIFICATE_URL), &ports), (503, "keys_unavailable"), "{failing:?}");
        assert_eq!(refused(&fal(&ports, 1), &ports), (503, "keys_unavailable"), "{failing:?}");
        assert_eq!(ports.refusals.borrow().len(), 2);
        assert_eq!(fetches(&ports), 2);
        assert_eq!(refused(&fal(&ports, 1), &ports).0, 503);
        assert_eq!(fetches(&ports), 0, "the host is not asked again for a minute");
        ports.fail.set(None);
        publish_certificate(&ports);
        ports.wait(60);
        assert_eq!(told(&sns(CERTIFICATE_URL), &ports).0, 200);
    }
    // The preset names the key set, so a missing set is not the fault of the request.
    assert_eq!(refused(&fal(&Memory::default(), 1), &Memory::default()), (503, "keys_unavailable"));
}

#[test]
fn fetches_that_strangers_cause_at_one_source_do_not_limit_another() {
    let ports = Memory::default();
    publish(&ports, 1);
    publish_certificate(&ports);
    assert_eq!(told(&sns(CERTIFICATE_URL), &ports).0, 200);
    ports.wait(60);
    ports.steps();
    for number in 0..40 {
        let status = told(&sns(&certificate(number)), &ports).0;
        assert_eq!(status, if number < 16 { 401 } else { 503 });
    }
    assert_eq!(fetches(&ports), 16);
    assert_eq!(told(&fal(&ports, 1), &ports).0, 200, "another source");
    assert_eq!(told(&sns(CERTIFICATE_URL), &ports).0, 200, "a known certificate needs no fetch");
}

#[test]
fn certificates_in_forged_messages_never_evict_a_certificate_that_proved_a_message() {
    let ports = Memory::default();
    publish_certificate(&ports);
    assert_eq!(told(&sns(CERTIFICATE_URL), &ports).0, 200);
    let text = ports.published.borrow()[CERTIFICATE_URL].clone();
    for number in 0..40 {
        ports.published.borrow_mut().insert(certificate(number), text.clone());
        assert_eq!(refused(&forged_sns(&certificate(number)), &ports), (401, "signature_mismatch"));
        ports.wait(4); // 15 fetches in a minute
    }
    ports.steps();
    assert_eq!(told(&sns(CERTIFICATE_URL), &ports).0, 200);
    assert_eq!(fetches(&ports), 0);
}

#[test]
fn known_keys_are_used_for_a_day_while_their_host_is_down() {
    let ports = Memory::default();
    publish(&ports, 1);
    assert_eq!(told(&fal(&ports, 1), &ports).0, 200);
    ports.fail.set(Some("published"));
    ports.wait(HOUR);
    ports.steps();
    let (status, record) = told(&fal(&ports, 1), &ports);
    assert_eq!(status, 200);
    assert!(record.trouble.unwrap().starts_with("keys_unavailable: "), "the log names the trouble");
    let (status, record) = told(&fal(&ports, 1), &ports);
    assert_eq!((status, record.trouble), (200, None));
    assert_eq!(fetches(&ports), 1, "once a minute");
    assert_eq!(refused(&fal(&ports, 2), &ports), (503, "keys_unavailable"), "an unknown key may be new");
    ports.wait(24 * HOUR - 1);
    assert_eq!(told(&fal(&ports, 1), &ports).0, 200);
    ports.wait(1);
    assert_eq!(refused(&fal(&ports, 1), &ports), (503, "keys_unavailable"));
    ports.fail.set(None);
    publish(&ports, 2);
    ports.wait(60);
    assert_eq!(refused(&fal(&ports, 1), &ports), (401, "signature_mismatch"), "the key is withdrawn");
    assert_eq!(told(&fal(&ports, 2), &ports).0, 200);
}

#[test]
fn an_authentic_message_from_an_address_of_forgers_is_accepted() {
    let ports = Memory::default();
    ports.limit.set(Some(2));
    publish_certificate(&ports);
    let from = |request: Post| request.with("cf-connecting-ip", "203.0.113.7");
    for number in 0..3 {
        assert_eq!(told(&from(sns(&certificate(number))), &ports).0, 401);
    }
    assert_eq!(refused(&from(sns(&certificate(3))), &ports), (429, "too_many_refusals"));
    assert_eq!(told(&from(sns(CERTIFICATE_URL)), &ports).0, 200);
}
