//! Each acceptance of an event has a name of its own: in its message, its dead letter, the claim of its delivery, and where
//! nothing else tells events apart, in its idempotency key.

use super::memory::{Memory, NOW};
use super::{BODY, block_on, forward, note_dead_letter, post, serve};
use hookgate::delivery::Event;
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Verdict;
use std::collections::BTreeSet;
use std::time::Duration;

fn idempotency_keys(ports: &Memory) -> BTreeSet<String> {
    let sent = ports.sent.borrow();
    let headers = sent.iter().flat_map(|sent| &sent.headers);
    headers.filter(|(name, _)| name == "idempotency-key").map(|(_, value)| value.clone()).collect()
}

/// Kills whatever is in the queue, and keeps the letters.
fn kill_all(ports: &Memory) {
    ports.origin_status.set(Some(410));
    for message in ports.queue.take() {
        forward(&message, 1, ports);
    }
    ports.origin_status.set(None);
    for letter in ports.dead.take() {
        note_dead_letter(&letter, ports);
    }
}

#[test]
fn events_with_the_same_bytes_that_nobody_takes_for_duplicates_die_as_many_letters() {
    let ports = Memory::default();
    for _ in 0..4 {
        assert_eq!(serve(&post("bytes", BODY), &ports).answer.status, 200);
    }
    kill_all(&ports);
    assert_eq!((ports.letters.borrow().len(), idempotency_keys(&ports).len()), (4, 4));
}

#[test]
fn an_event_that_is_accepted_once_more_after_its_key_is_forgotten_has_a_letter_of_its_own() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        kill_all(&ports);
        let id = ports.letters.borrow()[0].id.clone();
        ports.redriven.borrow_mut().insert(id);
        // Its time in KV and in the objects is over.
        ports.known.borrow_mut().clear();
        ports.claims.borrow_mut().retain(|(_, name), _| name.contains('/'));
        ports.wait(8 * 86_400);
        let again = BODY.replace("2026-01-15", "2026-01-23");
        assert_eq!(serve(&post(source, again), &ports).record.unwrap().verdict, Verdict::Accepted);
        kill_all(&ports);
        assert_eq!(ports.letters.borrow().len(), 2, "{source}: the one that was redriven swallows nothing");
        assert_eq!(idempotency_keys(&ports).len(), 1, "{source}: it is the same event, by its signed id");
    }
}

#[test]
fn a_message_of_an_event_without_an_identity_is_delivered_once_where_the_source_is_exact() {
    let ports = Memory::default();
    for _ in 0..2 {
        assert_eq!(serve(&post("faceless", BODY), &ports).answer.status, 200);
    }
    let messages = ports.queue.take();
    assert_eq!(messages.len(), 2, "nothing is a duplicate");
    for message in &messages {
        assert_eq!(forward(message, 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(forward(message, 2, &ports).1.verdict, Verdict::Duplicate, "the queue gives it twice");
    }
    assert_eq!(idempotency_keys(&ports).len(), 2);
}

#[test]
fn an_acceptance_keeps_its_name_through_retries_and_redrives() {
    let ports = Memory::failing("enqueue");
    ports.fail_after.set(true);
    serve(&post("exact", BODY), &ports);
    ports.fail.set(None);
    serve(&post("exact", BODY), &ports);
    let names: BTreeSet<String> =
        ports.queue.borrow().iter().map(|text| Event::decode(text).unwrap().claim_name()).collect();
    assert_eq!((ports.queue.borrow().len(), names.len()), (2, 1), "one acceptance, in the queue twice");
    let ids: BTreeSet<String> =
        ports.queue.borrow().iter().map(|text| Event::decode(text).unwrap().letter_id()).collect();
    let redriven = Event::decode(&ports.queue.borrow()[0]).unwrap().redriven(NOW);
    assert_eq!((ids.len(), ids.contains(&redriven.letter_id())), (1, true));
}

#[test]
fn a_letter_always_has_room_for_its_reason_whatever_the_body_has() {
    for source in ["exact", "queued"] {
        // Every size around what a message can hold.
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

/// As the version before this one queued it: without an acceptance, and of any size up to 127,800 bytes.
#[test]
fn a_message_of_the_version_before_dies_and_is_redriven_at_any_size() {
    let old = |bytes: usize| {
        let ports = Memory::default();
        serve(&post("exact", BODY.replace("user.created", &"x".repeat(1000))), &ports);
        let text = ports.queue.take().remove(0);
        let start = text.find(",\"acceptance\"").unwrap();
        let end = start + text[start + 1..].find(',').unwrap() + 1;
        let text = format!("{}{}", &text[..start], &text[end..]);
        // A header makes up for what is missing.
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
        assert_eq!(ports.letters.borrow().len(), 1, "{bytes}: no reason is no delivery");
        let redriven = Event::decode(&letter).unwrap().redriven(NOW);
        assert!(redriven.encode_again().is_ok(), "{bytes}");
        assert!(redriven.dead("the origin answered 410").encode_again().is_ok(), "{bytes}");
    }
}

#[test]
fn letters_that_no_database_takes_wait_in_the_bucket_and_come_in_later() {
    let ports = Memory::default();
    serve(&post("exact", BODY), &ports);
    ports.origin_status.set(Some(410));
    let message = ports.queue.take().remove(0);
    forward(&message, 1, &ports);
    let letter = ports.dead.take().remove(0);
    ports.fail.set(Some("keep"));
    for attempt in 1..=5 {
        assert!(matches!(super::consume(super::DEAD, &letter, attempt, &ports).0, Disposition::Retry(_)), "{attempt}");
    }
    let (disposition, record) = super::consume(super::DEAD, &letter, 6, &ports);
    assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
    assert!(record.trouble.unwrap().ends_with("the letter waits in the bucket PAYLOADS"));
    let sweep = |days: u64| block_on(pipeline::sweep(&ports, NOW.plus(Duration::from_secs(days * 86_400))));
    assert_eq!(sweep(1).reason, Some("sweep_failed"), "the database is still away");
    assert_eq!(ports.payloads.borrow().len(), 1);
    ports.fail.set(None);
    assert_eq!(sweep(2).detail.as_deref(), Some("1 letters brought in, 0 dead letters, 0 stored bodies"));
    assert!(ports.payloads.borrow().is_empty());
    let kept = &ports.letters.borrow()[0];
    assert_eq!((kept.died, kept.reason.as_str(), &kept.message), (NOW, "the origin answered 410", &letter));
    // Where the bucket fails as well, the letter stays in its queue.
    let ports = Memory::failing("keep");
    ports.without.borrow_mut().insert("PAYLOADS");
    assert!(matches!(super::consume(super::DEAD, &letter, 60, &ports).0, Disposition::Retry(_)));
}

/// The clock is read when the body is there: whoever trickles it does not stop the time.
#[test]
fn a_request_ages_while_its_body_arrives() {
    let ports = Memory::default();
    let request = post("queued", BODY);
    let (config, began) = (super::config(), NOW);
    ports.wait(3 * 3600);
    let answer = block_on(pipeline::serve(&request, &config, &ports, began)).answer;
    assert_eq!(answer.status, 401, "fresh when its head arrived, and stale when its body had");
}
