//! What a source answers in a form of its own.

use super::memory::{Memory, NOW};
use super::{ALL, BODY, Post, lookup, post};
use hookgate::answer::Answer;
use hookgate::config::{Config, ConfigError};
use hookgate::pipeline;
use hookgate_verify::{Delivery, Secret, UnixTime, sign};
use pollster::block_on;
use serde_json::{Value, json};

fn config(more: Value) -> Result<Config, ConfigError> {
    let mut table = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"], "events": ["user.*"] });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Config::parse(&json!({ "one": table }), ALL, &lookup)
}

fn problem(more: Value) -> String {
    config(more).unwrap().source("one").unwrap().expect_err("refused").to_string()
}

fn text<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
}

fn serve(request: &Post, config: &Result<Config, ConfigError>, ports: &Memory) -> Answer {
    block_on(pipeline::serve(request, config, ports, NOW)).answer
}

#[test]
fn a_source_answers_an_event_that_is_new_known_or_unwanted_as_it_is_told() {
    let xml = json!({ "answer": { "status": 202, "body": "<Response/>", "type": "application/xml" } });
    let config = config(xml);
    let ports = Memory::default();
    let unwanted = BODY.replace("user.created", "invoice.paid");
    for body in [BODY, BODY, &unwanted] {
        let answer = serve(&post("one", body), &config, &ports);
        assert_eq!((answer.status, answer.body.as_str()), (202, "<Response/>"));
        assert_eq!(text(&answer, "content-type"), Some("application/xml"));
        assert_eq!(text(&answer, "cache-control"), Some("no-store"));
        assert_eq!(text(&answer, "x-content-type-options"), Some("nosniff"));
    }
    let mut forged = post("one", BODY);
    forged.body = Ok(b"{}".to_vec());
    let answer = serve(&forged, &config, &ports);
    assert_eq!((answer.status, text(&answer, "content-type")), (401, Some("application/problem+json")));
}

#[test]
fn an_answer_of_ones_own_may_have_no_body() {
    for (answer, status) in [(json!({ "status": 204 }), 204), (json!({}), 200)] {
        let answer = serve(&post("one", BODY), &config(json!({ "answer": answer })), &Memory::default());
        assert_eq!((answer.status, answer.body.as_str(), text(&answer, "content-type")), (status, "", None));
    }
}

#[test]
fn an_answer_of_ones_own_is_bounded() {
    let of = |answer: Value| problem(json!({ "answer": answer }));
    for status in [100, 199, 300, 404, 500] {
        assert!(of(json!({ "status": status })).contains("SOURCES.one.answer.status"), "{status}");
    }
    assert!(of(json!({ "body": "x".repeat(1025) })).contains("1025 bytes, of 1024"));
    assert!(of(json!({ "status": 204, "body": "x" })).contains("204 has none"));
    assert!(of(json!({ "type": "text/plain" })).contains("no `body`"));
    for media_type in ["plain", "text/plain\nx: y", "tëxt/plain"] {
        assert!(of(json!({ "body": "x", "type": media_type })).contains("must be a media type"), "{media_type}");
    }
    assert!(of(json!({ "boddy": "x" })).contains("did you mean `body`?"));
    assert!(problem(json!({ "answer": "empty" })).contains("must be a table"));
}

/// Adyen takes an event for lost that is not answered with this text.
#[test]
fn a_sender_that_wants_a_text_in_each_200_gets_it() {
    let scheme = |answer: Value| {
        json!({ "secrets": ["GENERIC_SECRET"], "events": ["user.*"], "scheme": {
            "signature": { "header": "x-sig" },
            "identity": { "digest": "id" },
            "type": { "json": "type" },
            "answer": answer,
        }})
    };
    let parse = |table: Value| Config::parse(&json!({ "one": table }), ALL, &lookup);
    let config = parse(scheme(json!({ "body": "[accepted]", "type": "text/plain" })));
    let key = Secret::new(super::SECRET).unwrap().key(Default::default(), &Default::default()).unwrap();
    let signed = |body: &str| {
        let mac = hex::encode(key.mac(&[body.as_bytes()], &hookgate_verify::native::Native));
        Post { headers: vec![("x-sig".to_owned(), mac)], body: Ok(body.as_bytes().to_vec()), ..post("one", "") }
    };
    let ports = Memory::default();
    for body in [r#"{"type":"user.new"}"#, r#"{"type":"user.new"}"#, r#"{"type":"invoice.paid"}"#] {
        let answer = serve(&signed(body), &config, &ports);
        assert_eq!((answer.status, answer.body.as_str()), (200, "[accepted]"));
        assert_eq!(text(&answer, "content-type"), Some("text/plain"));
    }
    let forged = Post { body: Ok(b"{}".to_vec()), ..signed("x") };
    let answer = serve(&forged, &config, &ports);
    assert_eq!((answer.status, text(&answer, "content-type")), (401, Some("application/problem+json")));
    let fresh = signed(r#"{"type":"user.gone"}"#);
    assert_eq!(serve(&fresh, &config, &Memory::failing("enqueue")).status, 503);
    // What the source says itself comes first.
    let mut table = scheme(json!({ "body": "[accepted]" }));
    table["answer"] = json!({ "status": 202 });
    let answer = serve(&signed("{}"), &parse(table), &ports);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    let long = parse(scheme(json!({ "body": "x".repeat(1025) }))).unwrap();
    let error = long.source("one").unwrap().expect_err("too long").to_string();
    assert!(error.contains("SOURCES.one.scheme.answer.body: has 1025 bytes, of 1024"), "{error}");
}

/// Xero wants no body, neither in a 200 nor in a 401.
#[test]
fn a_provider_that_wants_no_body_gets_none() {
    let table = json!({ "provider": "xero", "secrets": ["GENERIC_SECRET"] });
    let config = Config::parse(&json!({ "one": table }), ALL, &lookup);
    let source = config.as_ref().unwrap().source("one").unwrap().unwrap();
    let preset = source.verifier.preset();
    let key = Secret::new(super::SECRET).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
    let body = br#"{"events":[],"entropy":"S0m3r4Nd0mt3xt"}"#;
    let delivery = Delivery { form: 0, id: "", now: UnixTime::from_seconds(0), url: "", account: "", body };
    let headers = sign(preset, &key, super::SECRET, delivery).unwrap().into_headers();
    let request = Post { headers, body: Ok(body.to_vec()), ..post("one", "") };
    let ports = Memory::default();
    let forged = Post { body: Ok(b"{}".to_vec()), ..request.clone() };
    let get = Post { method: "GET", ..request.clone() };
    for (request, status) in [(&request, 200), (&request, 200), (&forged, 401), (&get, 405)] {
        let answer = serve(request, &config, &ports);
        assert_eq!((answer.status, answer.body.as_str(), text(&answer, "content-type")), (status, "", None));
        assert_eq!(text(&answer, "cache-control"), Some("no-store"));
    }
    let answer = serve(&request, &config, &Memory::failing("enqueue"));
    assert_eq!((answer.status, text(&answer, "retry-after"), answer.body.as_str()), (503, Some("2"), ""));
    for name in ["xero", "twilio", "twilio_json"] {
        assert!(hookgate_verify::presets::find(name).unwrap().empty_answers, "{name}");
    }
}
