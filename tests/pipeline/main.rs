//! The pipeline over ports in memory: every row of the answer table, a failure at every arrow, and what is remembered
//! after each.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod acceptances;
mod answers;
mod api;
mod claims;
mod consumer;
mod dead_letters;
mod filters;
mod forwarded;
mod handshakes;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../fakes/kv.rs"]
mod kv;
mod lines;
mod memory;
mod payloads;
mod providers;
mod published;
mod queues;
mod refusals;

use hookgate::answer::Answer;
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::headers::HeaderLines;
use hookgate::pipeline::ports::{BodyError, Request};
use hookgate::pipeline::{self, Disposition, Handed, Outcome};
use hookgate::record::{Record, Verdict};
use hookgate_verify::presets;
use hookgate_verify::{Delivery, Head, Secret, sign};
use memory::{DEAD, EVENTS, Memory, NOW};
use pollster::block_on;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "test-secret";
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "an-admin-token-of-some-length";
const BODY: &str = r#"{"id":"evt_1","type":"user.created","created_at":"2026-01-15T12:30:00Z"}"#;

#[derive(Clone)]
struct Post {
    method: &'static str,
    host: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, BodyError>,
}

impl Head for Post {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }

    fn method(&self) -> String {
        self.method.to_owned()
    }

    fn query(&self) -> String {
        self.query.clone()
    }
}

impl Request for Post {
    fn host(&self) -> String {
        self.host.to_owned()
    }

    fn path(&self) -> String {
        self.path.clone()
    }

    fn headers(&self) -> HeaderLines {
        self.headers.iter().collect()
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.body.clone().and_then(|body| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }
}

/// Sources, all of the `generic` provider, and two that are misconfigured.
fn config() -> Result<Config, ConfigError> {
    let secrets = json!(["GENERIC_SECRET"]);
    let sources = json!({
        "queued": { "provider": "generic", "secrets": secrets, "max_body": "200kB" },
        "exact": { "provider": "generic", "secrets": secrets, "dedup": "exact", "max_body": "200kB" },
        "exact-straight": { "provider": "generic", "secrets": secrets, "dedup": "exact", "deliver": "origin" },
        "straight": { "provider": "generic", "secrets": secrets, "deliver": "origin" },
        "repeating": { "provider": "generic", "secrets": secrets, "dedup": "none" },
        "bytes": { "scheme": { "signature": { "header": "x-webhook-signature" } }, "secrets": secrets, "dedup": "none" },
        "faceless": {
            "scheme": { "signature": { "header": "x-webhook-signature" }, "identity": "none" },
            "secrets": secrets,
            "dedup": "exact",
        },
        "picky": { "provider": "generic", "secrets": secrets, "events": ["invoice.*"] },
        "keyless": { "provider": "generic", "secrets": ["MISSING_SECRET"] },
        "unknown": { "provider": "nobody", "secrets": secrets },
    });
    Config::parse(&sources, ALL, &lookup)
}

const ALL: Bindings = Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };

fn lookup(name: &str) -> Option<String> {
    let text = match name {
        "GENERIC_SECRET" => SECRET,
        "ORIGIN" => "https://origin.example/{source}",
        "ORIGIN_SIGNING_SECRET" => SIGNING,
        "ADMIN_TOKEN" => TOKEN,
        _ => return None,
    };
    Some(text.to_owned())
}

fn post(source: &str, body: impl Into<Vec<u8>>) -> Post {
    Post { path: format!("/webhooks/{source}"), ..signed("generic", body) }
}

/// A delivery as `provider` signs it.
fn signed(provider: &str, body: impl Into<Vec<u8>>) -> Post {
    let body = body.into();
    let preset = presets::find(provider).unwrap();
    let key = Secret::new(SECRET).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
    let delivery = Delivery { form: 0, id: "", now: NOW, url: "", account: "", body: &body };
    let mut headers = sign(&preset, &key, SECRET, delivery).unwrap().into_headers();
    headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
    let (path, query) = (String::new(), String::new());
    Post { method: "POST", host: "hooks.example.com", path, query, headers, body: Ok(body) }
}

fn serve(request: &Post, ports: &Memory) -> Outcome {
    block_on(pipeline::serve(request, &config(), ports, ports.now()))
}

/// What becomes of `text`, which `queue` hands over for the `attempt`-th time.
fn consume(queue: &str, text: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    let handed = Handed { text, queue, attempt, now: ports.now() };
    block_on(pipeline::consume(handed, &config(), ports))
}

/// What becomes of a message of the events' queue under another configuration.
fn forward_as(text: &str, config: &Result<Config, ConfigError>, ports: &Memory) -> (Disposition, Record) {
    block_on(pipeline::consume(Handed { text, queue: EVENTS, attempt: 1, now: ports.now() }, config, ports))
}

fn forward(message: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    consume(EVENTS, message, attempt, ports)
}

fn note_dead_letter(message: &str, ports: &Memory) -> (Disposition, Record) {
    consume(DEAD, message, 1, ports)
}

/// The delay, of about so many seconds, that the queue is told.
fn retried(disposition: &Disposition, seconds: u64) -> bool {
    let Disposition::Retry(delay) = disposition else { return false };
    (seconds * 3 / 4..=seconds).contains(&delay.as_secs())
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| &**value)
}

/// The reason in the log, the status outside.
fn refusal(request: &Post, ports: &Memory) -> (u16, &'static str) {
    let outcome = serve(request, ports);
    assert_eq!(header(&outcome.answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header(&outcome.answer, "cache-control"), Some("no-store"));
    assert_eq!(json_of(&outcome.answer)["status"], outcome.answer.status);
    (outcome.answer.status, outcome.record.unwrap().reason.unwrap())
}

#[test]
fn an_accepted_event_is_durable_before_its_key_is_remembered() {
    let ports = Memory::default();
    let outcome = serve(&post("queued", BODY), &ports);
    assert_eq!(outcome.answer.status, 200);
    assert_eq!(outcome.answer.body, r#"{"received":true,"id":"evt_1"}"#);
    assert_eq!(header(&outcome.answer, "cache-control"), Some("no-store"));
    assert_eq!(ports.steps(), ["look up", "enqueue", "remember"]);
    let (key, ttl) = ports.known.borrow().keys().next().map(|(key, ttl)| (key.clone(), ttl)).unwrap();
    assert_eq!((ttl, ports.known.borrow().keys().count()), (Duration::from_secs(7 * 86_400), 1));
    let record = outcome.record.unwrap();
    assert_eq!((record.verdict, record.reason, record.provenance), (Verdict::Accepted, None, Some("signed id")));
    assert_eq!(record.key, Some(key));
}

#[test]
fn a_duplicate_is_answered_and_goes_nowhere() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    ports.steps();
    let later = BODY.replace("12:30:00", "12:29:00");
    let outcome = serve(&post("queued", later), &ports);
    assert_eq!(outcome.answer.body, r#"{"received":true,"duplicate":true,"id":"evt_1"}"#);
    assert_eq!(outcome.answer.status, 200);
    assert_eq!(ports.steps(), [""; 0], "this isolate knows it by itself");
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
fn an_unwanted_type_is_answered_and_dropped_before_any_storage() {
    let ports = Memory::default();
    let outcome = serve(&post("picky", BODY), &ports);
    assert_eq!(outcome.answer.body, r#"{"received":true,"filtered":true,"id":"evt_1"}"#);
    assert_eq!(ports.steps(), [""; 0]);
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Filtered);
    let wanted = BODY.replace("user.created", "invoice.paid");
    assert_eq!(json_of(&serve(&post("picky", wanted), &ports).answer).get("filtered"), None);
}

#[test]
fn every_failure_to_prove_authenticity_is_one_401_and_touches_nothing() {
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
fn what_is_authentic_but_unusable_is_422_with_the_reason() {
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
fn paths_and_methods_that_are_not_served() {
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
fn bodies_over_a_limit_are_413_with_titles_apart() {
    let ports = Memory::default();
    let padded = |bytes: usize| BODY.replace("evt_1", &"x".repeat(bytes));
    assert_eq!(refusal(&post("queued", padded(200_000)), &ports), (413, "body_too_large"));
    assert_eq!(ports.steps(), [""; 0]);
    let too_large_for_the_queue = post("queued", padded(100_000));
    let ports = Memory::without("PAYLOADS");
    assert_eq!(refusal(&too_large_for_the_queue, &ports), (413, "message_too_large"));
    assert_eq!(json_of(&serve(&too_large_for_the_queue, &ports).answer)["title"], "Body too large for the queue");
    assert_eq!(ports.known.borrow().keys().count(), 0);
    assert_eq!(serve(&post("straight", padded(100_000)), &ports).answer.status, 200, "no queue, no such limit");
}

#[test]
fn a_failure_at_any_arrow_is_503_and_remembers_nothing() {
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
fn a_key_that_cannot_be_remembered_costs_a_duplicate_and_no_event() {
    let ports = Memory::failing("remember");
    assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
    assert_eq!(ports.queue.borrow().len(), 1);
}

#[test]
fn a_straight_delivery_is_accepted_when_the_origin_accepts_it() {
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
fn health_tells_everybody_that_all_is_well_and_the_operator_which_sources_are() {
    let ports = Memory::default();
    let ask = |path: &str, headers: Vec<(String, String)>| {
        serve(&Post { method: "GET", path: path.to_owned(), headers, ..post("queued", "") }, &ports)
    };
    let bearer = |token: &str| vec![("authorization".to_owned(), format!("Bearer {token}"))];
    for path in ["/healthz", "/webhooks/health"] {
        let told =
            json!({ "status": "degraded", "version": env!("CARGO_PKG_VERSION"), "time": "2026-01-15T12:30:00Z" });
        let outcome = ask(path, Vec::new());
        assert_eq!((outcome.answer.status, json_of(&outcome.answer)), (200, told.clone()), "no names of sources");
        assert!(outcome.record.is_none());
        let sources = &json_of(&ask(path, bearer(TOKEN)).answer)["sources"];
        assert_eq!(
            (&sources["queued"], &sources["keyless"]),
            (&json!({ "usable": true }), &json!({ "usable": false }))
        );
        let guess = ask(path, bearer("somebody-else-s-token"));
        assert_eq!((guess.answer.status, guess.record.unwrap().reason), (401, Some("unauthorized")));
        let posted = Post { path: path.to_owned(), ..post("queued", "") };
        assert_eq!(serve(&posted, &ports).answer.status, 405);
    }
    assert_eq!(ports.refusals.borrow().len(), 2, "guesses count");
    assert_eq!(ports.steps(), [""; 0]);
    let get = Post { method: "GET", path: "/healthz".to_owned(), headers: bearer("x"), ..post("queued", "") };
    let tokenless = Config::parse(&json!({}), ALL, &|_| None);
    let outcome = block_on(pipeline::serve(&get, &tokenless, &ports, NOW));
    assert_eq!((outcome.answer.status, json_of(&outcome.answer).get("sources")), (200, None));
}

/// The message that a request to `source` leaves in the queue.
fn queued(request: &Post) -> String {
    let ports = Memory::default();
    assert_eq!(serve(request, &ports).answer.status, 200);
    ports.queue.take().remove(0)
}

#[test]
fn the_queue_message_is_pinned() {
    let mut request = post("queued", BODY);
    request.headers.push(("cf-ray".to_owned(), "dropped".to_owned()));
    let expected = json!({
        "specversion": "1.0",
        "id": "evt_1",
        "source": "/webhooks/queued",
        "type": "user.created",
        "time": "2026-01-15T12:30:00Z",
        "datacontenttype": "application/json; charset=utf-8",
        "provider": "generic",
        "idprovenance": "signed id",
        // Made by another implementation: SHA-256 over 8 bytes of length and the text, for each of the three.
        "dedupkey": "69e636b4d7bfef7fe3213ddadb2de3626dc5728d8f708dd761390f6c04326860",
        "acceptance": "0000000000000001", // the first number that was drawn
        "headers": json!([request.headers[0], request.headers[1]]).to_string(),
        "data_base64": "eyJpZCI6ImV2dF8xIiwidHlwZSI6InVzZXIuY3JlYXRlZCIsImNyZWF0ZWRfYXQiOiIyMDI2LTAxLTE1VDEyOjMwOjAwWiJ9",
    });
    let message: Value = serde_json::from_str(&queued(&request)).unwrap();
    assert_eq!(message, expected);
    assert!(
        message
            .as_object()
            .unwrap()
            .keys()
            .all(|name| name == "data_base64" || name.bytes().all(|b| b.is_ascii_lowercase()))
    );
}
