//! Jobs that are interrupted: a failure at each step, a lost message, a cancelled job, and two jobs at once.

use super::bodies::{large, with};
use super::jobs::{api, begin, call, numbers, progress, run, sends, sent};
use super::memory::Memory;
use super::{Disposition, forward, json_of, post, serve, serve_as, sweep};
use hookgate::record::Verdict;
use serde_json::{Value, json};

#[test]
fn after_a_failure_at_each_step_each_event_is_sent_once() {
    for step in ["log", "enqueue", "enqueue later", "claim", "confirm", "send"] {
        for is_after in [false, true] {
            for place in 0..6 {
                let ports = Memory::default();
                sent("queued", 0..5, 200, &ports);
                sent("repeating", 5..16, 410, &ports);
                let id = begin(&json!({ "rate": 1 }), &ports);
                // Let some steps pass before the failure.
                let mut later = ports.later.take();
                for _ in 0..place {
                    let Some((text, _)) = later.pop() else { break };
                    ports.wait(30);
                    forward(&text, 1, &ports);
                    later.extend(ports.later.take());
                    if place % 2 == 0 {
                        ports.queue.take().iter().for_each(|message| drop(forward(message, 1, &ports)));
                    }
                }
                ports.later.borrow_mut().extend(later);
                ports.fail.set(Some(step));
                ports.fail_once.set(true);
                ports.fail_after.set(is_after);
                run(400, &ports);
                ports.fail.set(None);
                let (sends, done) = (sends(&ports), progress(&id, &ports));
                assert_eq!(sends.len(), 11, "{step} {is_after} {place}: {done}");
                // An attempt whose answer is lost is made again, and so is one that could not be confirmed.
                let most = if is_after && matches!(step, "send") { 2 } else { 1 };
                assert!(sends.values().all(|number| *number <= most), "{step} {is_after} {place}: {sends:?}");
                assert_eq!((&done["state"], &done["selected"]), (&json!("done"), &json!(11)));
                assert_eq!(done["delivered"], 11, "{step} {is_after} {place}: {done}");
                let row = ports.database.query("SELECT enqueued FROM jobs");
                assert_eq!(row[0]["enqueued"], 11, "{step} {is_after} {place}");
            }
        }
    }
}

#[test]
fn a_step_that_was_not_noted_is_counted_when_it_is_made_again() {
    for delivered in 0..=3 {
        let ports = Memory::default();
        sent("queued", 0..7, 410, &ports);
        let id = begin(&json!({ "rate": 1 }), &ports);
        let (text, _) = ports.later.take().remove(0);
        forward(&text, 1, &ports);
        // The isolate died before it noted the step.
        ports.database.query(
            "UPDATE jobs SET step = 0, cursor = '', enqueued = 0, lease = 'x', leased_until = 1768480200 + 121 RETURNING id",
        );
        let mut messages = ports.queue.take();
        let rest = messages.split_off(delivered);
        messages.iter().for_each(|message| drop(forward(message, 1, &ports)));
        let told = progress(&id, &ports);
        assert_eq!(numbers(&told, ["enqueued", "delivered"]), [u64::try_from(delivered).unwrap(); 2], "{told}");
        ports.wait(200);
        ports.queue.borrow_mut().extend(rest);
        assert_eq!(forward(&text, 2, &ports).0, Disposition::Ack);
        run(200, &ports);
        let listed = call("GET", "replay", &Value::Null, &ports)["jobs"][0].clone();
        assert_eq!(numbers(&listed, ["enqueued", "skipped"]), [7, 0], "{delivered} were delivered: {listed}");
        assert_eq!(numbers(&progress(&id, &ports), ["enqueued", "delivered"]), [7, 7]);
        assert_eq!(sends(&ports).into_values().collect::<Vec<_>>(), [1; 7]);
    }
}

#[test]
fn a_cancelled_job_sends_nothing_more_not_even_what_is_in_the_queue() {
    let ports = Memory::default();
    sent("queued", 0..10, 410, &ports);
    let id = begin(&json!({ "rate": 1 }), &ports);
    let (text, _) = ports.later.take().remove(0);
    forward(&text, 1, &ports);
    let mut messages = ports.queue.take();
    assert_eq!(messages.len(), 3);
    assert_eq!(forward(&messages.remove(0), 1, &ports).1.verdict, Verdict::Delivered);
    let path = format!("replay/{id}/cancel");
    assert_eq!(call("POST", &path, &Value::Null, &ports)["state"], "cancelled");
    for message in &messages {
        let (disposition, record) = forward(message, 1, &ports);
        // The events were dead, and they are dead letters again.
        assert_eq!((disposition, record.reason), (Disposition::Ack, Some("replay_cancelled")));
    }
    run(20, &ports);
    assert_eq!(numbers(&progress(&id, &ports), ["enqueued", "delivered", "skipped"]), [3, 1, 2]);
    assert_eq!(ports.sent.borrow().len(), 1);
    assert_eq!(call("POST", &path, &Value::Null, &ports)["state"], "cancelled", "again");
    let unknown = serve(&api("POST", "replay/0123456789abcdef/cancel", &Value::Null), &ports);
    assert_eq!(unknown.answer.status, 404);
    assert_eq!(serve(&api("GET", "replay/0123456789abcdef", &Value::Null), &ports).answer.status, 404);
}

#[test]
fn two_jobs_over_the_same_events_send_each_event_once() {
    let ports = Memory::default();
    sent("queued", 0..7, 410, &ports);
    let first = begin(&json!({ "rate": 100 }), &ports);
    ports.wait(1);
    let second = begin(&json!({ "rate": 100 }), &ports);
    assert_ne!(first, second);
    run(200, &ports);
    assert_eq!(sends(&ports).into_values().collect::<Vec<_>>(), [1; 7]);
    let counts = [&first, &second].map(|id| numbers(&progress(id, &ports), ["enqueued", "delivered", "skipped"]));
    assert_eq!(counts[0][1] + counts[1][1], 7, "{counts:?}");
    assert!(counts.iter().all(|[enqueued, delivered, skipped]| *enqueued == delivered + skipped), "{counts:?}");
    // Who asks for delivered events gets them once more.
    ports.wait(1);
    let again = begin(&json!({ "include_delivered": true }), &ports);
    run(200, &ports);
    assert_eq!(progress(&again, &ports)["delivered"], 7);
    assert_eq!(sends(&ports).into_values().collect::<Vec<_>>(), [2; 7]);
}

#[test]
fn the_sweep_starts_a_job_again_whose_message_is_lost() {
    let ports = Memory::default();
    sent("queued", 0..7, 410, &ports);
    let id = begin(&json!({ "rate": 1 }), &ports);
    let (text, _) = ports.later.take().remove(0);
    forward(&text, 1, &ports);
    assert_eq!(ports.later.take().len(), 1, "lost");
    assert!(ports.later.borrow().is_empty());
    sweep(1, &ports);
    assert_eq!(ports.later.borrow().len(), 1);
    // The lost message comes after all: each step is made once.
    let found = ports.later.borrow().clone();
    ports.later.borrow_mut().extend(found);
    ports.wait(1800);
    run(100, &ports);
    assert_eq!(numbers(&progress(&id, &ports), ["enqueued", "delivered", "skipped"]), [7, 7, 0]);
    assert_eq!(sends(&ports).into_values().collect::<Vec<_>>(), [1; 7]);
    ports.later.take();
    sweep(1, &ports);
    assert!(ports.later.borrow().is_empty(), "the job is done");
}

#[test]
fn a_step_waits_for_the_lease_and_for_the_step_before() {
    let ports = Memory::default();
    sent("queued", 0..7, 410, &ports);
    begin(&json!({ "rate": 1 }), &ports);
    let (text, _) = ports.later.take().remove(0);
    // The isolate died with the lease.
    ports.database.query("UPDATE jobs SET lease = 'x', leased_until = 1768480200 + 121 RETURNING id");
    let (disposition, _) = forward(&text, 1, &ports);
    assert!(matches!(disposition, Disposition::Retry(delay) if delay.as_secs() > 100), "{disposition:?}");
    assert!(ports.queue.borrow().is_empty());
    ports.wait(200);
    let early = text.replace("\"step\":0", "\"step\":1");
    assert!(matches!(forward(&early, 1, &ports).0, Disposition::Retry(_)), "the step before is not made");
    assert_eq!(forward(&text, 2, &ports).0, Disposition::Ack);
    assert_eq!(ports.queue.take().len(), 3);
    assert_eq!(forward(&text, 3, &ports).0, Disposition::Ack);
    assert!(ports.queue.borrow().is_empty(), "the step was made");
    for odd in
        ["{\"hookgate_replay\":\"x\",\"step\":0}", "{\"hookgate_replay\":\"x\",\"step\":-1}", "{\"hookgate_replay\"}"]
    {
        assert_eq!(forward(odd, 1, &ports).0, Disposition::Ack, "{odd}");
    }
    // After a day, a job ends.
    ports.wait(25 * 3600);
    forward(&early, 1, &ports);
    let job = ports.database.query("SELECT state, problem FROM jobs");
    assert_eq!((&job[0]["state"], ports.queue.borrow().len()), (&json!("failed"), 0), "{job:?}");
}

/// The message of a replay has a copy of a large body, and the row keeps the body itself.
#[test]
fn a_copy_whose_first_attempt_could_not_begin_is_counted_and_dies_with_its_job() {
    for is_cancelled in [false, true] {
        let ports = Memory::default();
        let unwanted = with(json!({ "events": ["invoice.*"] }));
        assert_eq!(json_of(&serve_as(&post("queued", large()), &unwanted, &ports).answer)["filtered"], true);
        ports.wait(1);
        let id = begin(&json!({ "state": "filtered" }), &ports);
        let (step, _) = ports.later.take().remove(0);
        // The queue takes the message of the event, and its answer is lost.
        ports.fail.set(Some("enqueue"));
        ports.fail_after.set(true);
        let (disposition, _) = forward(&step, 1, &ports);
        assert!(matches!(disposition, Disposition::Retry(_)), "{disposition:?}");
        ports.fail.set(None);
        ports.fail_after.set(false);
        let message = ports.queue.take().remove(0);
        ports.fail.set(Some("claim"));
        assert_eq!(forward(&message, 1, &ports).1.reason, Some("claim_failed"));
        ports.fail.set(None);
        ports.wait(60);
        if is_cancelled {
            call("POST", &format!("replay/{id}/cancel"), &Value::Null, &ports);
            assert_eq!(forward(&message, 2, &ports).1.reason, Some("replay_cancelled"), "no event waits for nothing");
            continue;
        }
        assert_eq!(forward(&step, 2, &ports).0, Disposition::Ack);
        let [job] = call("GET", "replay", &Value::Null, &ports)["jobs"].as_array().unwrap().clone().try_into().unwrap();
        assert_eq!((&job["state"], &job["enqueued"]), (&json!("done"), &json!(1)), "{job}");
        assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered);
    }
}
