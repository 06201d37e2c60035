//! Sources with their own answer.

use super::memory::Memory;
use super::{BODY, Post, configured, header, post, request, serve_as};
use hookgate::answer::Answer;
use hookgate::config::{Config, ConfigError};
use hookgate_verify::{Secret, presets};
use serde_json::{Value, json};

fn config(more: Value) -> Result<Config, ConfigError> {
    let mut table = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"], "events": ["user.*"] });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    configured(json!({ "one": table }))
}

fn problem(config: Result<Config, ConfigError>) -> String {
    config.unwrap().source("one").unwrap().expect_err("refused").to_string()
}

fn serve(request: &Post, config: &Result<Config, ConfigError>, ports: &Memory) -> Answer {
    serve_as(request, config, ports).answer
}

/// The status, body and content type.
fn shown(answer: &Answer) -> (u16, &str, Option<&str>) {
    (answer.status, answer.body.as_str(), header(answer, "content-type"))
}

#[test]
fn a_source_gives_its_own_answer_to_new_duplicate_and_unwanted_events() {
    let xml = json!({ "answer": { "status": 202, "body": "<Response/>", "type": "application/xml" } });
    let config = config(xml);
    let ports = Memory::default();
    let unwanted = BODY.replace("user.created", "invoice.paid");
    for body in [BODY, BODY, &unwanted] {
        let answer = serve(&post("one", body), &config, &ports);
        assert_eq!(shown(&answer), (202, "<Response/>", Some("application/xml")));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    }
    let answer = serve(&post("one", BODY).forged(), &config, &ports);
    assert_eq!((answer.status, header(&answer, "content-type")), (401, Some("application/problem+json")));
}

#[test]
fn an_own_answer_may_have_no_body() {
    for (answer, status) in [(json!({ "status": 204 }), 204), (json!({}), 200)] {
        let answer = serve(&post("one", BODY), &config(json!({ "answer": answer })), &Memory::default());
        assert_eq!(shown(&answer), (status, "", None));
    }
}

#[test]
fn an_own_answer_has_limits() {
    let of = |answer: Value| problem(config(json!({ "answer": answer })));
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
    assert!(of(json!("empty")).contains("must be a table"));
}

/// Adyen counts an event as lost unless the 200 has this text.
#[test]
fn a_scheme_may_require_a_text_in_each_200() {
    let scheme = |answer: Value| {
        json!({ "secrets": ["GENERIC_SECRET"], "events": ["user.*"], "scheme": {
            "signature": { "header": "x-sig" },
            "identity": { "digest": "id" },
            "type": { "json": "type" },
            "answer": answer,
        }})
    };
    let parse = |table: Value| configured(json!({ "one": table }));
    let config = parse(scheme(json!({ "body": "[accepted]", "type": "text/plain" })));
    let key = Secret::new(super::SECRET).unwrap().key(Default::default(), &Default::default()).unwrap();
    let signed = |body: &str| {
        let mac = hex::encode(key.mac(&[body.as_bytes()], &hookgate_verify::native::Native));
        request("POST", "one", "", &[("x-sig", &mac)], body)
    };
    let ports = Memory::default();
    for body in [r#"{"type":"user.new"}"#, r#"{"type":"user.new"}"#, r#"{"type":"invoice.paid"}"#] {
        let answer = serve(&signed(body), &config, &ports);
        assert_eq!(shown(&answer), (200, "[accepted]", Some("text/plain")));
    }
    let answer = serve(&signed("x").forged(), &config, &ports);
    assert_eq!((answer.status, header(&answer, "content-type")), (401, Some("application/problem+json")));
    let fresh = signed(r#"{"type":"user.gone"}"#);
    assert_eq!(serve(&fresh, &config, &Memory::failing("enqueue")).status, 503);
    // The answer of the source replaces the answer of the scheme.
    let mut table = scheme(json!({ "body": "[accepted]" }));
    table["answer"] = json!({ "status": 202 });
    let answer = serve(&signed("{}"), &parse(table), &ports);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    let error = problem(parse(scheme(json!({ "body": "x".repeat(1025) }))));
    assert!(error.contains("SOURCES.one.scheme.answer.body: has 1025 bytes, of 1024"), "{error}");
}

/// Xero requires an empty body in a 200 and in a 401.
#[test]
fn a_provider_that_requires_empty_answers_gets_them() {
    let config = configured(json!({ "one": { "provider": "xero", "secrets": ["GENERIC_SECRET"] } }));
    let xero = presets::find("xero").unwrap();
    let request = super::signed("one", &xero, r#"{"events":[],"entropy":"S0m3r4Nd0mt3xt"}"#);
    let ports = Memory::default();
    let get = Post { method: "GET", ..request.clone() };
    for (request, status) in [(&request, 200), (&request, 200), (&request.forged(), 401), (&get, 405)] {
        let answer = serve(request, &config, &ports);
        assert_eq!(shown(&answer), (status, "", None));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    }
    let answer = serve(&request, &config, &Memory::failing("enqueue"));
    assert_eq!((answer.status, header(&answer, "retry-after"), answer.body.as_str()), (503, Some("2"), ""));
    for name in ["xero", "twilio", "twilio_json"] {
        assert!(presets::find(name).unwrap().empty_answers, "{name}");
    }
}
