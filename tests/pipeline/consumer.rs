//! The way of a queued event: what the consumer does with a message.

use super::memory::{Memory, NOW};
use super::{BODY, SIGNING, forward, note_dead_letter, post, queued, retried};
use hookgate::message::Event;
use hookgate::pipeline::Disposition;
use hookgate::record::Verdict;
use hookgate_verify::native::Native;
use hookgate_verify::presets;
use hookgate_verify::{Head, Secret, VerificationKey, Verifier};
use std::time::Duration;

#[test]
fn a_forward_has_the_exact_body_the_provider_s_headers_and_our_own() {
    let mut request = post("queued", BODY);
    for (name, value) in [
        ("x-webhook-attempt", "kept"),
        ("hookgate-source", "evil"),
        ("idempotency-key", "evil"),
        ("webhook-signature", "v1,evil"),
        ("webhook_id", "evil"),
        ("x-forwarded-for", "evil"),
        ("forwarded", "evil"),
        ("cf-connecting-ip", "evil"),
        ("connection", "x-webhook-attempt"),
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
        assert!(values.len() <= 1, "{name} occurs twice");
        values.first().copied()
    };
    let key = Event::decode(&message).unwrap().key().to_string();
    assert_eq!(one("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(one("x-webhook-attempt"), Some("kept"));
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
    let signing = Secret::new(SIGNING).unwrap().standard_webhooks_key().unwrap();
    let verifier =
        Verifier::new(presets::find("standard_webhooks").unwrap(), vec![VerificationKey::HmacSha256(signing)], None)
            .unwrap();
    verifier.receive(&sent[0].headers).unwrap().verify(BODY.as_bytes(), NOW, &Native).expect("signed for this attempt");
}

#[test]
fn a_failed_forward_is_retried_and_a_refused_event_dies() {
    let message = queued(&post("queued", BODY));
    let ports = Memory::default();
    for (status, attempt, seconds) in [(500, 1, 5), (503, 2, 10), (302, 3, 20), (429, 1, 5), (408, 50, 900)] {
        ports.origin_status.set(Some(status));
        let (disposition, record) = forward(&message, attempt, &ports);
        assert!(retried(&disposition, seconds), "{status}: {disposition:?}");
        assert_eq!(
            (record.verdict, record.reason, record.status),
            (Verdict::Retried, Some("origin_failed"), Some(status))
        );
    }
    ports.fail.set(Some("send"));
    let (disposition, record) = forward(&message, 1, &ports);
    assert!(retried(&disposition, 5));
    assert_eq!(record.reason, Some("origin_unreachable"));
    assert!(ports.dead.borrow().is_empty());

    ports.fail.set(None);
    ports.origin_status.set(Some(400));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    let letter = ports.dead.borrow()[0].clone();
    let event = Event::decode(&letter).unwrap();
    assert_eq!((event.dead_reason(), event.body()), (Some("the origin answered 400"), BODY.as_bytes()));
    let (_, noted) = note_dead_letter(&letter, &ports);
    assert_eq!((noted.verdict, noted.id.as_deref()), (Verdict::Dead, Some("evt_1")));
    assert_eq!(noted.detail.as_deref(), Some("the origin answered 400"));
}

#[test]
fn no_message_is_lost() {
    let message = queued(&post("queued", BODY));
    // If the dead letters' queue fails, the message stays in the events' queue.
    let ports = Memory::failing("bury");
    ports.origin_status.set(Some(410));
    let (disposition, record) = forward(&message, 1, &ports);
    assert!(retried(&disposition, 5));
    assert_eq!(record.reason, Some("dead_letter_failed"));
    // A source that is missing or misconfigured may come back.
    for source in ["gone", "keyless"] {
        let moved = message.replace("/webhooks/queued", &format!("/webhooks/{source}"));
        let (disposition, record) = forward(&moved, 1, &Memory::default());
        assert!(retried(&disposition, 5));
        assert_eq!(record.reason, Some("no_origin"));
    }
    // An unreadable message is a dead letter with its whole text.
    let ports = Memory::default();
    for garbage in ["", "{}", "garbage", &message.replace("/webhooks/", "/elsewhere/"), &message.replace("eyJ", "%%%")]
    {
        let (disposition, record) = forward(garbage, 1, &ports);
        assert_eq!((disposition, record.reason), (Disposition::Ack, Some("undecodable")));
        assert_eq!(ports.letters.borrow().last().unwrap().message, garbage);
        assert_eq!(note_dead_letter(garbage, &ports).1.reason, Some("undecodable"));
    }
    let ports = Memory::failing("keep");
    assert!(retried(&forward("garbage", 1, &ports).0, 5), "the message stays in its queue until it is kept");
}

#[test]
fn two_events_that_fail_together_are_not_retried_together() {
    let ports = Memory::default();
    ports.origin_status.set(Some(503));
    let message = queued(&post("queued", BODY));
    assert_ne!(forward(&message, 1, &ports).0, forward(&message, 1, &ports).0);
}

/// The queue deletes an event at the end of its retention. If nobody can read when the event was accepted, the end is
/// unknown.
#[test]
fn an_event_of_unknown_age_is_a_dead_letter_after_its_first_failure() {
    let message = queued(&post("queued", BODY)).replace("\"time\":\"2026", "\"time\":\"soon");
    let ports = Memory::default();
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    for (status, fail) in [(Some(500), None), (None, Some("send"))] {
        let ports = Memory::default();
        ports.origin_status.set(status);
        ports.fail.set(fail);
        let (disposition, record) = forward(&message, 1, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
        assert_eq!(ports.dead.borrow().len(), 1);
    }
}
