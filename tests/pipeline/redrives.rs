//! Redrives beside replays, jobs, pauses and other redrives of the same event: it is delivered once, and it never vanishes.

use super::jobs::{begin, call};
use super::memory::Memory;
use super::{BODY, Disposition, forward, note_dead_letter, post, serve};
use hookgate::record::Verdict;
use serde_json::{Value, json};

/// An event of `source` that the destination has refused. Returns its letter, which its queue has not handed over yet.
fn died(source: &str, ports: &Memory) -> String {
    assert_eq!(serve(&post(source, BODY), ports).answer.status, 200);
    dies(&ports.queue.take().remove(0), ports)
}

/// The destination refuses `message`. Returns the letter.
fn dies(message: &str, ports: &Memory) -> String {
    ports.origin_status.set(Some(410));
    assert_eq!(forward(message, 1, ports).1.verdict, Verdict::Dead);
    ports.origin_status.set(None);
    ports.wait(1);
    ports.sent.take();
    ports.dead.take().remove(0)
}

fn event(ports: &Memory) -> Value {
    let events = call("GET", "events", &Value::Null, ports)["events"].take();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    events[0].clone()
}

fn replay_one(ports: &Memory) -> String {
    let path = format!("events/{}/replay", event(ports)["id"].as_str().unwrap());
    call("POST", &path, &Value::Null, ports);
    ports.queue.take().remove(0)
}

/// Begins a job over the only event, and makes its first step. Returns its id and the message.
fn replay_by_job(body: &Value, ports: &Memory) -> (String, String) {
    let id = begin(body, ports);
    for (text, _) in ports.later.take() {
        assert_eq!(forward(&text, 1, ports).0, Disposition::Ack);
    }
    ports.wait(1);
    (id, ports.queue.take().remove(0))
}

fn replay_many(ports: &Memory) -> String {
    replay_by_job(&json!({}), ports).1
}

/// The ids of the letters that are listed.
fn listed(ports: &Memory) -> Vec<String> {
    let page = call("GET", "dead-letters", &Value::Null, ports);
    let letters = page["dead_letters"].as_array().unwrap();
    letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

/// Redrives all letters. Returns the messages.
fn redrive_all(ports: &Memory) -> Vec<String> {
    let done = call("POST", "dead-letters/redrive", &Value::Null, ports);
    assert_eq!(done["failed"], 0);
    let messages = ports.queue.take();
    assert_eq!(done["redriven"], messages.len());
    messages
}

const WAYS: [fn(&Memory) -> String; 2] = [replay_one, replay_many];

#[test]
fn an_event_that_is_replayed_before_its_letter_is_kept_is_not_delivered_again_by_a_redrive_of_all() {
    for replay in WAYS {
        for attempts in [1, 2] {
            let ports = Memory::default();
            let letter = died("queued", &ports);
            let message = replay(&ports);
            if attempts == 2 {
                // The replay is still under way when the letter comes.
                ports.origin_status.set(Some(503));
                assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Retried);
                ports.origin_status.set(None);
                ports.sent.take();
            } else {
                assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
            }
            assert_eq!(note_dead_letter(&letter, &ports).0, Disposition::Ack);
            assert_eq!(listed(&ports), [""; 0]);
            for message in redrive_all(&ports) {
                forward(&message, 1, &ports);
            }
            if attempts == 2 {
                forward(&message, 2, &ports);
            }
            assert_eq!(ports.sent.borrow().len(), 1);
            assert_eq!(event(&ports)["state"], "delivered");
        }
    }
}

#[test]
fn a_replay_that_dies_has_its_letter_although_the_letter_before_it_came_late() {
    for replay in WAYS {
        let ports = Memory::default();
        let first = died("queued", &ports);
        let second = dies(&replay(&ports), &ports);
        note_dead_letter(&second, &ports);
        note_dead_letter(&first, &ports);
        assert_eq!((listed(&ports).len(), event(&ports)["state"].clone()), (1, json!("dead")));
        // A replay of the replay, before anything else.
        let message = replay(&ports);
        assert_eq!(listed(&ports), [""; 0]);
        assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(redrive_all(&ports), [""; 0]);
    }
}

#[test]
fn a_letter_that_died_again_after_a_redrive_is_not_hidden_by_an_older_replay() {
    for replay in WAYS {
        let ports = Memory::default();
        note_dead_letter(&died("queued", &ports), &ports);
        let message = redrive_all(&ports).remove(0);
        // The second letter has the id of the first one, and comes after the replay.
        let second = dies(&message, &ports);
        let message = replay(&ports);
        note_dead_letter(&second, &ports);
        assert_eq!(listed(&ports), [""; 0]);
        let third = dies(&message, &ports);
        note_dead_letter(&third, &ports);
        let message = redrive_all(&ports).remove(0);
        let fourth = dies(&message, &ports);
        note_dead_letter(&fourth, &ports);
        assert_eq!(listed(&ports).len(), 1);
        assert_eq!(forward(&redrive_all(&ports)[0], 1, &ports).1.verdict, Verdict::Delivered);
    }
}
