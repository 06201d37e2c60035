//! When the bodies in R2 are deleted: with the row of their event, and never while something names them.

use super::bodies::{DAY, bodies, delivered, id, large, pass, replayed, sweep, with};
use super::memory::Memory;
use super::{block_on, forward_as, note_dead_letter, post, serve_as};
use hookgate::pipeline;
use hookgate::record::Verdict;
use serde_json::json;

#[test]
fn the_body_goes_with_its_row_and_the_mark_stays_as_long_as_a_copy_may_come() {
    for (keys, days) in [(json!({}), 7), (json!({ "log_bodies": "1d" }), 1), (json!({ "log_bodies": "30d" }), 30)] {
        let (config, ports) = (with(keys.clone()), Memory::default());
        let (message, name) = delivered(&large(), &config, &ports);
        let rows = || ports.database.query("SELECT name FROM log_events").len();
        id(&ports);
        let mut seen_gone = None;
        for day in 0..33 {
            let record = sweep(&config, &ports);
            assert_eq!(bodies(&ports).len(), rows(), "{keys}: day {day}");
            if rows() == 0 && seen_gone.is_none() {
                seen_gone = Some(day);
                let detail = record.detail.unwrap();
                assert!(detail.contains("rows of the log with 1 stored bodies"), "{detail}");
            }
            let has_mark = ports.payloads.borrow().contains_key(&format!("delivered/{name}"));
            assert_eq!(has_mark, day <= 31, "{keys}: day {day}");
            if has_mark {
                assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Duplicate, "{keys}: day {day}");
            }
            ports.wait(DAY);
        }
        assert_eq!(seen_gone, Some(days + 1), "{keys}");
        assert!(ports.payloads.borrow().is_empty());
    }
}

#[test]
fn a_body_that_a_letter_or_a_message_may_need_outlives_its_row() {
    let config = with(json!({ "log_bodies": "1d" }));
    // 1. A message that waits, for example because its source is paused.
    let ports = Memory::default();
    assert_eq!(serve_as(&post("queued", large()), &config, &ports).answer.status, 200);
    let waiting = ports.queue.take().remove(0);
    ports.origin_status.set(Some(503));
    forward_as(&waiting, &config, &ports);
    ports.origin_status.set(None);
    id(&ports);
    pass(10, &config, &ports);
    assert_eq!((ports.database.query("SELECT name FROM log_events").len(), bodies(&ports).len()), (0, 1));
    assert_eq!(forward_as(&waiting, &config, &ports).1.verdict, Verdict::Delivered);

    // 2. A message of a replay.
    let ports = Memory::default();
    delivered(&large(), &config, &ports);
    let replay = replayed(&config, &ports);
    pass(10, &config, &ports);
    assert_eq!((ports.database.query("SELECT name FROM log_events").len(), bodies(&ports).len()), (0, 1));
    assert_eq!(forward_as(&replay, &config, &ports).1.verdict, Verdict::Delivered);
    assert!(ports.sent.borrow()[1].body == large().as_bytes());
    // The mark is as old as the delivery.
    pass(32, &config, &ports);
    assert!(ports.payloads.borrow().is_empty(), "{:?}", bodies(&ports));
    assert!(ports.database.query("SELECT payload FROM held_bodies").is_empty());

    // 3. A dead letter of a second copy. Its redrive is a duplicate, so its mark stays too.
    let ports = Memory::default();
    let (message, name) = delivered(&large(), &config, &ports);
    id(&ports);
    note_dead_letter(&message, &ports);
    ports.letters.borrow_mut()[0].letter.expires = ports.now().plus(std::time::Duration::from_secs(50 * DAY));
    pass(40, &config, &ports);
    assert_eq!(bodies(&ports), [name]);
    assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Duplicate);
    pass(11, &config, &ports);
    assert!(ports.payloads.borrow().is_empty());
}

#[test]
fn a_crash_between_the_row_and_its_body_leaves_nothing_in_the_end() {
    let (config, ports) = (with(json!({})), Memory::default());
    delivered(&large(), &config, &ports);
    id(&ports);
    ports.wait(7 * DAY + DAY / 2);
    ports.fail.set(Some("discard"));
    let record = block_on(pipeline::sweep(&ports, &config, ports.now()));
    assert!(record.trouble.unwrap().starts_with("log_sweep"));
    ports.fail.set(None);
    assert_eq!((ports.database.query("SELECT name FROM log_events").len(), bodies(&ports).len()), (0, 1));
    pass(25, &config, &ports);
    assert!(ports.payloads.borrow().is_empty());
}

/// The fake bucket has two names in a page, so a run looks at a hundred names.
#[test]
fn names_behind_those_of_many_young_objects_are_deleted_too() {
    let (config, ports) = (with(json!({})), Memory::default());
    let store = |name: String| ports.payloads.borrow_mut().store(name, b"x".to_vec(), ports.now());
    store("f0/old".to_owned());
    store("delivered/f0/old".to_owned());
    store("copies/f0/old".to_owned());
    ports.wait(32 * DAY);
    for young in 0..150 {
        store(format!("0/{young}"));
    }
    for _ in 0..33 {
        sweep(&config, &ports);
        ports.wait(3600);
    }
    assert_eq!(ports.payloads.borrow().len(), 150);
}
