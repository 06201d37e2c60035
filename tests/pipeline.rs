//! The pipeline over ports in memory: every row of the answer table, a failure at every arrow, and what is remembered
//! after each.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

use hookgate::answer::Answer;
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::dedup::DedupKey;
use hookgate::delivery::{Event, Forward, Message};
use hookgate::pipeline::{
    self, BodyError, Claims, Disposition, OriginAnswer, Outbox, Outcome, PortError, Request, Upstream,
};
use hookgate::record::Verdict;
use hookgate::webhook::{Headers, Secret, SecretForm, UnixTime, Verifier, presets, sign};
use pollster::block_on;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200); // 2026-01-15T12:30:00Z
const SECRET: &str = "test-secret";
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"id":"evt_1","type":"user.created","created_at":"2026-01-15T12:30:00Z"}"#;

/// Ports that remember what was done, in order, and fail where they are told to.
#[derive(Default)]
struct Memory {
    known: RefCell<BTreeMap<String, Duration>>,
    queue: RefCell<Vec<String>>,
    dead: RefCell<Vec<String>>,
    sent: RefCell<Vec<Sent>>,
    steps: RefCell<Vec<&'static str>>,
    fail: Cell<Option<&'static str>>,
    origin_status: Cell<Option<u16>>,
}

struct Sent {
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

impl Memory {
    fn step(&self, name: &'static str) -> Result<(), PortError> {
        self.steps.borrow_mut().push(name);
        if self.fail.get() == Some(name) { Err(PortError(format!("{name} is told to fail"))) } else { Ok(()) }
    }

    fn failing(step: &'static str) -> Self {
        let memory = Self::default();
        memory.fail.set(Some(step));
        memory
    }

    fn steps(&self) -> Vec<&'static str> {
        self.steps.take()
    }
}

impl Claims for Memory {
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError> {
        self.step("look up")?;
        Ok(self.known.borrow().contains_key(&key.to_string()))
    }

    fn remember(&self, key: &DedupKey, ttl: Duration, _now: UnixTime) {
        if self.step("remember").is_ok() {
            self.known.borrow_mut().insert(key.to_string(), ttl);
        }
    }
}

impl Outbox for Memory {
    async fn enqueue(&self, message: &Message) -> Result<(), PortError> {
        self.step("enqueue")?;
        self.queue.borrow_mut().push(message.as_str().to_owned());
        Ok(())
    }

    async fn bury(&self, message: &str) -> Result<(), PortError> {
        self.step("bury")?;
        self.dead.borrow_mut().push(message.to_owned());
        Ok(())
    }
}

impl Upstream for Memory {
    async fn send(&self, forward: Forward<'_>, timeout: Duration) -> Result<OriginAnswer, PortError> {
        self.step("send")?;
        let (url, headers, body) = (forward.url.to_owned(), forward.headers, forward.body.to_vec());
        self.sent.borrow_mut().push(Sent { url, headers, body, timeout });
        Ok(OriginAnswer { status: self.origin_status.get().unwrap_or(200), retry_after: None })
    }
}

#[derive(Clone)]
struct Post {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, BodyError>,
}

impl Headers for Post {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }
}

impl Request for Post {
    fn method(&self) -> String {
        self.method.to_owned()
    }

    fn path(&self) -> String {
        self.path.clone()
    }

    fn headers(&self) -> Vec<(String, String)> {
        self.headers.clone()
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.body.clone().and_then(|body| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }
}

/// Four sources, all of the `generic` provider, and two that are misconfigured.
fn config() -> Result<Config, ConfigError> {
    let secrets = json!(["GENERIC_SECRET"]);
    let sources = json!({
        "queued": { "provider": "generic", "secrets": secrets, "max_body": "200kB" },
        "straight": { "provider": "generic", "secrets": secrets, "deliver": "origin" },
        "repeating": { "provider": "generic", "secrets": secrets, "dedup": "none" },
        "picky": { "provider": "generic", "secrets": secrets, "events": ["invoice.*"] },
        "keyless": { "provider": "generic", "secrets": ["MISSING_SECRET"] },
        "unknown": { "provider": "nobody", "secrets": secrets },
    });
    let lookup = |name: &str| match name {
        "GENERIC_SECRET" => Some(SECRET.to_owned()),
        "ORIGIN" => Some("https://origin.example/{source}".to_owned()),
        "ORIGIN_SIGNING_SECRET" => Some(SIGNING.to_owned()),
        _ => None,
    };
    Config::parse(&sources, Bindings { dedup: true, events: true }, &lookup)
}

fn post(source: &str, body: impl Into<Vec<u8>>) -> Post {
    let body = body.into();
    let preset = presets::find("generic").unwrap();
    let key = Secret::new(SECRET).unwrap().key(SecretForm::Utf8).unwrap();
    let signed = sign(preset, 0, &key, "", NOW, &body).unwrap();
    let mut headers: Vec<_> = signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
    Post { method: "POST", path: format!("/webhooks/{source}"), headers, body: Ok(body) }
}

fn serve(request: &Post, ports: &Memory) -> Outcome {
    block_on(pipeline::serve(request, &config(), ports, NOW))
}

fn forward(message: &str, attempt: u32, ports: &Memory) -> (Disposition, hookgate::record::Record) {
    block_on(pipeline::forward(message, attempt, &config(), ports, NOW, 0))
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
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
    assert_eq!(ports.known.borrow().values().collect::<Vec<_>>(), [&Duration::from_secs(7 * 86_400)]);
    let record = outcome.record.unwrap();
    assert_eq!((record.verdict, record.reason, record.provenance), (Verdict::Accepted, None, Some("signed id")));
    assert_eq!(record.key.as_ref(), ports.known.borrow().keys().next());
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
    assert_eq!(ports.steps(), ["look up"]);
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Duplicate);
}

#[test]
fn sources_never_share_keys() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    let other = serve(&post("straight", BODY), &ports);
    assert_eq!(json_of(&other.answer).get("duplicate"), None);
    assert_eq!(ports.known.borrow().len(), 2);
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
    for path in ["/", "/webhooks", "/webhooks/", "/webhooks/nobody", "/webhooks/queued/", "/api/events"] {
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
    assert_eq!(refusal(&too_large_for_the_queue, &ports), (413, "message_too_large"));
    assert_eq!(json_of(&serve(&too_large_for_the_queue, &ports).answer)["title"], "Body too large for the queue");
    assert!(ports.known.borrow().is_empty());
    assert_eq!(serve(&post("straight", padded(100_000)), &ports).answer.status, 200, "no queue, no such limit");
}

#[test]
fn a_failure_at_any_arrow_is_503_and_remembers_nothing() {
    for (source, step, reason) in [
        ("queued", "look up", "lookup_failed"),
        ("queued", "enqueue", "enqueue_failed"),
        ("straight", "send", "origin_failed"),
    ] {
        let ports = Memory::failing(step);
        assert_eq!(refusal(&post(source, BODY), &ports), (503, reason));
        assert_eq!(header(&serve(&post(source, BODY), &ports).answer, "retry-after"), Some("2"));
        assert!(ports.known.borrow().is_empty());
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
        assert!(ports.known.borrow().is_empty());
    }
    ports.origin_status.set(Some(204));
    ports.steps();
    assert_eq!(serve(&post("straight", BODY), &ports).answer.status, 200);
    assert_eq!(ports.steps(), ["look up", "send", "remember"]);
    assert_eq!(ports.sent.borrow().last().unwrap().timeout, Duration::from_secs(10));
}

#[test]
fn health_names_the_sources_and_touches_nothing() {
    let ports = Memory::default();
    for path in ["/healthz", "/webhooks/health"] {
        let get = Post { method: "GET", path: path.to_owned(), ..post("queued", "") };
        let outcome = serve(&get, &ports);
        let health = json_of(&outcome.answer);
        assert_eq!((outcome.answer.status, &health["status"]), (200, &json!("degraded")));
        assert_eq!(health["time"], "2026-01-15T12:30:00Z");
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(health["sources"]["queued"], json!({ "usable": true }));
        assert_eq!(health["sources"]["keyless"], json!({ "usable": false }));
        let posted = Post { path: path.to_owned(), ..post("queued", "") };
        assert_eq!(serve(&posted, &ports).answer.status, 405);
    }
    assert_eq!(ports.steps(), [""; 0]);
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

#[test]
fn a_forward_is_the_exact_body_under_our_headers_and_the_providers() {
    let mut request = post("queued", BODY);
    for (name, value) in [
        ("x-provider-trace", "kept"),
        ("hookgate-source", "evil"),
        ("idempotency-key", "evil"),
        ("webhook-signature", "v1,evil"),
        ("webhook_id", "evil"),
        ("x-forwarded-for", "evil"),
        ("forwarded", "evil"),
        ("cf-connecting-ip", "evil"),
        ("connection", "x-provider-trace"),
        ("transfer-encoding", "chunked"),
        ("host", "evil"),
    ] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let message = queued(&request);
    let ports = Memory::default();
    let (disposition, record) = forward(&message, 3, &ports);
    assert_eq!((disposition, record.verdict, record.attempt), (Disposition::Ack, Verdict::Delivered, Some(3)));
    let sent = ports.sent.borrow();
    assert_eq!((sent[0].url.as_str(), sent[0].timeout), ("https://origin.example/queued", Duration::from_secs(30)));
    assert_eq!(sent[0].body, BODY.as_bytes());
    let one = |name: &str| {
        let values: Vec<_> =
            sent[0].headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        assert!(values.len() <= 1, "{name} stands twice");
        values.first().copied()
    };
    let key = Event::decode(&message).unwrap().key().to_owned();
    assert_eq!(one("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(one("x-provider-trace"), Some("kept"));
    assert_eq!(one("x-webhook-signature"), request.header("x-webhook-signature").as_deref());
    assert_eq!(one("idempotency-key"), Some(key.as_str()));
    assert_eq!(one("webhook-id"), Some(key.as_str()));
    assert_eq!((one("hookgate-source"), one("hookgate-provider")), (Some("queued"), Some("generic")));
    assert_eq!(one("hookgate-attempt"), Some("3"));
    for absent in
        ["webhook_id", "x-forwarded-for", "forwarded", "cf-connecting-ip", "connection", "transfer-encoding", "host"]
    {
        assert_eq!(one(absent), None, "{absent}");
    }
    let signing = Secret::new(SIGNING).unwrap().key(SecretForm::Base64AfterPrefix("whsec_")).unwrap();
    let verifier = Verifier::new(presets::find("standard_webhooks").unwrap(), vec![signing], None).unwrap();
    verifier.receive(&sent[0].headers).unwrap().verify(BODY.as_bytes(), NOW).expect("signed for this attempt");
}

#[test]
fn a_forward_that_fails_is_retried_later_and_refused_events_die() {
    let message = queued(&post("queued", BODY));
    let ports = Memory::default();
    for (status, attempt, seconds) in [(500, 1, 5), (503, 2, 10), (302, 3, 20), (429, 1, 5), (408, 50, 900)] {
        ports.origin_status.set(Some(status));
        let (disposition, record) = forward(&message, attempt, &ports);
        assert_eq!(disposition, Disposition::Retry(Duration::from_secs(seconds)), "{status}");
        assert_eq!(
            (record.verdict, record.reason, record.status),
            (Verdict::Retried, Some("origin_failed"), Some(status))
        );
    }
    ports.fail.set(Some("send"));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!((disposition, record.reason), (Disposition::Retry(Duration::from_secs(5)), Some("origin_unreachable")));
    assert!(ports.dead.borrow().is_empty());

    ports.fail.set(None);
    ports.origin_status.set(Some(400));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    let letter = ports.dead.borrow()[0].clone();
    let event = Event::decode(&letter).unwrap();
    assert_eq!((event.dead_reason(), event.body()), (Some("the origin answered 400"), BODY.as_bytes()));
    let noted = pipeline::note_dead_letter(&letter);
    assert_eq!((noted.verdict, noted.id.as_deref()), (Verdict::Dead, Some("evt_1")));
    assert_eq!(noted.detail.as_deref(), Some("the origin answered 400"));
}

#[test]
fn no_message_ends_nowhere() {
    let message = queued(&post("queued", BODY));
    // The dead letters' queue fails: the message stays in its own.
    let ports = Memory::failing("bury");
    ports.origin_status.set(Some(410));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!((disposition, record.reason), (Disposition::Retry(Duration::from_secs(5)), Some("dead_letter_failed")));
    assert_eq!(forward("garbage", 1, &ports).0, Disposition::Retry(Duration::from_secs(5)));
    // A source that is gone, or broken, may come back.
    for source in ["gone", "keyless"] {
        let moved = message.replace("/webhooks/queued", &format!("/webhooks/{source}"));
        let (disposition, record) = forward(&moved, 1, &Memory::default());
        assert_eq!((disposition, record.reason), (Disposition::Retry(Duration::from_secs(5)), Some("no_origin")));
    }
    // What cannot be read is a dead letter, whole.
    let ports = Memory::default();
    for garbage in ["", "{}", "garbage", &message.replace("/webhooks/", "/elsewhere/"), &message.replace("eyJ", "%%%")]
    {
        let (disposition, record) = forward(garbage, 1, &ports);
        assert_eq!((disposition, record.reason), (Disposition::Ack, Some("undecodable")));
        assert_eq!(ports.dead.borrow().last().unwrap(), garbage);
        assert_eq!(pipeline::note_dead_letter(garbage).reason, Some("undecodable"));
    }
}
