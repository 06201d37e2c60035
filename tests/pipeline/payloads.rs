//! Bodies that no queue message can hold.

use super::memory::Memory;
use super::{BODY, NOW, Post, SIGNING, forward, note_dead_letter, post, queued, refusal, retried, serve};
use hookgate::message::{DecodeError, Event};
use hookgate::pipeline::Disposition;
use hookgate::record::Verdict;
use hookgate_verify::Secret;

fn large(source: &str) -> Post {
    post(source, BODY.replace("user.created", &"x".repeat(120_000)))
}

/// Serves a large event; returns its message.
fn spilled(ports: &Memory, source: &str) -> String {
    assert_eq!(serve(&large(source), ports).answer.status, 200);
    ports.queue.borrow_mut().remove(0)
}

/// The stored bodies. An empty body is the mark of a delivery.
fn bodies(ports: &Memory) -> Vec<Vec<u8>> {
    ports.payloads.borrow().values().map(|(_, body)| body.clone()).collect()
}

#[test]
fn a_large_body_is_stored_before_its_message_is_sent_and_marked_after_its_delivery() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        let message = spilled(&ports, source);
        let steps = ports.steps();
        assert!(steps.windows(2).any(|pair| pair == ["store", "enqueue"]), "{steps:?}");
        let event = Event::decode(&message).unwrap();
        let name = event.payload().unwrap();
        assert!(name.starts_with(&format!("{}/", event.key())), "{name}");
        assert!(event.body().is_empty() && message.len() < 2000);
        let body = large(source).body.unwrap();
        assert_eq!(ports.payloads.borrow()[name].1, body);
        let (disposition, record) = forward(&message, 1, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Delivered));
        assert_eq!(record.body_bytes, Some(body.len() as u64));
        assert_eq!(ports.sent.borrow()[0].body, body);
        let key = Secret::new(SIGNING).unwrap().standard_webhooks_key().unwrap();
        for (name, value) in key.standard_webhooks(&event.key().to_string(), NOW, &body) {
            assert!(ports.sent.borrow()[0].headers.contains(&(name.to_owned(), value)), "{name}");
        }
        assert!(ports.payloads.borrow()[name].1 == body, "the log keeps it");
        assert_eq!(ports.payloads.borrow()[&format!("delivered/{name}")].1, b"", "and a mark is beside it");
        // The queue gives the message once more.
        let (disposition, record) = forward(&message, 2, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Duplicate));
        assert_eq!(ports.sent.borrow().len(), 1);
    }
}

#[test]
fn each_message_has_a_body_of_its_own() {
    let ports = Memory::failing("enqueue");
    ports.fail_after.set(true);
    assert_eq!(refusal(&large("queued"), &ports), (503, "enqueue_failed"));
    assert_eq!(ports.payloads.borrow().len(), 1, "which stays: the message may be in the queue");
    ports.fail.set(None);
    assert_eq!(serve(&large("queued"), &ports).answer.status, 200);
    assert_eq!(ports.payloads.borrow().len(), 2);
    for message in ports.queue.take() {
        assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    }
    let marks = ports.payloads.borrow().keys().filter(|name| name.starts_with("delivered/")).count();
    assert_eq!((marks, ports.payloads.borrow().len()), (2, 4), "and a mark of its own");
}

#[test]
fn a_body_that_is_missing_is_a_dead_letter_and_never_a_delivery() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        let message = spilled(&ports, source);
        ports.payloads.borrow_mut().clear();
        let (disposition, record) = forward(&message, 1, &ports);
        assert_eq!(
            (disposition, record.verdict, record.reason),
            (Disposition::Ack, Verdict::Dead, Some("body_missing"))
        );
        let letter = ports.dead.borrow_mut().remove(0);
        note_dead_letter(&letter, &ports);
        assert!(ports.letters.borrow()[0].reason.starts_with("its body is missing from the bucket PAYLOADS"));
        assert!(ports.sent.borrow().is_empty());
    }
}

#[test]
fn a_failure_of_the_store_loses_nothing() {
    let ports = Memory::failing("store");
    assert_eq!(refusal(&large("exact"), &ports), (503, "store_failed"));
    assert_eq!(ports.steps().last(), Some(&"release"));
    assert!(ports.queue.borrow().is_empty());
    ports.fail.set(None);
    let message = spilled(&ports, "exact");
    ports.fail.set(Some("load"));
    let (disposition, record) = forward(&message, 1, &ports);
    assert!(retried(&disposition, 5));
    assert_eq!(record.reason, Some("load_failed"));
    ports.fail.set(Some("store"));
    let (disposition, record) = forward(&message, 2, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Delivered));
    assert!(record.trouble.unwrap().starts_with("mark_failed: "), "the sweep finds it");
}

#[test]
fn a_body_stays_until_the_origin_has_accepted_it() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        let message = spilled(&ports, source);
        let body = large(source).body.unwrap();
        for (status, verdict) in [(500, Verdict::Retried), (410, Verdict::Dead)] {
            ports.origin_status.set(Some(status));
            assert_eq!(forward(&message, 1, &ports).1.verdict, verdict);
            assert_eq!(bodies(&ports), std::slice::from_ref(&body), "the body itself, and no mark");
        }
        let letter = ports.dead.borrow()[0].clone();
        note_dead_letter(&letter, &ports);
        let letters = ports.letters.borrow();
        assert_eq!(letters[0].payload.as_ref(), ports.payloads.borrow().keys().next());
        assert_eq!(letters[0].bytes, body.len() as u64);
    }
}

#[test]
fn a_message_without_exactly_one_body_is_refused() {
    let (inside, beside) = (queued(&post("queued", BODY)), spilled(&Memory::default(), "queued"));
    for message in [
        inside.replace("data_base64", "data"),
        inside.replace("\"specversion\"", "\"payload\":\"key/a\",\"specversion\""),
        inside.replace("\"specversion\"", "\"payloadbytes\":1,\"specversion\""),
        beside.replace("\"payload\"", "\"elsewhere\""),
        beside.replace("\"payloadbytes\"", "\"elsewhere\""),
    ] {
        assert!(matches!(Event::decode(&message), Err(DecodeError::Body)), "{message}");
    }
}

#[test]
fn a_message_with_a_missing_or_wrong_attribute_is_malformed() {
    let message = queued(&post("queued", BODY));
    for (ours, wrong) in [
        ("\"dedupkey\":", "\"other\":"),
        ("\"dedupkey\":\"", "\"dedupkey\":\"0"),
        ("\"source\":\"/webhooks/", "\"source\":\"/elsewhere/"),
        ("\"specversion\":\"1.0\"", "\"specversion\":1"),
        ("\"specversion\":\"1.0\"", "\"specversion\":\"1.0\",\"redrive\":-1"),
        ("\"data_base64\":\"", "\"data_base64\":\"!"),
        ("\"headers\":\"[[", "\"headers\":\"[[1,"),
    ] {
        assert!(message.contains(ours), "{message}");
        let foreign = message.replace(ours, wrong);
        assert!(matches!(Event::decode(&foreign), Err(DecodeError::Malformed(_))), "{foreign}");
    }
}
