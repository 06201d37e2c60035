//! Which of the two queues is which: the gateway learns it, whatever their names are.

use super::memory::{Memory, NOW};
use super::{ALL, BODY, block_on, consume, lookup, post, queued, retried};
use hookgate::config::Config;
use hookgate::pipeline::{self, Disposition, Handed};
use hookgate::record::Verdict;
use serde_json::json;

const EVENTS: &str = "staging-in";
const DEAD: &str = "staging-undeliverable";

/// A gateway that knows nothing of its queues.
fn ignorant() -> Memory {
    let ports = Memory::default();
    ports.notes.borrow_mut().0.clear();
    ports
}

#[test]
fn a_probe_shows_which_queue_takes_the_dead_letters() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    assert_eq!(consume(EVENTS, &message, 1, &ports).1.verdict, Verdict::Delivered, "no event waits for the probe");
    let probes = ports.dead.take();
    assert_eq!(probes, [r#"{"hookgate_probe":"staging-in"}"#]);
    let (disposition, record) = consume(DEAD, &probes[0], 1, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Learnt));
    assert_eq!(record.detail.as_deref(), Some("the queue staging-undeliverable takes the dead letters"));
    let noted = ports.notes.borrow().0.clone().into_iter().collect::<Vec<_>>();
    let expected = [("queue/staging-in", "events"), ("queue/staging-undeliverable", "dead letters")];
    assert_eq!(noted, expected.map(|(name, part)| (name.to_owned(), part.to_owned())));
    // Another isolate reads what this one has learnt, and asks nobody.
    let other = Memory::default();
    other.notes.borrow_mut().0.clone_from(&ports.notes.borrow().0);
    let (_, record) = consume(DEAD, &message, 1, &other);
    assert_eq!((record.verdict, record.reason), (Verdict::Dead, Some("dead_letter")));
    assert_eq!(other.letters.borrow()[0].reason, "its retries ran out");
    assert_eq!(other.steps(), ["keep"]);
}

#[test]
fn what_the_gateway_buried_is_a_dead_letter_in_whatever_queue() {
    for source in ["queued", "exact"] {
        let ports = ignorant();
        ports.origin_status.set(Some(410));
        consume(EVENTS, &queued(&post(source, BODY)), 1, &ports);
        ports.origin_status.set(None);
        let letter = ports.dead.take().pop().unwrap();
        let (disposition, record) = consume(DEAD, &letter, 1, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead), "{source}");
        assert_eq!((ports.letters.borrow().len(), ports.sent.borrow().len()), (1, 1), "{source}: kept, not sent again");
        assert_eq!(ports.notes.borrow().0["queue/staging-undeliverable"], "dead letters", "and shows the name");
    }
}

#[test]
fn what_the_queue_gave_up_waits_for_the_probe_and_never_goes_round() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    ports.origin_status.set(Some(500));
    // Nobody has seen this queue: the event gets one attempt more, and then waits.
    assert!(retried(&consume(DEAD, &message, 1, &ports).0, 5));
    let probe = ports.dead.take().pop().unwrap();
    consume(DEAD, &probe, 1, &ports);
    assert_eq!(consume(DEAD, &message, 2, &ports).1.verdict, Verdict::Dead);
    assert_eq!((ports.letters.borrow().len(), ports.sent.borrow().len()), (1, 1));
}

#[test]
fn a_probe_that_is_lost_is_sent_again_and_one_that_cannot_be_noted_waits() {
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    ports.fail.set(Some("bury"));
    consume(EVENTS, &message, 1, &ports);
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
fn a_setting_says_it_where_it_has_to() {
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let told = |name: &str| if name == "DEAD_QUEUE" { Some(DEAD.to_owned()) } else { lookup(name) };
    let config = Config::parse(&sources, ALL, &told);
    let ports = ignorant();
    let message = queued(&post("queued", BODY));
    let take = |queue| {
        let handed = Handed { text: &message, queue, attempt: 1, now: NOW };
        block_on(pipeline::consume(handed, &config, &ports)).1.verdict
    };
    assert_eq!((take(EVENTS), take(DEAD)), (Verdict::Delivered, Verdict::Dead));
    assert!(ports.dead.borrow().is_empty(), "nobody is asked");
}

#[test]
fn an_event_dies_before_its_queue_forgets_it() {
    for source in ["queued", "exact", "gone"] {
        let ports = Memory::default();
        let taken = if source == "gone" { "queued" } else { source };
        let message = queued(&post(taken, BODY)).replace("/webhooks/queued", &format!("/webhooks/{source}"));
        ports.origin_status.set(Some(500));
        ports.wait(19 * 3600);
        assert!(matches!(super::forward(&message, 30, &ports).0, Disposition::Retry(_)), "{source}");
        ports.wait(3600 - 600);
        let (disposition, record) = super::forward(&message, 40, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead), "{source}");
        let letter = ports.dead.borrow()[0].clone();
        super::note_dead_letter(&letter, &ports);
        assert_eq!(ports.letters.borrow().len(), 1, "{source}");
    }
}
