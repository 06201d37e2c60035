//! Dead letters: how they are kept, and when they are deleted.

use super::memory::{Memory, NOW};
use super::{BODY, DEAD, block_on, config, configured, forward, note_dead_letter, post, queued, sweep};
use hookgate::pause::Pauses;
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use hookgate::record::Verdict;
use serde_json::json;
use std::time::Duration;

/// The message in the dead letters' queue after the origin refused an event.
fn refused(ports: &Memory, source: &str) -> String {
    ports.origin_status.set(Some(410));
    assert_eq!(forward(&queued(&post(source, BODY)), 1, ports).0, Disposition::Ack);
    ports.origin_status.set(None);
    ports.dead.borrow_mut().remove(0)
}

#[test]
fn a_dead_letter_is_kept_once_with_everything_that_helps_to_find_it() {
    let ports = Memory::default();
    let message = refused(&ports, "queued");
    for _ in 0..2 {
        let (disposition, record) = note_dead_letter(&message, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    }
    let letters = ports.letters.borrow();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.source.as_str(), letter.event_id.as_str()), ("queued", "evt_1"));
    assert_eq!((letter.event_type.as_str(), letter.reason.as_str()), ("user.created", "the origin answered 410"));
    assert_eq!((letter.received.as_str(), letter.died), ("2026-01-15T12:30:00Z", NOW));
    assert_eq!((letter.bytes, letter.message.as_str()), (BODY.len() as u64, message.as_str()));
}

#[test]
fn without_a_database_a_letter_is_logged() {
    let ports = Memory::without("LOG");
    let message = refused(&ports, "queued");
    let (disposition, record) = note_dead_letter(&message, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    assert!(ports.letters.borrow().is_empty());
}

#[test]
fn a_message_that_the_queue_gave_up_is_dead_unless_another_message_was_delivered() {
    let message = queued(&post("exact", BODY));
    let ports = Memory::default();
    // The event is dead, so its second message is not delivered.
    assert_eq!(note_dead_letter(&message, &ports).0, Disposition::Ack);
    assert_eq!(ports.letters.borrow()[0].reason, "its retries ran out");
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Duplicate);
    assert!(ports.sent.borrow().is_empty());
    // The event was delivered, so it is not dead.
    let ports = Memory::default();
    forward(&message, 1, &ports);
    let (disposition, record) = note_dead_letter(&message, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Duplicate));
    assert!(ports.letters.borrow().is_empty());
    // The event is in flight.
    let ports = Memory::failing("release");
    ports.origin_status.set(Some(500));
    forward(&message, 1, &ports);
    assert!(matches!(note_dead_letter(&message, &ports).0, Disposition::Retry(_)));
    assert!(ports.letters.borrow().is_empty());
    // The letter cannot be kept, so the event may still be delivered.
    let ports = Memory::failing("keep");
    assert!(matches!(note_dead_letter(&message, &ports).0, Disposition::Retry(_)));
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
}

#[test]
fn a_sweep_deletes_expired_letters_and_bodies_without_a_reference() {
    let ports = Memory::default();
    note_dead_letter(&refused(&ports, "queued"), &ports);
    ports.letters.borrow_mut()[0].payload = Some("key/referred".to_owned());
    ports.letters.borrow_mut()[0].expires = NOW.plus(Duration::from_secs(40 * 86_400));
    for name in ["key/a", "key/b", "key/c", "key/referred"] {
        ports.payloads.borrow_mut().insert(name.to_owned(), (NOW, Vec::new()));
    }
    sweep(29, &ports);
    assert_eq!(ports.payloads.borrow().len(), 4, "a message may still refer to the bodies");
    let record = sweep(32, &ports);
    assert_eq!(record.verdict, Verdict::Swept);
    assert_eq!(record.detail.as_deref(), Some("0 dead letters, 3 stored bodies"));
    assert_eq!(ports.payloads.borrow().keys().collect::<Vec<_>>(), ["key/referred"]);
    sweep(41, &ports);
    assert!(ports.letters.borrow().is_empty() && ports.payloads.borrow().is_empty());
    let failing = Memory::failing("discard");
    failing.payloads.borrow_mut().insert("key/a".to_owned(), (NOW, Vec::new()));
    let record = sweep(32, &failing);
    assert_eq!((record.verdict, record.reason), (Verdict::Failed, Some("sweep_failed")));
}

/// While the configuration is broken, another message of the event may wait: after the repair, it would be delivered.
#[test]
fn a_letter_of_a_misconfigured_source_waits_for_its_claim_until_half_of_its_attempts() {
    let message = queued(&post("exact", BODY));
    let keyless = message.replace("/webhooks/exact", "/webhooks/keyless");
    let (working, broken) = (config(), configured(json!("no sources")));
    let consume_as = |text: &str, config, attempt, ports: &Memory| {
        let handed = ReceivedMessage { text, queue: DEAD, attempt, now: NOW, pauses: &Pauses::default() };
        block_on(pipeline::consume(handed, config, ports))
    };
    for (text, config) in [(&keyless, &working), (&message, &broken)] {
        let ports = Memory::default();
        let (disposition, record) = consume_as(text, config, 50, &ports);
        assert!(matches!(disposition, Disposition::Retry(_)), "{disposition:?}");
        assert_eq!((record.verdict, record.reason), (Verdict::Retried, Some("claim_failed")));
        assert!(ports.letters.borrow().is_empty());
        // The queue would delete the letter after its last attempt.
        let (disposition, record) = consume_as(text, config, 51, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
        assert!(record.trouble.unwrap().ends_with("the letter is kept without a claim"));
        assert_eq!(ports.letters.borrow().len(), 1);
    }
    let gone = message.replace("/webhooks/exact", "/webhooks/gone");
    assert_eq!(consume_as(&gone, &working, 1, &Memory::default()).0, Disposition::Ack, "no message delivers the event");
}
