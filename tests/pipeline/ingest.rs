//! The way of a request: each answer, and the steps before it.

use super::memory::Memory;
use super::{BODY, Post, TOKEN, configured_with, header, json_of, post, queued, refusal, request, serve, serve_as};
use hookgate::pipeline::ports::BodyError;
use hookgate::record::Verdict;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn an_accepted_event_is_durable_before_its_key_is_remembered() {
    let ports = Memory::default();
    let outcome = serve(&post("queued", BODY), &ports);
    assert_eq!(outcome.answer.status, 200);
    assert_eq!(outcome.answer.body, r#"{"received":true,"id":"evt_1"}"#);
    assert_eq!(header(&outcome.answer, "cache-control"), Some("no-store"));
    assert_eq!(header(&outcome.answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(ports.steps(), ["look up", "enqueue", "remember"]);
    let (key, ttl) = ports.known.borrow().keys().next().map(|(key, ttl)| (key.clone(), ttl)).unwrap();
    assert_eq!((ttl, ports.known.borrow().keys().count()), (Duration::from_secs(7 * 86_400), 1));
    let record = outcome.record.unwrap();
    assert_eq!((record.verdict, record.reason, record.provenance), (Verdict::Accepted, None, Some("signed id")));
    assert_eq!(record.key, Some(key));
}

#[test]
fn a_duplicate_is_answered_and_not_queued() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    ports.steps();
    let later = BODY.replace("12:30:00", "12:29:00");
    let outcome = serve(&post("queued", later), &ports);
    assert_eq!(outcome.answer.body, r#"{"received":true,"duplicate":true,"id":"evt_1"}"#);
    assert_eq!(outcome.answer.status, 200);
    assert_eq!(ports.steps(), [""; 0], "the isolate knows the key itself");
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Duplicate);
}

#[test]
fn sources_never_share_keys() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    let other = serve(&post("straight", BODY), &ports);
    assert_eq!(json_of(&other.answer).get("duplicate"), None);
    assert_eq!(ports.known.borrow().keys().count(), 2);
}

#[test]
fn without_deduplication_nothing_is_looked_up_or_remembered() {
    let ports = Memory::default();
    for _ in 0..2 {
        assert_eq!(serve(&post("repeating", BODY), &ports).answer.status, 200);
    }
    assert_eq!(ports.steps(), ["enqueue", "enqueue"]);
}

#[test]
fn an_event_of_an_unwanted_type_is_answered_and_touches_no_storage() {
    let ports = Memory::default();
    let outcome = serve(&post("picky", BODY), &ports);
    assert_eq!(outcome.answer.body, r#"{"received":true,"filtered":true,"id":"evt_1"}"#);
    assert_eq!(ports.steps(), [""; 0]);
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Filtered);
    let wanted = BODY.replace("user.created", "invoice.paid");
    assert_eq!(json_of(&serve(&post("picky", wanted), &ports).answer).get("filtered"), None);
}

#[test]
fn every_forged_request_gets_the_same_401_and_touches_no_storage() {
    let mut unsigned = post("queued", BODY);
    unsigned.headers.clear();
    let mut malformed = post("queued", BODY);
    malformed.headers[0].1.truncate(10);
    let mut forged = post("queued", BODY);
    forged.body = Ok(BODY.replace("evt_1", "evt_2").into_bytes());
    let stale = post("queued", BODY.replace("12:30:00", "09:30:00"));
    let early = post("queued", BODY.replace("12:30:00", "12:36:00"));
    let timeless = post("queued", r#"{"id":"evt_1"}"#);
    let cases = [
        (unsigned, "signature_missing"),
        (malformed, "signature_malformed"),
        (forged, "signature_mismatch"),
        (stale, "too_old"),
        (early, "too_new"),
        (timeless, "timestamp_missing"),
    ];
    let ports = Memory::default();
    let first = serve(&cases[0].0, &ports).answer;
    for (request, reason) in &cases {
        assert_eq!(refusal(request, &ports), (401, *reason));
        assert_eq!(serve(request, &ports).answer, first, "{reason}: the same bytes");
    }
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn an_authentic_event_that_is_unusable_is_422_with_the_reason() {
    let ports = Memory::default();
    for (body, reason) in [
        ("not json".to_owned(), "not_json"),
        (BODY.replace(r#""type""#, r#""id""#), "ambiguous_json"),
        (BODY.replace(r#""evt_1""#, "null"), "id_unreadable"),
    ] {
        assert_eq!(refusal(&post("queued", body), &ports), (422, reason));
    }
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn other_paths_are_404_and_other_methods_405() {
    let ports = Memory::default();
    for path in ["/", "/webhooks", "/webhooks/", "/webhooks/nobody", "/webhooks/queued/", "/api"] {
        let request = Post { path: path.to_owned(), ..post("queued", BODY) };
        assert_eq!(refusal(&request, &ports), (404, "not_found"), "{path}");
    }
    let get = Post { method: "GET", ..post("queued", BODY) };
    assert_eq!(refusal(&get, &ports), (405, "wrong_method"));
    assert_eq!(header(&serve(&get, &ports).answer, "allow"), Some("POST"));
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn a_misconfigured_source_answers_500_and_the_others_serve() {
    let ports = Memory::default();
    for source in ["keyless", "unknown"] {
        assert_eq!(refusal(&post(source, BODY), &ports), (500, "misconfigured"));
    }
    let outcome = serve(&post("keyless", BODY), &ports);
    assert!(outcome.record.unwrap().detail.unwrap().contains("MISSING_SECRET is not set"));
    assert!(!outcome.answer.body.contains("MISSING_SECRET"));
    assert_eq!(ports.steps(), [""; 0]);
    assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
}

#[test]
fn a_body_over_a_limit_is_413_and_the_title_names_the_limit() {
    let ports = Memory::default();
    let padded = |bytes: usize| BODY.replace("evt_1", &"x".repeat(bytes));
    assert_eq!(refusal(&post("queued", padded(200_000)), &ports), (413, "body_too_large"));
    assert_eq!(ports.steps(), [""; 0]);
    let too_large_for_the_queue = post("queued", padded(100_000));
    let ports = Memory::without("PAYLOADS");
    assert_eq!(refusal(&too_large_for_the_queue, &ports), (413, "message_too_large"));
    assert_eq!(json_of(&serve(&too_large_for_the_queue, &ports).answer)["title"], "Body too large for the queue");
    assert_eq!(ports.known.borrow().keys().count(), 0);
    assert_eq!(
        serve(&post("straight", padded(100_000)), &ports).answer.status,
        200,
        "without a queue, its limit does not apply"
    );
}

#[test]
fn a_failure_at_any_step_is_503_and_leaves_no_key() {
    for (source, step, reason) in [
        ("queued", "look up", "claim_failed"),
        ("queued", "enqueue", "enqueue_failed"),
        ("straight", "send", "origin_failed"),
    ] {
        let ports = Memory::failing(step);
        assert_eq!(refusal(&post(source, BODY), &ports), (503, reason));
        assert_eq!(header(&serve(&post(source, BODY), &ports).answer, "retry-after"), Some("2"));
        assert_eq!(ports.known.borrow().keys().count(), 0);
        assert!(ports.queue.borrow().is_empty());
        ports.fail.set(None);
        let retried = serve(&post(source, BODY), &ports).answer;
        assert_eq!(retried.body, r#"{"received":true,"id":"evt_1"}"#, "{step}: the provider's retry is accepted");
    }
    let gone = Post { body: Err(BodyError::Broken("hung up".to_owned())), ..post("queued", BODY) };
    assert_eq!(refusal(&gone, &Memory::default()), (503, "body_broken"));
}

#[test]
fn without_a_queue_an_event_is_accepted_when_the_origin_accepts_it() {
    let ports = Memory::default();
    for status in [301, 400, 404, 409, 500, 503] {
        ports.origin_status.set(Some(status));
        assert_eq!(refusal(&post("straight", BODY), &ports), (503, "origin_failed"), "{status}");
        assert_eq!(ports.known.borrow().keys().count(), 0);
    }
    ports.origin_status.set(Some(204));
    ports.steps();
    assert_eq!(serve(&post("straight", BODY), &ports).answer.status, 200);
    assert_eq!(ports.steps(), ["look up", "send", "remember"]);
    assert_eq!(ports.sent.borrow().last().unwrap().timeout, Duration::from_secs(10));
}

#[test]
fn health_shows_the_sources_only_to_the_operator() {
    let ports = Memory::default();
    let get = |path: &str| Post { path: path.to_owned(), ..request("GET", "", "", &[], "") };
    let ask = |path: &str, token: &str| serve(&get(path).with("authorization", &format!("Bearer {token}")), &ports);
    for path in ["/healthz", "/webhooks/health"] {
        let told =
            json!({ "status": "degraded", "version": env!("CARGO_PKG_VERSION"), "time": "2026-01-15T12:30:00Z" });
        let outcome = serve(&get(path), &ports);
        assert_eq!((outcome.answer.status, json_of(&outcome.answer)), (200, told.clone()), "no names of sources");
        assert!(outcome.record.is_none());
        let sources = &json_of(&ask(path, TOKEN).answer)["sources"];
        assert_eq!(
            [&sources["queued"], &sources["keyless"]],
            [true, false].map(|usable| json!({ "usable": usable })).each_ref()
        );
        let guess = ask(path, "somebody-else-s-token");
        assert_eq!((guess.answer.status, guess.record.unwrap().reason), (401, Some("unauthorized")));
        let posted = Post { path: path.to_owned(), ..post("queued", "") };
        assert_eq!(serve(&posted, &ports).answer.status, 405);
    }
    assert_eq!(ports.refusals.borrow().len(), 2, "each guess counts");
    assert_eq!(ports.steps(), [""; 0]);
    let tokenless = configured_with(json!({}), "ADMIN_TOKEN", None);
    let outcome = serve_as(&get("/healthz").with("authorization", "Bearer x"), &tokenless, &ports);
    assert_eq!((outcome.answer.status, json_of(&outcome.answer).get("sources")), (200, None));
}

#[test]
fn the_queue_message_is_pinned() {
    let request = post("queued", BODY).with("cf-ray", "dropped");
    let expected = json!({
        "specversion": "1.0",
        "id": "evt_1",
        "source": "/webhooks/queued",
        "type": "user.created",
        "time": "2026-01-15T12:30:00Z",
        "datacontenttype": "application/json; charset=utf-8",
        "provider": "generic",
        "idprovenance": "signed id",
        // From another implementation: SHA-256 over three texts, each after its length in 8 bytes.
        "dedupkey": "69e636b4d7bfef7fe3213ddadb2de3626dc5728d8f708dd761390f6c04326860",
        "acceptance": "0000000000000001", // the first random number
        "headers": json!([request.headers[0], request.headers[1]]).to_string(),
        // The first 8 bytes of the key, the second random number, and the next 8 bytes of the key.
        "traceparent": "00-69e636b4d7bfef7f0000000000000002-e3213ddadb2de362-01",
        "data_base64": "eyJpZCI6ImV2dF8xIiwidHlwZSI6InVzZXIuY3JlYXRlZCIsImNyZWF0ZWRfYXQiOiIyMDI2LTAxLTE1VDEyOjMwOjAwWiJ9",
    });
    let message: Value = serde_json::from_str(&queued(&request)).unwrap();
    assert_eq!(message, expected);
    let traced = request
        .with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        .with("tracestate", "a=1");
    let mut expected = expected;
    expected["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".into();
    expected["tracestate"] = "a=1".into();
    let message: Value = serde_json::from_str(&queued(&traced)).unwrap();
    assert_eq!(message, expected);
    // CloudEvents allows only lower-case letters in a name.
    let mut names = message.as_object().unwrap().keys().filter(|name| *name != "data_base64");
    assert!(names.all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase())));
}
