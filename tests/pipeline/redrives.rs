//! Redrives beside replays, jobs, pauses and other redrives of the same event: it is delivered once, and it never vanishes.

use super::bodies::{large, with};
use super::jobs::{api, begin, call, sent};
use super::memory::{EVENTS, Memory};
use super::{BODY, Disposition, config, forward, json_of, note_dead_letter, post, serve, serve_as};
use hookgate::pipeline::{self, ReceivedMessage};
use hookgate::record::{Record, Verdict};
use pollster::block_on;
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

/// Consumes a message after a read of the pauses, and writes the log.
fn batch(message: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    let (pauses, _) = block_on(pipeline::read_pauses(ports));
    let handed = ReceivedMessage { text: message, queue: EVENTS, attempt, now: ports.now(), pauses: &pauses };
    let done = block_on(pipeline::consume(handed, &config(), ports));
    block_on(pipeline::write_log(ports));
    done
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

/// The note that the letter is on its way again may fail, or the Worker may die before it.
#[test]
fn a_redrive_of_an_event_that_was_delivered_since_is_left_out() {
    for (binding, source) in [("", "queued"), ("", "exact"), ("CLAIMS", "queued")] {
        for replay in WAYS {
            if !binding.is_empty() && std::ptr::fn_addr_eq(replay, WAYS[1]) {
                continue; // There are no jobs without CLAIMS.
            }
            let ports = Memory::default();
            let letter = died(source, &ports);
            let message = replay(&ports);
            ports.letters.take();
            note_dead_letter(&letter, &ports);
            let redriven = redrive_all(&ports);
            assert_eq!(redriven.len(), 1);
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
            let (disposition, record) = forward(&redriven[0], 1, &ports);
            assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Duplicate));
            assert_eq!(record.reason, Some("replay_obsolete"));
            assert_eq!(ports.sent.borrow().len(), 1);
            assert_eq!(event(&ports)["state"], "delivered");
        }
    }
}

#[test]
fn a_redrive_of_the_letter_of_a_replay_is_sent_although_the_event_was_delivered_before() {
    let ports = Memory::default();
    assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
    assert_eq!(forward(&ports.queue.take()[0], 1, &ports).1.verdict, Verdict::Delivered);
    ports.wait(1);
    for (message, is_sent) in
        [(replay_one(&ports), true), (replay_by_job(&json!({ "include_delivered": true }), &ports).1, true)]
    {
        note_dead_letter(&dies(&message, &ports), &ports);
        forward(&redrive_all(&ports)[0], 1, &ports);
        assert_eq!(ports.sent.take().len(), usize::from(is_sent));
    }
    // A job that wants no event twice: somebody else delivers the event after the job's replay has died.
    let ports = Memory::default();
    note_dead_letter(&died("queued", &ports), &ports);
    note_dead_letter(&dies(&replay_many(&ports), &ports), &ports);
    let redriven = redrive_all(&ports);
    assert_eq!(forward(&replay_one(&ports), 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(forward(&redriven[0], 1, &ports).1.verdict, Verdict::Duplicate);
    assert_eq!(ports.sent.take().len(), 1);
}

#[test]
fn an_event_of_a_cancelled_job_is_a_dead_letter_again() {
    for is_retrying in [false, true] {
        let ports = Memory::default();
        note_dead_letter(&died("queued", &ports), &ports);
        let (id, message) = replay_by_job(&json!({ "rate": 1 }), &ports);
        if is_retrying {
            ports.origin_status.set(Some(503));
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Retried);
            ports.origin_status.set(None);
            ports.sent.take();
        }
        assert_eq!(listed(&ports), [""; 0]);
        // As if the job had more events to send.
        ports.database.query("UPDATE jobs SET state = 'running' RETURNING id");
        call("POST", &format!("replay/{id}/cancel"), &Value::Null, &ports);
        let (disposition, record) = forward(&message, 2, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Dead));
        assert_eq!(record.reason, Some("replay_cancelled"));
        for letter in ports.dead.take() {
            note_dead_letter(&letter, &ports);
        }
        let event = event(&ports);
        assert_eq!((&event["state"], &event["reason"]), (&json!("dead"), &json!("replay_cancelled")));
        assert_eq!(listed(&ports).len(), 1);
        assert!(ports.sent.borrow().is_empty());
        assert_eq!(forward(&message, 3, &ports).1.verdict, Verdict::Duplicate, "the same message again");
        assert_eq!(forward(&redrive_all(&ports)[0], 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(ports.sent.borrow().len(), 1);
    }
}

#[test]
fn a_cancelled_job_makes_no_letter_of_an_event_that_was_not_dead() {
    for source in ["queued", "picky"] {
        let ports = Memory::default();
        sent(source, 0..1, 200, &ports);
        let asked = json!({ "include_delivered": true, "state": ["delivered", "filtered"], "rate": 1 });
        let (id, message) = replay_by_job(&asked, &ports);
        // As if the job had more events to send.
        ports.database.query("UPDATE jobs SET state = 'running' RETURNING id");
        call("POST", &format!("replay/{id}/cancel"), &Value::Null, &ports);
        let state = event(&ports)["state"].clone();
        assert_eq!(forward(&message, 1, &ports).1.reason, Some("replay_obsolete"));
        assert_eq!((ports.dead.take().len(), event(&ports)["state"].clone()), (0, state));
    }
}

#[test]
fn two_operators_redrive_one_letter_and_the_event_is_delivered_once() {
    for source in ["queued", "exact", "repeating"] {
        let ports = Memory::default();
        note_dead_letter(&died(source, &ports), &ports);
        let path = format!("dead-letters/{}/redrive", listed(&ports)[0]);
        // The first redrive dies before its note, so a second one may take the letter when the lease is over.
        ports.fail.set(Some("note redriven"));
        assert_eq!(serve(&api("POST", &path, &Value::Null), &ports).answer.status, 503);
        assert_eq!(serve(&api("POST", &path, &Value::Null), &ports).answer.status, 404, "the first one has the lease");
        ports.fail.set(None);
        ports.wait(61);
        call("POST", &path, &Value::Null, &ports);
        assert_eq!(serve(&api("POST", &path, &Value::Null), &ports).answer.status, 404);
        let messages = ports.queue.take();
        assert_eq!(messages.len(), 2);
        assert_eq!(forward(&messages[0], 1, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(forward(&messages[1], 1, &ports).1.verdict, Verdict::Duplicate, "{source}");
        assert_eq!(ports.sent.borrow().len(), 1, "{source}");
    }
}

#[test]
fn a_redrive_during_a_pause_waits_and_is_delivered_once() {
    let ports = Memory::default();
    note_dead_letter(&died("queued", &ports), &ports);
    call("POST", "sources/queued/pause", &json!({}), &ports);
    let message = redrive_all(&ports).remove(0);
    assert_eq!(batch(&message, 1, &ports).1.reason, Some("paused"));
    assert_eq!((listed(&ports), event(&ports)["state"].clone()), (vec![], json!("paused")));
    // Neither a second redrive nor a job sends it too.
    assert_eq!(redrive_all(&ports), [""; 0]);
    assert_eq!(call("POST", "replay", &json!({}), &ports)["selected"], 0);
    call("POST", "sources/queued/resume", &Value::Null, &ports);
    assert_eq!(batch(&message, 2, &ports).1.verdict, Verdict::Delivered);
    assert_eq!((ports.sent.borrow().len(), event(&ports)["state"].clone()), (1, json!("delivered")));
}

#[test]
fn a_message_that_waited_after_the_event_was_delivered_waits_in_the_log_no_more() {
    let redrive = |ports: &Memory| redrive_all(ports).remove(0);
    let ways: [&dyn Fn(&Memory) -> String; 2] = [&redrive, &replay_many];
    for way in ways {
        let ports = Memory::default();
        note_dead_letter(&died("queued", &ports), &ports);
        let message = way(&ports);
        assert_eq!(forward(&replay_one(&ports), 1, &ports).1.verdict, Verdict::Delivered);
        block_on(pipeline::write_log(&ports));
        call("POST", "sources/queued/pause", &json!({}), &ports);
        ports.wait(1);
        assert_eq!(batch(&message, 1, &ports).1.reason, Some("paused"));
        call("POST", "sources/queued/resume", &Value::Null, &ports);
        ports.wait(1);
        assert_eq!(batch(&message, 2, &ports).1.reason, Some("replay_obsolete"));
        assert_eq!((ports.sent.borrow().len(), event(&ports)["state"].clone()), (1, json!("delivered")));
        assert_eq!(ports.database.query("SELECT name FROM waiting").len(), 0);
    }
}

#[test]
fn a_redriven_message_that_the_queue_gave_up_does_not_wait_again_because_of_its_copy() {
    let ports = Memory::default();
    note_dead_letter(&died("exact", &ports), &ports);
    let message = redrive_all(&ports).remove(0);
    call("POST", "sources/exact/pause", &json!({}), &ports);
    assert_eq!(batch(&message, 1, &ports).1.reason, Some("paused"));
    assert_eq!(note_dead_letter(&message, &ports).1.verdict, Verdict::Dead);
    assert_eq!(event(&ports)["state"], "dead");
    ports.wait(10);
    assert_eq!(batch(&message, 2, &ports).1.reason, Some("paused"));
    assert_eq!((listed(&ports).len(), event(&ports)["state"].clone()), (1, json!("dead")));
    call("POST", "sources/exact/resume", &Value::Null, &ports);
    assert_eq!(batch(&message, 3, &ports).1.verdict, Verdict::Duplicate);
    assert_eq!(event(&ports)["state"], "dead");
}

#[test]
fn forgetting_the_key_of_a_redriven_event_neither_loses_it_nor_doubles_it() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        note_dead_letter(&died(source, &ports), &ports);
        let key = ports.letters.borrow()[0].key.clone();
        let message = redrive_all(&ports).remove(0);
        let forget = format!("keys?source={source}&key={key}");
        assert_eq!(call("DELETE", &forget, &Value::Null, &ports)["forgotten"], true);
        assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
        call("DELETE", &forget, &Value::Null, &ports);
        if source == "exact" {
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Duplicate);
        }
        assert_eq!(ports.sent.borrow().len(), 1, "{source}");
        // The provider's next request is a new event: that is what the operator asked for.
        assert_eq!(serve(&post(source, BODY), &ports).answer.status, 200);
        assert_eq!(forward(&ports.queue.take()[0], 1, &ports).1.verdict, Verdict::Delivered);
    }
}

/// Its row keeps the body, and the message has a copy in R2.
#[test]
fn a_large_filtered_event_can_be_replayed_again_after_a_redrive() {
    let ports = Memory::default();
    let unwanted = with(json!({ "events": ["invoice.*"] }));
    assert_eq!(json_of(&serve_as(&post("queued", large()), &unwanted, &ports).answer)["filtered"], true);
    let letter = dies(&replay_one(&ports), &ports);
    note_dead_letter(&letter, &ports);
    let letter = dies(&redrive_all(&ports)[0], &ports);
    note_dead_letter(&letter, &ports);
    assert_eq!(forward(&replay_one(&ports), 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(event(&ports)["state"], "delivered");
}
