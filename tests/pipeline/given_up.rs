//! What the log says of an event that the queue itself gave up, and of an event that waits no more. The queue does not tell
//! the gateway which attempt is the last one.

use super::memory::{Memory, NOW};
use super::{BODY, Post, TOKEN, block_on, forward, json_of, note_dead_letter, post, queued, request, serve};
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Verdict;
use serde_json::{Value, json};
use std::time::Duration;

fn api(method: &'static str, path: &str, ports: &Memory) -> Value {
    let bearer = format!("Bearer {TOKEN}");
    let request = Post { path: format!("/api/{path}"), ..request(method, "", "", &[("authorization", &bearer)], "") };
    let answer = serve(&request, ports).answer;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    json_of(&answer)
}

/// The details of the only event.
fn event(ports: &Memory) -> Value {
    let page = api("GET", "events", ports);
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1), "{page}");
    api("GET", &format!("events/{}", page["events"][0]["id"].as_str().unwrap()), ports)
}

fn sum(column: &str, ports: &Memory) -> Value {
    block_on(pipeline::write_log(ports));
    ports.database.query(&format!("SELECT total({column}) AS sum FROM deliveries"))[0]["sum"].clone()
}

/// How many events wait, for the age of the backlog.
fn waiting(ports: &Memory) -> usize {
    block_on(pipeline::write_log(ports));
    ports.database.query("SELECT name FROM waiting").len()
}

/// An event with a failed attempt, and its message.
fn failed(source: &str, ports: &Memory) -> String {
    let message = queued(&post(source, BODY));
    ports.origin_status.set(Some(503));
    assert!(matches!(forward(&message, 1, ports).0, Disposition::Retry(_)));
    assert_eq!((&event(ports)["state"], waiting(ports)), (&json!("retrying"), 1));
    ports.origin_status.set(None);
    message
}

#[test]
fn an_event_that_the_queue_gave_up_is_dead_with_the_reason_of_its_last_attempt() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        let message = failed(source, &ports);
        ports.wait(36_000);
        // The queue may hand the letter over twice.
        for _ in 0..2 {
            assert_eq!(note_dead_letter(&message, &ports).0, Disposition::Ack);
            let event = event(&ports);
            let of = |name: &str| &event[name];
            assert_eq!(
                (of("state"), of("reason"), of("status")),
                (&json!("dead"), &json!("origin_failed"), &json!(503))
            );
            assert_eq!((of("attempts"), of("next_attempt")), (&json!(1), &Value::Null));
            let why = of("why").as_str().unwrap();
            assert!(why.contains("The reason: the origin answered 503; its retries ran out. "), "{why}");
        }
        assert_eq!((waiting(&ports), ports.letters.borrow().len()), (0, 1), "{source}");
        let rows = ports.database.query("SELECT destination, dead FROM deliveries WHERE dead > 0");
        assert_eq!(rows[0]["destination"], format!("https://origin.example/{source}"));
        // The alerts count the events that died, so a letter that comes twice may count twice, and never not at all.
        assert!(rows[0]["dead"].as_i64().unwrap() >= 1);
    }
}

#[test]
fn an_event_whose_other_message_was_delivered_is_not_dead() {
    let ports = Memory::default();
    let message = queued(&post("exact", BODY));
    forward(&message, 1, &ports);
    ports.wait(60);
    assert_eq!(note_dead_letter(&message, &ports).1.verdict, Verdict::Duplicate);
    assert_eq!((&event(&ports)["state"], sum("dead", &ports)), (&json!("delivered"), json!(0)));
}

#[test]
fn a_letter_that_the_database_does_not_take_is_dead_when_it_is_kept() {
    let ports = Memory::default();
    let message = failed("queued", &ports);
    ports.fail.set(Some("keep"));
    assert!(matches!(note_dead_letter(&message, &ports).0, Disposition::Retry(_)));
    ports.fail.set(None);
    assert_eq!(event(&ports)["state"], "retrying");
    note_dead_letter(&message, &ports);
    assert_eq!((&event(&ports)["state"], sum("dead", &ports)), (&json!("dead"), json!(1)));
}

#[test]
fn an_event_that_the_gateway_gave_up_counts_once() {
    // The destination refused the event, or no time is left after a failure that is no answer.
    for (fail, status, age) in [(None, Some(410), 0), (None, Some(503), 80_000), (Some("send"), None, 80_000)] {
        let ports = Memory::default();
        let message = queued(&post("queued", BODY));
        ports.now.set(Some(NOW));
        ports.wait(age);
        ports.fail.set(fail);
        ports.origin_status.set(status);
        assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Dead);
        ports.fail.set(None);
        let letter = ports.dead.borrow_mut().remove(0);
        assert_eq!(note_dead_letter(&letter, &ports).0, Disposition::Ack);
        assert_eq!((&event(&ports)["state"], sum("dead", &ports)), (&json!("dead"), json!(1)), "{fail:?} {status:?}");
        let why = event(&ports)["why"].as_str().unwrap().to_owned();
        assert!(!why.contains("retries ran out"), "the row says why already: {why}");
    }
}

#[test]
fn an_event_that_a_replay_or_a_redrive_delivers_waits_no_more() {
    let ports = Memory::default();
    failed("queued", &ports);
    let id = event(&ports)["id"].as_str().unwrap().to_owned();
    api("POST", &format!("events/{id}/replay"), &ports);
    let message = ports.queue.take().remove(0);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!((&event(&ports)["state"], waiting(&ports)), (&json!("delivered"), 0));
}

/// A message may come twice, and the isolate that saw the event wait may have a clock that is ahead.
#[test]
fn a_death_settles_the_event_whatever_the_clock_of_the_isolate_says() {
    for is_refused in [true, false] {
        let ports = Memory::default();
        let message = failed("queued", &ports);
        ports.now.set(Some(NOW.minus(Duration::from_secs(2))));
        ports.origin_status.set(Some(410));
        let record = if is_refused { forward(&message, 2, &ports).1 } else { note_dead_letter(&message, &ports).1 };
        assert_eq!(record.verdict, Verdict::Dead);
        assert_eq!((&event(&ports)["state"], waiting(&ports)), (&json!("dead"), 0), "{record:?}");
        assert_eq!(event(&ports)["next_attempt"], Value::Null);
    }
}

#[test]
fn a_death_that_is_written_late_does_not_settle_a_later_replay() {
    let ports = Memory::default();
    let message = failed("queued", &ports);
    let id = event(&ports)["id"].as_str().unwrap().to_owned();
    api("POST", &format!("events/{id}/replay"), &ports);
    let replayed = ports.queue.take().remove(0);
    ports.wait(60);
    ports.origin_status.set(Some(503));
    forward(&replayed, 1, &ports);
    assert_eq!(event(&ports)["state"], "retrying");
    ports.now.set(Some(NOW));
    ports.origin_status.set(Some(410));
    assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Dead);
    assert_eq!((&event(&ports)["state"], waiting(&ports)), (&json!("retrying"), 1));
}
