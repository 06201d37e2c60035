//! Each acceptance of an event has a unique name. The name is in the message, in the dead letter and in the claim of the
//! delivery. If the event has no identity, the name is in the idempotency key too.

use super::memory::{Memory, NOW};
use super::{BODY, DEAD, block_on, config, consume, forward, kill_all, note_dead_letter, post, serve, sweep};
use hookgate::message::Event;
use hookgate::pipeline::Disposition;
use hookgate::record::Verdict;
use std::collections::BTreeSet;

fn idempotency_keys(ports: &Memory) -> BTreeSet<String> {
    let sent = ports.sent.borrow();
    let headers = sent.iter().flat_map(|sent| &sent.headers);
    headers.filter(|(name, _)| name == "idempotency-key").map(|(_, value)| value.clone()).collect()
}

#[test]
fn without_deduplication_events_with_the_same_bytes_make_one_dead_letter_each() {
    let ports = Memory::default();
    for _ in 0..4 {
        assert_eq!(serve(&post("bytes", BODY), &ports).answer.status, 200);
    }
    kill_all(&ports);
    assert_eq!((ports.letters.borrow().len(), idempotency_keys(&ports).len()), (4, 4));
}

#[test]
fn an_event_accepted_again_after_its_key_expired_has_another_dead_letter() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        kill_all(&ports);
        ports.letters.borrow_mut().note_redrives(true);
        // The key has expired in KV and in the objects.
        ports.known.borrow_mut().clear();
        ports.claims.borrow_mut().retain(|(_, name), _| name.contains('/'));
        ports.wait(8 * 86_400);
        let again = BODY.replace("2026-01-15", "2026-01-23");
        assert_eq!(serve(&post(source, again), &ports).record.unwrap().verdict, Verdict::Accepted);
        kill_all(&ports);
        assert_eq!(ports.letters.borrow().len(), 2, "{source}: the redriven letter does not hide the new one");
        assert_eq!(idempotency_keys(&ports).len(), 1, "{source}: the signed id makes it the same event");
    }
}

#[test]
fn an_exact_source_delivers_each_message_of_an_event_without_an_identity_once() {
    let ports = Memory::default();
    for _ in 0..2 {
        assert_eq!(serve(&post("faceless", BODY), &ports).answer.status, 200);
    }
    let messages = ports.queue.take();
    assert_eq!(messages.len(), 2, "no request is a duplicate");
    for message in &messages {
        assert_eq!(forward(message, 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(forward(message, 2, &ports).1.verdict, Verdict::Duplicate, "the queue hands the message over twice");
    }
    assert_eq!(idempotency_keys(&ports).len(), 2);
}

#[test]
fn an_acceptance_keeps_its_name_in_retries_and_redrives() {
    let ports = Memory::failing("enqueue");
    ports.fail_after.set(true);
    serve(&post("exact", BODY), &ports);
    ports.fail.set(None);
    serve(&post("exact", BODY), &ports);
    let events: Vec<Event> = ports.queue.borrow().iter().map(|text| Event::decode(text).unwrap()).collect();
    let names: BTreeSet<String> = events.iter().map(Event::claim_name).collect();
    assert_eq!((events.len(), names.len()), (2, 1), "one acceptance, twice in the queue");
    let ids: BTreeSet<String> = events.iter().map(Event::letter_id).collect();
    let redriven = Event::decode(&ports.queue.borrow()[0]).unwrap().redriven(NOW);
    assert_eq!((ids.len(), ids.contains(&redriven.letter_id())), (1, true));
}

#[test]
fn a_dead_letter_has_room_for_its_reason_with_a_body_of_any_size() {
    for source in ["exact", "queued"] {
        // Sizes around the largest message.
        for bytes in (94_000..96_000).step_by(37).chain(95_470..95_500) {
            let ports = Memory::default();
            let body = BODY.replace("user.created", &"x".repeat(bytes));
            serve(&post(source, body), &ports);
            kill_all(&ports);
            assert_eq!(ports.letters.borrow().len(), 1, "{source}, {bytes}");
            let letter = ports.letters.borrow()[0].clone();
            assert_eq!(letter.reason, "the origin answered 410", "{source}, {bytes}");
            assert!(letter.message.len() <= 127_900, "{}", letter.message.len());
            let redriven = Event::decode(&letter.message).unwrap().redriven(NOW);
            assert!(redriven.encode_again().is_ok(), "{source}, {bytes}");
        }
    }
}

/// The version before this one queued messages without an acceptance, of up to 127,800 bytes.
#[test]
fn a_message_of_the_version_before_dies_and_is_redriven_at_any_size() {
    let old = |bytes: usize| {
        let ports = Memory::default();
        serve(&post("exact", BODY.replace("user.created", &"x".repeat(1000))), &ports);
        let text = ports.queue.take().remove(0);
        let start = text.find(",\"acceptance\"").unwrap();
        let end = start + text[start + 1..].find(',').unwrap() + 1;
        let text = format!("{}{}", &text[..start], &text[end..]);
        // A header fills the message up to the size.
        let pad = bytes - text.len() - r#"[\"x-pad\",\"\"],"#.len();
        text.replacen("\"[[", &format!("\"[[\\\"x-pad\\\",\\\"{}\\\"],[", "p".repeat(pad)), 1)
    };
    for bytes in [120_000, 127_700, 127_760, 127_780, 127_790] {
        let text = old(bytes);
        assert!(text.len().abs_diff(bytes) < 12, "{}", text.len());
        let ports = Memory::default();
        ports.origin_status.set(Some(410));
        assert_eq!(forward(&text, 1, &ports).0, Disposition::Ack, "{bytes}");
        let letter = ports.dead.take().pop().unwrap();
        assert!(letter.len() <= 127_900, "{}", letter.len());
        assert_eq!(note_dead_letter(&letter, &ports).1.verdict, Verdict::Dead, "{bytes}");
        assert_eq!(ports.letters.borrow().len(), 1, "{bytes}");
        let redriven = Event::decode(&letter).unwrap().redriven(NOW);
        assert!(redriven.encode_again().is_ok(), "{bytes}");
        assert!(redriven.dead("the origin answered 410").encode_again().is_ok(), "{bytes}");
    }
}

#[test]
fn while_the_database_is_down_a_dead_letter_waits_in_the_bucket() {
    let ports = Memory::default();
    serve(&post("exact", BODY), &ports);
    ports.origin_status.set(Some(410));
    let message = ports.queue.take().remove(0);
    forward(&message, 1, &ports);
    let letter = ports.dead.take().remove(0);
    ports.fail.set(Some("keep"));
    for attempt in 1..=5 {
        let (disposition, record) = consume(DEAD, &letter, attempt, &ports);
        assert!(matches!(disposition, Disposition::Retry(_)), "{attempt}");
        assert_eq!((record.verdict, record.reason), (Verdict::Retried, Some("keep_failed")));
    }
    let (disposition, record) = consume(DEAD, &letter, 6, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    assert!(record.trouble.unwrap().ends_with("the letter waits in the bucket PAYLOADS"));
    assert_eq!(sweep(1, &ports).reason, Some("sweep_failed"), "the database is still down");
    assert_eq!(ports.payloads.borrow().len(), 1);
    ports.fail.set(None);
    assert_eq!(
        sweep(2, &ports).detail.as_deref(),
        Some("1 letters moved into the database, 0 dead letters, 0 stored bodies")
    );
    assert!(ports.payloads.borrow().is_empty());
    let kept = &ports.letters.borrow()[0];
    assert_eq!((kept.died, kept.reason.as_str(), &kept.message), (NOW, "the origin answered 410", &letter));
    // If the bucket fails too, the letter stays in its queue.
    let ports = Memory::failing("keep");
    ports.without.borrow_mut().insert("PAYLOADS");
    assert!(matches!(consume(DEAD, &letter, 60, &ports).0, Disposition::Retry(_)));
}

/// The pipeline reads the clock again when the body is complete, so a slow sender cannot keep a request fresh.
#[test]
fn a_request_ages_while_its_body_arrives() {
    let ports = Memory::default();
    ports.wait(3 * 3600);
    let answer = block_on(hookgate::serve::serve(&post("queued", BODY), &config(), &ports, NOW)).answer;
    assert_eq!(answer.status, 401, "the request was fresh when its head arrived and stale when its body was complete");
}
