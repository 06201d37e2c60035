//! Exact deduplication, at ingest and at the consumer, and the keys that an isolate keeps.

use super::memory::Memory;
use super::{
    ALL, BODY, config, configured, forward, header, json_of, lookup, post, queued, refusal, retried, serve, serve_as,
    signed,
};
use hookgate::config::Config;
use hookgate::pipeline::Disposition;
use hookgate::record::Verdict;
use hookgate_verify::presets;
use serde_json::json;
use std::time::Duration;

const ACCEPTED: &str = r#"{"received":true,"id":"evt_1"}"#;
const DUPLICATE: &str = r#"{"received":true,"duplicate":true,"id":"evt_1"}"#;

/// The body of the answer to the event at `source`.
fn told(source: &str, ports: &Memory) -> String {
    serve(&post(source, BODY), ports).answer.body
}

#[test]
fn an_event_is_claimed_made_durable_and_confirmed_in_that_order() {
    let ports = Memory::default();
    assert_eq!(told("exact", &ports), ACCEPTED);
    assert_eq!(ports.steps(), ["look up", "claim", "enqueue", "confirm", "remember"]);
    assert_eq!(told("exact", &ports), DUPLICATE);
    assert_eq!(ports.steps(), ["look up", "claim"], "for a minute, KV still answers that there is no such key");
    ports.wait(60);
    assert_eq!(told("exact", &ports), DUPLICATE);
    assert_eq!(ports.steps(), ["look up"], "then KV knows the key and the object is not asked");
}

#[test]
fn kv_is_only_a_cache_of_the_claims() {
    let ports = Memory::failing("look up");
    assert_eq!(told("exact", &ports), ACCEPTED);
    assert_eq!(told("exact", &ports), DUPLICATE);
}

#[test]
fn a_failure_releases_the_claim_and_the_retry_is_accepted() {
    for (source, step, reason) in [("exact", "enqueue", "enqueue_failed"), ("exact-straight", "send", "origin_failed")]
    {
        let ports = Memory::failing(step);
        assert_eq!(refusal(&post(source, BODY), &ports), (503, reason));
        assert_eq!(ports.steps(), ["look up", "claim", step, "release"]);
        assert_eq!(ports.known.borrow().keys().count(), 0);
        ports.fail.set(None);
        assert_eq!(told(source, &ports), ACCEPTED, "{step}");
    }
}

#[test]
fn without_a_claim_no_event_is_accepted() {
    let ports = Memory::failing("claim");
    assert_eq!(refusal(&post("exact", BODY), &ports), (503, "claim_failed"));
    assert!(ports.queue.borrow().is_empty());
    // The claim is made and every answer is lost. The request chose the token itself, so it can release the claim.
    ports.fail_after.set(true);
    assert_eq!(refusal(&post("exact", BODY), &ports), (503, "claim_failed"));
    ports.fail.set(None);
    assert_eq!(told("exact", &ports), ACCEPTED);
}

#[test]
fn a_claim_whose_answer_is_lost_is_made_again_within_the_request() {
    let ports = Memory::default();
    ports.fail.set(Some("claim"));
    ports.fail_after.set(true);
    ports.fail_once.set(true);
    assert_eq!(told("exact", &ports), ACCEPTED);
    assert_eq!(ports.steps(), ["look up", "claim", "claim", "enqueue", "confirm", "remember"]);
}

#[test]
fn a_lease_that_is_never_released_ends_before_the_provider_s_last_retry() {
    let config = configured(json!({
        "relaybox": { "provider": "relaybox", "secrets": ["GENERIC_SECRET"], "dedup": "exact" },
    }));
    let body = r#"{"id":"evt_1","event":"room:publish","timestamp":"2026-01-15T12:30:00Z"}"#;
    let request = signed("relaybox", &presets::find("relaybox").unwrap(), body);
    let ports = Memory::default();
    // Every answer of the object is lost: the answer to the claim and the answer to the release.
    ports.fail.set(Some("claim"));
    ports.fail_after.set(true);
    ports.without.borrow_mut().insert("release");
    let status = |ports: &Memory| serve_as(&request, &config, ports).answer.status;
    assert_eq!(status(&ports), 503);
    ports.fail.set(None);
    // RelayBox tries five times within 7.5 s: after 0.5, 1, 2 and 4 s.
    let mut tries = Vec::new();
    for pause in [1, 2, 4] {
        ports.wait(pause);
        tries.push(status(&ports));
    }
    assert!(tries.contains(&200), "{tries:?}");
}

#[test]
fn a_duplicate_in_flight_is_503_and_never_a_2xx() {
    for source in ["exact", "queued"] {
        let ports = Memory::default();
        ports.fail.set(Some("enqueue"));
        let first = serve(&post(source, BODY), &ports);
        assert_eq!(first.answer.status, 503);
        ports.fail.set(None);
        leave_in_flight(source, &ports);
        let answer = serve(&post(source, BODY), &ports).answer;
        assert_eq!((answer.status, header(&answer, "retry-after")), (503, Some("2")));
        assert_eq!(json_of(&answer)["title"], "Delivery in flight");
        let record = serve(&post(source, BODY), &ports).record.unwrap();
        assert_eq!((record.verdict, record.reason), (Verdict::Duplicate, Some("in_flight")));
        assert_eq!(ports.queue.borrow().len(), 0);
        ports.wait(30);
        assert_eq!(told(source, &ports), ACCEPTED, "the lease has ended");
    }
}

/// Leaves a request of the event in flight. The request is dropped while it waits for the queue, as in a crash.
fn leave_in_flight(source: &str, ports: &Memory) {
    use std::task::{Context, Poll, Waker};
    let (request, config) = (post(source, BODY), config());
    ports.stuck.set(true);
    let mut serving = Box::pin(hookgate::serve::serve(&request, &config, ports, ports.now()));
    let polled = serving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
    ports.stuck.set(false);
}

#[test]
fn the_consumer_drops_the_retry_of_an_unconfirmed_event() {
    let ports = Memory::failing("confirm");
    let outcome = serve(&post("exact", BODY), &ports);
    assert_eq!(outcome.answer.body, ACCEPTED, "the event is durable");
    assert!(outcome.record.unwrap().trouble.unwrap().starts_with("confirm_failed: "));
    assert_eq!(ports.steps(), ["look up", "claim", "enqueue", "confirm", "confirm", "confirm", "remember"]);
    ports.fail.set(None);
    ports.known.borrow_mut().clear();
    ports.wait(30);
    assert_eq!(told("exact", &ports), ACCEPTED);
    let queue = ports.queue.take();
    assert_eq!(queue.len(), 2);
    for message in &queue {
        assert_eq!(forward(message, 1, &ports).0, Disposition::Ack);
    }
    assert_eq!(ports.sent.borrow().len(), 1);
}

#[test]
fn a_delivery_is_claimed_sent_and_confirmed_or_released() {
    let ports = Memory::default();
    let message = queued(&post("exact", BODY));
    ports.origin_status.set(Some(503));
    assert!(retried(&forward(&message, 1, &ports).0, 5));
    assert_eq!(ports.steps(), ["claim", "send", "release"]);
    ports.fail.set(Some("send"));
    assert!(retried(&forward(&message, 1, &ports).0, 5));
    assert_eq!(ports.steps(), ["claim", "send", "release"]);
    ports.fail.set(None);
    ports.origin_status.set(None);
    assert_eq!(forward(&message, 3, &ports).0, Disposition::Ack);
    assert_eq!(ports.steps(), ["claim", "log", "send", "confirm"]);
    let (disposition, record) = forward(&message, 4, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Duplicate));
    assert_eq!(ports.steps(), ["claim"]);
}

#[test]
fn a_delivery_in_flight_elsewhere_waits_for_the_end_of_its_lease() {
    let ports = Memory::failing("release");
    let message = queued(&post("exact", BODY));
    ports.origin_status.set(Some(503));
    forward(&message, 1, &ports);
    ports.wait(10);
    let (disposition, record) = forward(&message, 2, &ports);
    assert_eq!(disposition, Disposition::Retry(Duration::from_secs(80)), "90 s from the first attempt");
    assert_eq!((record.verdict, record.reason), (Verdict::Retried, Some("in_flight")));
    let ports = Memory::failing("claim");
    assert!(retried(&forward(&message, 1, &ports).0, 5));
    assert!(ports.sent.borrow().is_empty());
}

#[test]
fn an_event_accepted_before_its_source_changed_its_mode_is_delivered_without_a_claim() {
    let moved = |from: &str, to: &str| {
        let path = |name| format!("/webhooks/{name}\"");
        queued(&post(from, BODY)).replace(&path(from), &path(to))
    };
    for message in [moved("queued", "exact"), moved("exact", "queued"), moved("queued", "queued")] {
        let ports = Memory::default();
        assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(ports.steps(), ["send"], "{message}");
    }
}

#[test]
fn an_isolate_finds_duplicates_among_its_own_requests() {
    let ports = Memory::default();
    assert_eq!(told("queued", &ports), ACCEPTED);
    // KV does not show the key yet, not even at this place.
    ports.known.borrow_mut().clear();
    assert_eq!(told("queued", &ports), DUPLICATE);
    ports.wait(60);
    assert_eq!(told("queued", &ports), ACCEPTED, "nothing more is promised");
}

#[test]
fn the_registry_of_rings_is_asked_once_an_hour() {
    let ports = Memory::default();
    let asked = || {
        ports.claims.borrow_mut().rings.clear();
        ports.known.take();
        told("exact", &ports);
        !ports.claims.borrow().rings.is_empty()
    };
    assert!(asked());
    assert!(!asked());
    ports.wait(3599);
    assert!(!asked());
    ports.wait(1);
    assert!(asked());
}

#[test]
fn while_the_number_of_shards_changes_a_key_is_claimed_in_both_shards_and_none_is_lost() {
    let ports = Memory::default();
    let deployed = |shards: &str, before: Option<&str>| {
        let lookup = |name: &str| match name {
            "CLAIM_SHARDS" => Some(shards.to_owned()),
            "CLAIM_SHARDS_BEFORE" => before.map(str::to_owned),
            _ => lookup(name),
        };
        let sources = json!({ "exact": { "provider": "generic", "secrets": ["GENERIC_SECRET"], "dedup": "exact" } });
        let config = Config::parse(&sources, ALL, &lookup);
        // As after a deployment: a new isolate, and KV knows no key.
        let fresh = Memory::default();
        fresh.claims.replace(ports.claims.take());
        let outcome = serve_as(&post("exact", BODY), &config, &fresh);
        ports.claims.replace(fresh.claims.take());
        (outcome.answer.status, outcome.answer.body, outcome.record.unwrap().detail)
    };
    assert_eq!(deployed("16", None).1, ACCEPTED);
    let (status, _, detail) = deployed("32", None);
    assert_eq!(status, 503, "a configuration that would forget claims is refused");
    assert!(detail.unwrap().contains("CLAIM_SHARDS_BEFORE = 16"));
    assert_eq!(deployed("32", Some("16")).1, DUPLICATE);
    ports.claims.borrow_mut().clear();
    assert_eq!(deployed("32", Some("16")).1, ACCEPTED);
    let objects: Vec<String> = ports.claims.borrow().keys().map(|(object, _)| object.to_string()).collect();
    assert!(objects[0].starts_with("16/") && objects[1].starts_with("32/"), "{objects:?}");
    // The previous number may go when every claim that only its shards have is expired.
    ports.claims.borrow_mut().rings.retain(|ring, _| *ring == 32);
    assert_eq!(deployed("32", None).1, DUPLICATE);
}
