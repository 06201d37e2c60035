//! What is measured natively: one list, of which `criterion.rs` takes the time and `instructions.rs` counts the
//! instructions. Keys, times and bodies are fixed, so that the same work is done on every machine and every day.

use hookgate::config::{Bindings, Config, Source};
use hookgate_verify::presets;

use hookgate::dedup::{Acceptance, DedupKey, Token};
use hookgate::delivery::Event;
use hookgate_verify::native::Native;
use hookgate_verify::{
    Algorithm, Crypto, Delivery, Hash, Key, Preset, PublicAlgorithm, PublicKey, Secret, SignError, Signer, TypeAt,
    UnixTime, Verifier, sign,
};
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;

/// A case made ready: one call of it is what is measured.
pub type Work = Box<dyn Fn()>;

/// A case's name, and how it is made ready: only where it is measured, so that none changes another's memory.
pub type Case = (&'static str, fn() -> Work);

pub const CASES: &[Case] = &[
    ("verify/standard_webhooks", || verify("standard_webhooks", SMALL)),
    ("verify/standard_webhooks-64k", || verify("standard_webhooks", LARGE)),
    ("verify/stripe", || verify("stripe", SMALL)),
    ("verify/github", || verify("github", SMALL)),
    ("verify/slack", || verify("slack", SMALL)),
    ("verify/generic", || verify("generic", SMALL)),
    ("verify/relaybox", || verify("relaybox", SMALL)),
    ("verify/relaybox-64k", || verify("relaybox", LARGE)),
    ("verify/token", || verify("gitlab_token", SMALL)),
    ("verify/rotation", rotation),
    ("refuse/forged", forged),
    ("refuse/unsigned", unsigned),
    ("canonicalise/1k", || canonicalise(SMALL)),
    ("canonicalise/64k", || canonicalise(LARGE)),
    ("extract/1k", || extract(SMALL)),
    ("extract/64k", || extract(LARGE)),
    ("queue/encode", || encode(SMALL)),
    ("queue/encode-64k", || encode(LARGE)),
    ("queue/decode", || decode(SMALL)),
];

const SMALL: usize = 900;
const LARGE: usize = 64 * 1024;
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);
const ACCEPTANCE: Acceptance = Acceptance::Drawn(Token(0x00f0_e1d2_c3b4_a596));
const ID: &str = "evt_0b9a8f3e-6d1c-4c57-9e02-7a41f5d8c6b3";
/// Base64 for Standard Webhooks, a text for all others.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRETS: [&str; 3] =
    ["whsec_T0xEXzFPTERfMU9MRF8xT0xEXzE=", "whsec_T0xEXzJPTERfMk9MRF8yT0xEXzI=", "whsec_T0xEXzNPTERfM09MRF8zT0xEXzM="];

type Headers = Vec<(String, String)>;

/// A JSON body of exactly `bytes` bytes, in the shape of an invoice with as many lines as fit; whatever name a preset
/// asks for its id, type or time stands there.
fn body(bytes: usize) -> Vec<u8> {
    let time = NOW.to_rfc3339();
    let mut text = format!(
        r#"{{"id":"{ID}","event_id":"{ID}","type":"invoice.paid","event":"invoice.paid","object_kind":"invoice","#
    );
    text += &format!(r#""created_at":"{time}","timestamp":"{time}","data":{{"object":"invoice","#);
    text += r#""customer":"cus_9s6XKzkNRiz8i3","currency":"eur","paid":true,"lines":["#;
    let end = |note: &str| format!(r#"],"note":"{note}"}}}}"#);
    for n in 0.. {
        let (comma, amount, quantity) = (if n > 0 { "," } else { "" }, 1250 + n, 1 + n % 7);
        let line =
            format!(r#"{comma}{{"id":"il_{n}","amount":{amount},"quantity":{quantity},"text":"Größe {n}, \"blau\""}}"#);
        if text.len() + line.len() + end("").len() > bytes {
            break;
        }
        text += &line;
    }
    let left = bytes - text.len() - end("").len();
    text += &end(&"x".repeat(left));
    text.into_bytes()
}

fn preset(name: &str) -> Arc<Preset> {
    presets::find(name).expect("a preset")
}

fn key(preset: &Preset, secret: &str) -> Key {
    let secret = Secret::new(secret).expect("a secret");
    secret.key(preset.scheme.algorithm, &preset.scheme.secret).expect("a key")
}

fn delivery(body: &[u8]) -> Delivery<'_> {
    Delivery { form: 0, id: "msg_2mVqLr8yPwKd0Xn4", now: NOW, url: "", account: "", body }
}

/// A request's headers: what each has, and what `preset` signs with `secret`. The signature comes last.
fn headers(preset: &Preset, secret: &str, body: &[u8]) -> Headers {
    let mut headers: Headers = [
        ("host", "hooks.example.com"),
        ("content-type", "application/json"),
        ("user-agent", "bench/1.0"),
        ("accept", "*/*"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    headers.extend(preset.scheme.event_type.iter().filter_map(|place| match place {
        TypeAt::UnsignedHeader(name) => Some((name.clone(), "push".to_owned())),
        TypeAt::Json(_) => None,
    }));
    let signed = sign(preset, &key(preset, secret), secret, delivery(body)).expect("a signature");
    headers.extend(signed.into_headers());
    headers
}

fn verifier(preset: &Arc<Preset>, secrets: &[&str]) -> Verifier {
    let keys = secrets.iter().map(|secret| key(preset, secret)).collect();
    Verifier::new(Arc::clone(preset), keys, None).expect("one to four keys")
}

/// Proves a delivery, from its head to its facts; `crypto` is what the runtime has built in.
fn proving(verifier: Verifier, headers: Headers, body: Vec<u8>, crypto: impl Crypto + 'static) -> Work {
    Box::new(move || {
        let verified = verifier.receive(&headers).and_then(|received| received.verify(&body, NOW, &crypto));
        assert!(black_box(verified).is_ok());
    })
}

fn verify(name: &str, bytes: usize) -> Work {
    let (preset, body) = (preset(name), body(bytes));
    proving(verifier(&preset, &[SECRET]), headers(&preset, SECRET, &body), body, Native)
}

/// Two signatures, as a provider sends them while its user changes the secret, and four secrets; the last one is right.
fn rotation() -> Work {
    let (preset, body) = (preset("standard_webhooks"), body(SMALL));
    let (_, other) = headers(&preset, "whsec_TkVXX05FV19ORVdfTkVXX05FVw==", &body).pop().expect("a signature");
    let mut headers = headers(&preset, SECRET, &body);
    let (_, signatures) = headers.last_mut().expect("a signature");
    *signatures = format!("{other} {signatures}");
    let [one, two, three] = OLD_SECRETS;
    proving(verifier(&preset, &[one, two, three, SECRET]), headers, body, Native)
}

fn forged() -> Work {
    let (preset, mut body) = (preset("standard_webhooks"), body(SMALL));
    let (verifier, headers) = (verifier(&preset, &[SECRET]), headers(&preset, SECRET, &body));
    body.push(b' ');
    Box::new(move || {
        let refused = verifier.receive(&headers).and_then(|received| received.verify(&body, NOW, &Native));
        assert!(black_box(refused).is_err());
    })
}

fn unsigned() -> Work {
    let preset = preset("standard_webhooks");
    let (verifier, mut headers) = (verifier(&preset, &[SECRET]), headers(&preset, SECRET, b"{}"));
    headers.pop();
    Box::new(move || assert!(black_box(verifier.receive(&headers)).is_err()))
}

/// Signs nothing, so that what is to be signed is all that is made.
struct NoSigner;

impl Signer for NoSigner {
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        black_box(content);
        Ok(Vec::new())
    }
}

fn canonicalise(bytes: usize) -> Work {
    let (preset, body) = (preset("relaybox"), body(bytes));
    Box::new(move || assert!(black_box(sign(&preset, &NoSigner, "", delivery(&body))).is_ok()))
}

/// Believes every signature, so that what is read of a proven body is all that is done.
struct Believer;

impl Crypto for Believer {
    fn hmac(&self, _: Hash, _: &[u8], _: &[&[u8]]) -> Vec<u8> {
        Vec::new()
    }

    fn digest(&self, _: Hash, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn verifies(&self, _: PublicAlgorithm, _: &PublicKey, content: &[u8], _: &[u8]) -> bool {
        black_box(content);
        true
    }
}

/// Id, time and type out of a body, at the paths of the generic preset.
fn extract(bytes: usize) -> Work {
    let mut preset = Preset::clone(&preset("generic"));
    preset.scheme.algorithm = Algorithm::Public(PublicAlgorithm::Ed25519);
    let believed = Key::Public(PublicKey::Spki(Vec::new()));
    let verifier = Verifier::new(Arc::new(preset), vec![believed], None).expect("one key");
    let headers = vec![("x-webhook-signature".to_owned(), "00".repeat(64))];
    proving(verifier, headers, body(bytes), Believer)
}

/// The one source of a configuration. It and a body live as long as the program, for an event borrows from both.
fn source() -> &'static Source {
    let sources = json!({ "billing": { "provider": "standard_webhooks", "secrets": ["SECRET"] } });
    let bindings = Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };
    let lookup = |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "ORIGIN" => Some("https://origin.example.com/".to_owned()),
        _ => None,
    };
    let config: &Config = Box::leak(Box::new(Config::parse(&sources, bindings, &lookup).expect("a configuration")));
    config.source("billing").and_then(Result::ok).expect("a source")
}

/// The queue's text of a proven event.
fn encode(bytes: usize) -> Work {
    let (source, body): (_, &'static [u8]) = (source(), body(bytes).leak());
    let headers = headers(source.verifier.preset(), SECRET, body);
    let lines = headers.iter().collect();
    let received = source.verifier.receive(&headers).expect("its headers");
    let verified = received.verify(body, NOW, &Native).expect("its own signature");
    Box::new(move || {
        let key = DedupKey::new(&source.name, verified.identity()).expect("an identity");
        assert!(black_box(Event::new(source, &verified, (&key, ACCEPTANCE), &lines, NOW).encode()).is_ok());
    })
}

fn decode(bytes: usize) -> Work {
    let (source, body) = (source(), body(bytes));
    let headers = headers(source.verifier.preset(), SECRET, &body);
    let received = source.verifier.receive(&headers).expect("its headers");
    let verified = received.verify(&body, NOW, &Native).expect("its own signature");
    let key = DedupKey::new(&source.name, verified.identity()).expect("an identity");
    let message = Event::new(source, &verified, (&key, ACCEPTANCE), &headers.iter().collect(), NOW)
        .encode()
        .expect("small enough")
        .into_text();
    Box::new(move || assert!(black_box(Event::decode(&message)).is_ok()))
}
