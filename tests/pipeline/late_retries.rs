//! A retry that comes after another message has delivered the event: it is left out, and no event is lost.

use super::jobs::{begin, call};
use super::memory::Memory;
use super::{BODY, Disposition, forward, post, serve};
use hookgate::pipeline;
use hookgate::record::Verdict;
use pollster::block_on;
use serde_json::{Value, json};

/// One source for each `dedup`: `kv`, `exact` and `none`.
const SOURCES: [&str; 3] = ["queued", "exact", "repeating"];

/// An event of `source` whose first attempt failed. Returns its message, which the queue hands over again later.
fn failed_once(source: &str, ports: &Memory) -> String {
    assert_eq!(serve(&post(source, BODY), ports).answer.status, 200);
    let message = ports.queue.take().remove(0);
    ports.origin_status.set(Some(503));
    assert_eq!(forward(&message, 1, ports).1.verdict, Verdict::Retried);
    ports.origin_status.set(None);
    ports.wait(1);
    block_on(pipeline::write_log(ports));
    message
}

/// The details of the only event.
fn event(ports: &Memory) -> Value {
    let events = call("GET", "events", &Value::Null, ports)["events"].take();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    call("GET", &format!("events/{}", events[0]["id"].as_str().unwrap()), &Value::Null, ports)
}

fn replay_one(ports: &Memory) -> String {
    call("POST", &format!("events/{}/replay", event(ports)["id"].as_str().unwrap()), &Value::Null, ports);
    ports.queue.take().remove(0)
}

fn replay_by_job(ports: &Memory) -> String {
    begin(&json!({ "include_retrying": true }), ports);
    for (text, _) in ports.later.take() {
        assert_eq!(forward(&text, 1, ports).0, Disposition::Ack);
    }
    ports.queue.take().remove(0)
}

/// The destination answers `status` to a replay. The isolate writes its log.
fn end_replay(replay: &str, status: u16, ports: &Memory) {
    ports.origin_status.set(Some(status));
    forward(replay, 1, ports);
    ports.origin_status.set(None);
    block_on(pipeline::write_log(ports));
    ports.wait(600);
}

#[test]
fn a_retry_after_a_replay_has_delivered_the_event_is_left_out() {
    let ways: [fn(&Memory) -> String; 2] = [replay_one, replay_by_job];
    for (source, way) in SOURCES.into_iter().flat_map(|source| ways.map(|way| (source, way))) {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&way(&ports), 200, &ports);
        let before = event(&ports);
        let (disposition, record) = forward(&message, 2, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Duplicate), "{source}");
        assert_eq!(record.reason, Some("replay_obsolete"), "{source}");
        assert_eq!(ports.sent.borrow().len(), 2, "{source}: the first attempt and the replay");
        assert_eq!(event(&ports), before, "{source}");
        assert_eq!(
            (&before["state"], &before["next"], &before["attempts"]),
            (&json!("delivered"), &Value::Null, &json!(2))
        );
        assert!(ports.database.query("SELECT name FROM waiting").is_empty(), "{source}");
        assert!(ports.dead.borrow().is_empty(), "{source}");
    }
}

#[test]
fn a_retry_is_sent_if_the_replay_failed_too() {
    for (source, status) in SOURCES.into_iter().flat_map(|source| [(source, 503), (source, 410)]) {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&replay_one(&ports), status, &ports);
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered, "{source}, {status}");
        assert_eq!(event(&ports)["state"], "delivered", "{source}, {status}");
    }
}

#[test]
fn a_retry_is_sent_if_the_log_cannot_tell() {
    for source in SOURCES {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&replay_one(&ports), 200, &ports);
        ports.fail.set(Some("log"));
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered, "{source}");
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&replay_one(&ports), 200, &ports);
        ports.without.borrow_mut().insert("LOG");
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered, "{source}");
    }
}

#[test]
fn the_log_is_asked_once_before_a_retry_and_not_before_a_first_attempt() {
    for source in SOURCES {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        let message = ports.queue.take().remove(0);
        ports.origin_status.set(Some(503));
        for (attempt, reads) in [(1, 0), (2, 1), (3, 1)] {
            ports.steps();
            forward(&message, attempt, &ports);
            let steps = ports.steps();
            assert_eq!(steps.iter().filter(|step| **step == "log").count(), reads, "{source}, {attempt}: {steps:?}");
        }
    }
}

/// The row is of the newest replay. The message that is left out says nothing about it.
#[test]
fn a_retry_that_is_left_out_does_not_end_a_later_replay_in_the_log() {
    for source in SOURCES {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&replay_one(&ports), 200, &ports);
        let later = replay_one(&ports);
        end_replay(&later, 503, &ports);
        let before = event(&ports);
        assert_eq!(before["state"], "retrying", "{source}");
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Duplicate, "{source}");
        assert_eq!(event(&ports), before, "{source}");
        assert_eq!(forward(&later, 2, &ports).1.verdict, Verdict::Delivered, "{source}: the operator wants one more");
        assert_eq!(ports.sent.borrow().len(), 4, "{source}");
    }
}

#[test]
fn a_retry_whose_time_is_over_makes_no_dead_letter_of_a_delivered_event() {
    for source in SOURCES {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        end_replay(&replay_one(&ports), 200, &ports);
        ports.wait(6 * 24 * 3600);
        ports.origin_status.set(Some(503));
        assert_eq!(forward(&message, 40, &ports).1.verdict, Verdict::Duplicate, "{source}");
        assert!(ports.dead.borrow().is_empty(), "{source}");
        assert_eq!(event(&ports)["state"], "delivered", "{source}");
    }
}

#[test]
fn a_retry_of_a_replay_is_left_out_if_the_event_was_delivered_since_it_was_asked_for() {
    for source in SOURCES {
        // The event's own message delivers it, or another replay.
        for is_own in [true, false] {
            let ports = Memory::default();
            let message = failed_once(source, &ports);
            let replay = replay_one(&ports);
            end_replay(&replay, 503, &ports);
            let (other, attempt) = if is_own { (message, 2) } else { (replay_one(&ports), 1) };
            assert_eq!(forward(&other, attempt, &ports).1.verdict, Verdict::Delivered, "{source}, {is_own}");
            let before = event(&ports);
            ports.wait(60);
            ports.fail.set(Some("log"));
            assert_eq!(forward(&replay, 2, &ports).1.reason, Some("replay_check_failed"), "{source}, {is_own}");
            ports.fail.set(None);
            let (disposition, record) = forward(&replay, 3, &ports);
            assert_eq!((disposition, record.reason), (Disposition::Ack, Some("replay_obsolete")), "{source}, {is_own}");
            assert_eq!(ports.sent.borrow().len(), 3, "{source}, {is_own}");
            let after = event(&ports);
            let shown = |event: &Value| ["state", "next", "attempts", "delivered"].map(|name| event[name].clone());
            assert_eq!(shown(&after), shown(&before), "{source}, {is_own}");
        }
    }
}

#[test]
fn a_retry_of_a_job_over_delivered_events_is_sent() {
    for source in SOURCES {
        let ports = Memory::default();
        let message = failed_once(source, &ports);
        begin(&json!({ "include_retrying": true, "include_delivered": true }), &ports);
        for (text, _) in ports.later.take() {
            forward(&text, 1, &ports);
        }
        let of_job = ports.queue.take().remove(0);
        end_replay(&of_job, 503, &ports);
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered, "{source}");
        assert_eq!(forward(&of_job, 2, &ports).1.verdict, Verdict::Delivered, "{source}");
    }
}
