//! Replays of one event that come at the same time, in two isolates: the log of one does not know yet what the other did.

use super::jobs::{begin, call, sent};
use super::memory::Memory;
use super::{Disposition, forward};
use hookgate::record::Verdict;
use serde_json::{Value, json};

/// Begins a job over the only event. Returns its message.
fn message_of_job(body: &Value, ports: &Memory) -> String {
    begin(body, ports);
    for (text, _) in ports.later.take() {
        assert_eq!(forward(&text, 1, ports).0, Disposition::Ack);
    }
    ports.wait(1);
    ports.queue.take().remove(0)
}

#[test]
fn one_of_two_jobs_delivers_an_event_before_the_log_knows_it() {
    for (status, confirms, verdict, sends_in_all) in [
        (200, true, Verdict::Duplicate, 1),
        // Only the lease tells the second isolate that the first one may have delivered the event.
        (200, false, Verdict::Retried, 1),
        // The first job did not deliver the event, so the second one may.
        (503, true, Verdict::Delivered, 2),
        (410, true, Verdict::Delivered, 2),
    ] {
        let mut ports = Memory::default();
        sent("queued", 0..1, 410, &ports);
        let [first, second] = [json!({}), json!({ "rate": 7 })].map(|body| message_of_job(&body, &ports));
        ports.origin_status.set(Some(status));
        ports.fail.set((!confirms).then_some("confirm"));
        forward(&first, 1, &ports);
        ports.fail.set(None);
        ports.origin_status.set(None);
        // The other isolate. The first one has not written its log yet.
        let unwritten = std::mem::take(&mut ports.isolate);
        assert_eq!(forward(&second, 1, &ports).1.verdict, verdict, "{status}, {confirms}");
        assert_eq!(ports.sent.borrow().len(), sends_in_all, "{status}, {confirms}");
        drop(unwritten);
    }
}

#[test]
fn a_job_leaves_out_what_a_replay_of_one_event_or_a_redrive_has_delivered() {
    let replay = |ports: &Memory| {
        let events = call("GET", "events", &Value::Null, ports);
        format!("events/{}/replay", events["events"][0]["id"].as_str().unwrap())
    };
    let redrive = |ports: &Memory| format!("dead-letters/{}/redrive", ports.letters.borrow()[0].id);
    // An operator who replays one event asks for one more delivery. A redrive asks for none.
    let ways: [&dyn Fn(&Memory) -> String; 2] = [&replay, &redrive];
    for (path, sends_after_job) in ways.into_iter().zip([2, 1]) {
        for (asked, job_is_first, sends) in [
            (json!({}), false, 1),
            (json!({}), true, sends_after_job),
            (json!({ "include_delivered": true }), false, 2),
        ] {
            let mut ports = Memory::default();
            sent("queued", 0..1, 410, &ports);
            call("POST", &path(&ports), &Value::Null, &ports);
            let single = ports.queue.take().remove(0);
            let job = message_of_job(&asked, &ports);
            let (first, second) = if job_is_first { (job, single) } else { (single, job) };
            assert_eq!(forward(&first, 1, &ports).1.verdict, Verdict::Delivered);
            let unwritten = std::mem::take(&mut ports.isolate);
            forward(&second, 1, &ports);
            assert_eq!(ports.sent.borrow().len(), sends, "{asked}, {job_is_first}");
            drop(unwritten);
        }
    }
}
