//! The gateway learns which queue has the events and which queue has the dead letters. The names of the queues do not
//! matter.

use super::memory::{Memory, NOW};
use super::{BODY, block_on, configured_with, consume, forward, note_dead_letter, post, queued, retried};
use hookgate::pause::Pauses;
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use hookgate::record::Verdict;
use serde_json::json;

const EVENTS: &str = "staging-in";
const DEAD: &str = "staging-undeliverable";

/// A gateway that does not know its queues.
fn ignorant() -> Memory {
    let ports = Memory::default();
    ports.notes.borrow_mut().0.clear();
    ports
}

#[test]
fn a_probe_shows_which_queue_has_the_dead_letters() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    assert_eq!(
        consume(EVENTS, &message, 1, &ports).1.verdict,
        Verdict::Delivered,
        "an event does not wait for the probe"
    );
    let probes = ports.dead.take();
    assert_eq!(probes, [r#"{"hookgate_probe":"staging-in"}"#]);
    let (disposition, record) = consume(DEAD, &probes[0], 1, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Learnt));
    assert_eq!(record.detail.as_deref(), Some("the queue staging-undeliverable is the dead letters' queue"));
    let noted = ports.notes.borrow().0.clone().into_iter().collect::<Vec<_>>();
    let expected = [("queue/staging-in", "events"), ("queue/staging-undeliverable", "dead letters")];
    assert_eq!(noted, expected.map(|(name, role)| (name.to_owned(), role.to_owned())));
    // Another isolate reads the stored note and sends no probe.
    let other = Memory::default();
    other.notes.borrow_mut().0.clone_from(&ports.notes.borrow().0);
    let (_, record) = consume(DEAD, &message, 1, &other);
    assert_eq!((record.verdict, record.reason), (Verdict::Dead, Some("dead_letter")));
    assert_eq!(other.letters.borrow()[0].reason, "its retries ran out");
    assert_eq!(other.steps(), ["keep"]);
}

#[test]
fn a_message_with_the_mark_of_the_gateway_is_a_dead_letter_in_any_queue() {
    for source in ["queued", "exact"] {
        let ports = ignorant();
        ports.origin_status.set(Some(410));
        consume(EVENTS, &queued(&post(source, BODY)), 1, &ports);
        ports.origin_status.set(None);
        let letter = ports.dead.take().pop().unwrap();
        let (disposition, record) = consume(DEAD, &letter, 1, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead), "{source}");
        assert_eq!(
            (ports.letters.borrow().len(), ports.sent.borrow().len()),
            (1, 1),
            "{source}: the letter is kept and not sent again"
        );
        assert_eq!(
            ports.notes.borrow().0["queue/staging-undeliverable"],
            "dead letters",
            "the letter shows the queue's role"
        );
    }
}

#[test]
fn a_message_that_the_queue_gave_up_waits_for_the_probe_and_is_sent_once() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    ports.origin_status.set(Some(500));
    // This queue is unknown: the event gets one more attempt and then waits.
    assert!(retried(&consume(DEAD, &message, 1, &ports).0, 5));
    let probe = ports.dead.take().pop().unwrap();
    consume(DEAD, &probe, 1, &ports);
    assert_eq!(consume(DEAD, &message, 2, &ports).1.verdict, Verdict::Dead);
    assert_eq!((ports.letters.borrow().len(), ports.sent.borrow().len()), (1, 1));
}

#[test]
fn a_lost_probe_is_sent_again_and_a_probe_that_cannot_be_stored_waits() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    ports.fail.set(Some("bury"));
    let (_, record) = consume(EVENTS, &message, 1, &ports);
    assert_eq!(record.verdict, Verdict::Delivered, "an event does not wait for the probe");
    assert_eq!(record.trouble.as_deref(), Some("note_failed: bury is told to fail"));
    ports.fail.set(None);
    ports.wait(11);
    consume(EVENTS, &message, 1, &ports);
    let probe = ports.dead.take().pop().unwrap();
    ports.fail.set(Some("note"));
    let (disposition, record) = consume(DEAD, &probe, 1, &ports);
    assert!(retried(&disposition, 5));
    assert_eq!(record.reason, Some("note_failed"));
}

#[test]
fn a_setting_may_name_the_queue_of_the_dead_letters() {
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let config = configured_with(sources, "DEAD_QUEUE", Some(DEAD));
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    let verdict = |queue| {
        let handed = ReceivedMessage { text: &message, queue, attempt: 1, now: NOW, pauses: &Pauses::default() };
        block_on(pipeline::consume(handed, &config, &ports)).1.verdict
    };
    assert_eq!((verdict(EVENTS), verdict(DEAD)), (Verdict::Delivered, Verdict::Dead));
    assert!(ports.dead.borrow().is_empty(), "no probe is sent");
}

#[test]
fn an_event_dies_before_its_queue_drops_it() {
    for source in ["queued", "exact", "gone"] {
        let ports = Memory::default();
        let accepted_by = if source == "gone" { "queued" } else { source };
        let message = queued(&post(accepted_by, BODY)).replace("/webhooks/queued", &format!("/webhooks/{source}"));
        ports.origin_status.set(Some(500));
        ports.wait(19 * 3600);
        assert!(matches!(forward(&message, 30, &ports).0, Disposition::Retry(_)), "{source}");
        ports.wait(3600 - 600);
        let (disposition, record) = forward(&message, 40, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead), "{source}");
        let letter = ports.dead.borrow()[0].clone();
        note_dead_letter(&letter, &ports);
        assert_eq!(ports.letters.borrow().len(), 1, "{source}");
    }
}
