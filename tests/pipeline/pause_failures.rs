//! Pauses while a part of the gateway fails.

use super::memory::Memory;
use super::pauses::{accepted, batch, call_as, config, pause, resume, waits};
use hookgate::database::{Rows, Statement};
use hookgate::pause::Pauses;
use hookgate::pipeline::ports::Database;
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Verdict;
use pollster::block_on;

#[test]
fn a_dead_letter_that_fails_on_its_way_is_tried_again() {
    let ports = Memory::default();
    pause("exact", &ports);
    let message = accepted("exact", &ports);
    ports.wait(20 * 3600);
    for step in ["claim", "bury"] {
        ports.fail.set(Some(step));
        let (disposition, _) = batch(&message, 40, &ports);
        // A claim that fails has no time for another attempt, so the letter's consumer claims the delivery.
        assert_eq!(disposition == Disposition::Ack, step == "claim", "{step}");
        ports.fail.set(None);
    }
    assert_eq!(batch(&message, 41, &ports).1.reason, Some("paused_too_long"));
    assert!(ports.sent.borrow().is_empty());
}

/// The log never fails a delivery: an unreadable pause holds the sources that the isolate knows, and no other.
#[test]
fn a_database_that_fails_keeps_what_the_isolate_knows() {
    let ports = Memory::default();
    let message = accepted("queued", &ports);
    pause("queued", &ports);
    ports.fail.set(Some("log"));
    let (pauses, told) = block_on(pipeline::read_pauses(&ports));
    let told = told.unwrap();
    assert_eq!((pauses, told.reason), (Pauses::default(), Some("pauses_unknown")));
    assert!(
        told.detail
            .unwrap()
            .ends_with("this isolate knows of no paused source, so it delivers the events of every source")
    );
    ports.fail.set(None);
    block_on(pipeline::read_pauses(&ports));
    ports.fail.set(Some("log"));
    assert_eq!(batch(&message, 1, &ports).0, waits(5), "as it knew before");
    let told = block_on(pipeline::read_pauses(&ports)).1.unwrap();
    assert!(told.detail.unwrap().ends_with("this isolate holds the events of queued, as it knew before"));
    ports.fail.set(None);
    resume("queued", &ports);
    assert_eq!(batch(&message, 2, &ports).1.verdict, Verdict::Delivered);
}

#[test]
fn a_call_that_fails_at_any_step_can_be_made_again() {
    for (step, after) in [("audit", false), ("audit", true), ("log", false), ("log", true)] {
        let ports = Memory::default();
        let fail = |ports: &Memory| {
            ports.fail.set(Some(step));
            ports.fail_after.set(after);
        };
        let is_paused = |ports: &Memory| !ports.database.query("SELECT * FROM pauses").is_empty();
        fail(&ports);
        let (status, _, record) = call_as("POST", "sources/queued/pause", "", &config(), &ports);
        let reason = if step == "audit" { "audit_failed" } else { "pause_failed" };
        assert_eq!((status, record.reason), (503, Some(reason)));
        assert_eq!(is_paused(&ports), (step, after) == ("log", true));
        ports.fail.set(None);
        assert_eq!(pause("queued", &ports)["paused"], true);
        fail(&ports);
        let (status, _, record) = call_as("POST", "sources/queued/resume", "", &config(), &ports);
        assert_eq!((status, record.reason), (503, Some(reason)));
        assert_eq!(is_paused(&ports), (step, after) != ("log", true));
        ports.fail.set(None);
        assert_eq!(resume("queued", &ports)["paused"], false);
    }
}

/// An upgrade: the database has rows of a version with other columns, or the read returns nonsense.
#[test]
fn rows_that_cannot_be_read_are_no_pause_and_are_told() {
    let ports = Memory::default();
    let rows =
        block_on(ports.run(vec![Statement::new("SELECT 'queued' AS source, 'soon' AS since, NULL AS reason", [])]));
    assert!(Pauses::of(rows.unwrap().remove(0)).unwrap_err().contains("a row of D1"));
    assert_eq!(Pauses::of(Rows::default()), Ok(Pauses::default()));
}
