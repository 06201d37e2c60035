//! Jobs that send many events again: the dry run, the steps, a failure at each step, and the limits.

use super::memory::Memory;
use super::{
    ALL, BODY, Disposition, Post, TOKEN, configured, forward, json_of, kill_all, lookup, note_dead_letter, post,
    request, serve, serve_as,
};
use hookgate::config::{Bindings, Config};
use hookgate::serve::Outcome;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub fn api(method: &'static str, path: &str, body: &Value) -> Post {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let path = format!("/api/{path}");
    Post { path, body: Ok(body), ..request(method, "", query, &[("authorization", &bearer)], "") }
}

pub fn call(method: &'static str, path: &str, body: &Value, ports: &Memory) -> Value {
    let answer = serve(&api(method, path, body), ports).answer;
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    json_of(&answer)
}

fn refused(outcome: &Outcome) -> (u16, String) {
    (outcome.answer.status, json_of(&outcome.answer)["detail"].as_str().unwrap().to_owned())
}

fn numbered(number: usize) -> String {
    BODY.replace("evt_1", &format!("evt_{number}"))
}

/// Accepts the events with these numbers. The destination answers `status` to their first attempt.
pub fn sent(source: &str, numbers: std::ops::Range<usize>, status: u16, ports: &Memory) {
    for number in numbers {
        assert_eq!(serve(&post(source, numbered(number)), ports).answer.status, 200);
    }
    if status == 410 {
        kill_all(ports);
    } else {
        ports.origin_status.set(Some(status));
        ports.queue.take().iter().for_each(|message| drop(forward(message, 1, ports)));
        ports.origin_status.set(None);
    }
    ports.wait(1);
    ports.sent.borrow_mut().clear();
}

/// Begins the job for `body`, after its dry run. Returns its id.
pub fn begin(body: &Value, ports: &Memory) -> String {
    let run = call("POST", "replay", body, ports);
    let mut body = body.clone();
    body["dry_run"] = false.into();
    body["token"] = run["token"].clone();
    call("POST", "replay", &body, ports)["id"].as_str().unwrap().to_owned()
}

pub fn progress(id: &str, ports: &Memory) -> Value {
    call("GET", &format!("replay/{id}"), &Value::Null, ports)
}

pub fn numbers<const N: usize>(of: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| of[name].as_u64().unwrap_or_else(|| panic!("{name}: {of}")))
}

/// A queue that hands each message over until it is acknowledged, at most `turns` times in all. A message to the Worker itself
/// comes when nothing else is in the queue.
pub fn run(turns: usize, ports: &Memory) {
    let mut messages: Vec<(String, u32)> = Vec::new();
    for _ in 0..turns {
        messages.extend(ports.queue.take().into_iter().map(|text| (text, 1)));
        let later: Vec<_> = ports.later.take();
        for (text, delay) in later {
            ports.wait(delay.as_secs());
            messages.insert(0, (text, 1));
        }
        let Some((text, attempt)) = messages.pop() else { return };
        if let (Disposition::Retry(delay), _) = forward(&text, attempt, ports) {
            ports.wait(delay.as_secs().min(300));
            messages.insert(0, (text, attempt + 1));
        }
        for letter in ports.dead.take() {
            note_dead_letter(&letter, ports);
        }
    }
    panic!("the queue is not empty after {turns} turns");
}

/// How often each event was sent, by its idempotency key.
pub fn sends(ports: &Memory) -> BTreeMap<String, usize> {
    let mut sends = BTreeMap::new();
    for sent in ports.sent.borrow().iter() {
        let key = sent.headers.iter().find(|(name, _)| name == "idempotency-key").unwrap().1.clone();
        *sends.entry(key).or_default() += 1;
    }
    sends
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let ports = Memory::default();
    sent("queued", 0..3, 200, &ports);
    sent("queued", 3..5, 410, &ports);
    sent("exact", 5..6, 503, &ports);
    sent("picky", 6..7, 200, &ports);
    ports.steps();
    let run = call("POST", "replay", &json!({}), &ports);
    assert_eq!(numbers(&run, ["selected", "delivered", "seconds"]), [2, 3, 1]);
    assert_eq!(run["skipped"], json!({ "delivered": 3, "under_way": 1, "filtered": 1 }));
    assert_eq!(
        run["destinations"],
        json!([
            { "source": "queued", "destination": "https://origin.example/queued", "selected": 2 },
        ])
    );
    assert_eq!((&run["dry_run"], &run["cannot"], &run["problem"]), (&json!(true), &json!([]), &Value::Null));
    assert_eq!((&run["first"], &run["until"]), (&json!("2026-01-15T12:30:01Z"), &json!("2026-01-15T12:30:04Z")));
    assert!(run["token"].is_string());
    assert!(ports.queue.borrow().is_empty() && ports.later.borrow().is_empty());
    assert!(ports.database.query("SELECT id FROM jobs").is_empty());
    for (body, selected) in [
        (json!({ "include_delivered": true }), 5),
        (json!({ "include_retrying": true }), 3),
        (json!({ "state": "filtered" }), 1),
        (json!({ "state": "filtered,dead", "include_delivered": true }), 3),
        (json!({ "source": "exact" }), 0),
        (json!({ "state": "dead", "since": "2026-01-15T12:30:02Z" }), 0),
    ] {
        assert_eq!(call("POST", "replay", &body, &ports)["selected"], selected, "{body}");
    }
    let none = call("POST", "replay", &json!({ "source": "exact" }), &ports);
    assert_eq!((&none["token"], &none["problem"]), (&Value::Null, &json!("there is nothing to send")));
}

#[test]
fn what_cannot_be_sent_is_counted_with_its_reason() {
    let sources = json!({
        "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] },
        "kept": { "provider": "generic", "secrets": ["GENERIC_SECRET"], "log_bodies": "none" },
    });
    let (before, ports) = (configured(sources), Memory::default());
    for source in ["queued", "kept"] {
        serve_as(&post(source, BODY), &before, &ports);
    }
    ports.origin_status.set(Some(410));
    ports.queue.take().iter().for_each(|message| drop(super::forward_as(message, &before, &ports)));
    ports.origin_status.set(None);
    ports.wait(1);
    let after = configured(json!({ "kept": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } }));
    let run = json_of(&serve_as(&api("POST", "replay", &json!({})), &after, &ports).answer);
    assert_eq!((&run["selected"], &run["token"]), (&json!(0), &Value::Null));
    let reasons: Vec<_> = run["cannot"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(reasons.len() == 2 && reasons[0].contains("log_bodies") && reasons[1].contains("no longer"), "{reasons:?}");
}

#[test]
fn a_job_sends_each_missing_event_once_and_no_other_event() {
    let ports = Memory::default();
    sent("queued", 0..20, 200, &ports);
    sent("queued", 20..90, 410, &ports);
    let id = begin(&json!({ "source": "queued", "rate": 10 }), &ports);
    assert_eq!(numbers(&progress(&id, &ports), ["selected", "enqueued", "delivered"]), [70, 0, 0]);
    run(500, &ports);
    let done = progress(&id, &ports);
    assert_eq!(numbers(&done, ["selected", "enqueued", "delivered", "failed", "skipped"]), [70, 70, 70, 0, 0]);
    assert_eq!((&done["state"], &done["by"], &done["problem"]), (&json!("done"), &json!("admin"), &Value::Null));
    let sends = sends(&ports);
    assert_eq!((sends.len(), sends.values().max()), (70, Some(&1)));
    assert!(ports.sent.borrow().iter().all(|sent| sent.headers.contains(&("hookgate-replay".into(), "1".into()))));
    assert_eq!(call("POST", "replay", &json!({ "source": "queued" }), &ports)["selected"], 0);
    let taken = ports.database.query("SELECT step FROM jobs");
    assert_eq!(taken[0]["step"], 3, "30 events a step, and the last step");
}

#[test]
fn a_job_keeps_its_rate() {
    for (rate, steps) in [(1, [(3, 3), (3, 3)]), (10, [(30, 3), (30, 3)]), (100, [(200, 2), (100, 2)])] {
        let ports = Memory::default();
        sent("queued", 0..300, 410, &ports);
        begin(&json!({ "rate": rate }), &ports);
        for (events, seconds) in steps {
            let (text, _) = ports.later.take().remove(0);
            assert_eq!(forward(&text, 1, &ports).0, Disposition::Ack);
            assert_eq!(ports.queue.take().len(), events, "rate {rate}");
            let next = ports.later.borrow().first().map(|(_, delay)| *delay);
            assert_eq!(next.unwrap_or(Duration::from_secs(seconds)), Duration::from_secs(seconds), "rate {rate}");
        }
    }
}

#[test]
fn the_scope_cannot_change_after_the_dry_run() {
    let ports = Memory::default();
    sent("queued", 0..3, 410, &ports);
    let dry = json!({ "state": "dead" });
    let token = call("POST", "replay", &dry, &ports)["token"].clone();
    let real = |body: &Value, ports: &Memory| {
        let mut body = body.clone();
        (body["dry_run"], body["token"]) = (false.into(), token.clone());
        serve(&api("POST", "replay", &body), ports)
    };
    // An event that died after the dry run is not sent.
    ports.wait(60);
    sent("queued", 3..4, 410, &ports);
    for other in [json!({}), json!({ "state": "dead", "include_delivered": true }), json!({ "source": "queued" })] {
        let (status, detail) = refused(&real(&other, &ports));
        assert_eq!((status, detail.contains("make another dry run")), (422, true), "{other}: {detail}");
    }
    let begun = real(&dry, &ports).answer;
    assert_eq!((begun.status, json_of(&begun)["selected"].clone()), (200, json!(3)), "{}", begun.body);
    // The same call again asks for the same job.
    assert_eq!(json_of(&real(&dry, &ports).answer)["id"], json_of(&begun)["id"]);
    run(50, &ports);
    assert_eq!(json_of(&real(&dry, &ports).answer)["state"], "done");
    assert_eq!(sends(&ports).into_values().collect::<Vec<_>>(), [1, 1, 1]);
    // A token does not last.
    ports.wait(3600);
    assert!(refused(&real(&dry, &ports)).1.contains("older than an hour"));
    // An event of the selection changed.
    let ports = Memory::default();
    sent("queued", 0..3, 410, &ports);
    call("GET", "events", &Value::Null, &ports);
    ports.database.query("UPDATE log_events SET delivered = 1 WHERE event_id = 'evt_0' RETURNING name");
    assert!(refused(&real(&dry, &ports)).1.contains("would send"), "the first job's token");
}

#[test]
fn the_newest_jobs_are_listed() {
    let ports = Memory::default();
    let list = |ports: &Memory| call("GET", "replay", &Value::Null, ports)["jobs"].clone();
    assert_eq!(list(&ports), json!([]));
    sent("queued", 0..2, 410, &ports);
    let first = begin(&json!({}), &ports);
    run(100, &ports);
    ports.wait(1);
    let second = begin(&json!({ "include_delivered": true, "rate": 7 }), &ports);
    let jobs = list(&ports);
    assert_eq!([&jobs[0]["id"], &jobs[1]["id"]], [&json!(second), &json!(first)]);
    assert_eq!([&jobs[0]["state"], &jobs[1]["state"]], ["running", "done"]);
    assert_eq!(numbers(&jobs[1], ["selected", "enqueued", "skipped"]), [2, 2, 0]);
    assert_eq!(jobs.as_array().unwrap().len(), 2);
    for number in 0..60 {
        let copy = format!(
            "INSERT INTO jobs SELECT printf('%016x', {number}), 'done', selection, repeats, rate, total, at, step, cursor, \
             enqueued, skipped, caller, created + {number}, ended, lease, leased_until, problem FROM jobs WHERE id = '{second}' \
             RETURNING id"
        );
        ports.database.query(&copy);
    }
    let jobs = list(&ports);
    assert_eq!((jobs.as_array().unwrap().len(), &jobs[0]["id"]), (50, &json!("000000000000003b")));
    let (status, detail) = refused(&serve(&api("GET", "replay?limit=7", &Value::Null), &ports));
    assert_eq!((status, detail.contains("the parameter limit: ")), (422, true), "{detail}");
}

#[test]
fn a_replay_that_dies_again_is_counted_and_has_a_letter() {
    let ports = Memory::default();
    sent("queued", 0..4, 410, &ports);
    let id = begin(&json!({}), &ports);
    let open =
        |ports: &Memory| call("GET", "dead-letters", &Value::Null, ports)["dead_letters"].as_array().unwrap().len();
    ports.origin_status.set(Some(410));
    run(100, &ports);
    assert_eq!(numbers(&progress(&id, &ports), ["enqueued", "delivered", "failed"]), [4, 0, 4]);
    assert!(open(&ports) >= 4);
}

/// Copies the only event `times` times.
fn copy(times: u32, ports: &Memory) {
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) INSERT INTO log_events \
         SELECT (received << 28) | i, printf('%032x', i), received, updated, source, state, reason, status, tries, next, delivered, destination, event_id, \
         type, bytes, days, payload, kept, detail, attempts, head, body FROM n, log_events RETURNING 1 AS one"
    );
    ports.database.query(&sql);
}

#[test]
fn a_job_is_bounded() {
    let ports = Memory::default();
    sent("queued", 0..1, 410, &ports);
    call("GET", "events", &Value::Null, &ports);
    copy(10_000, &ports);
    let run = call("POST", "replay", &json!({}), &ports);
    assert_eq!((&run["selected"], &run["token"]), (&json!(10_001), &Value::Null));
    assert!(run["problem"].as_str().unwrap().contains("at most 10000"), "{run}");
    let ports = Memory::default();
    sent("queued", 0..1, 410, &ports);
    call("GET", "events", &Value::Null, &ports);
    copy(100_000, &ports);
    let run = call("POST", "replay", &json!({ "status": 200 }), &ports);
    assert!(run["problem"].as_str().unwrap().contains("looks at"), "{run}");

    let ports = Memory::default();
    sent("queued", 0..1, 410, &ports);
    for _ in 0..5 {
        begin(&json!({}), &ports);
        ports.wait(1);
    }
    let run = call("POST", "replay", &json!({}), &ports);
    let real = json!({ "dry_run": false, "token": run["token"] });
    let (status, detail) = refused(&serve(&api("POST", "replay", &real), &ports));
    assert_eq!((status, detail.contains("5 jobs run already")), (422, true), "{detail}");
}

#[test]
fn rows_of_other_events_are_skipped_and_the_job_goes_on() {
    let ports = Memory::default();
    sent("queued", 0..1, 410, &ports);
    call("GET", "events", &Value::Null, &ports);
    copy(40, &ports); // their names do not belong to their messages
    let id = begin(&json!({ "rate": 10 }), &ports);
    run(100, &ports);
    let done = progress(&id, &ports);
    assert_eq!(numbers(&done, ["selected", "enqueued", "delivered", "skipped"]), [41, 1, 1, 40]);
    assert!(done["state"] == "done" && done["problem"].as_str().unwrap().contains("damaged"), "{done}");
}

#[test]
fn a_job_needs_its_bindings_and_a_right_body() {
    let ports = Memory::default();
    sent("queued", 0..1, 410, &ports);
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let without = Config::parse(&sources, Bindings { claims: false, ..ALL }, &lookup);
    let (status, detail) = refused(&serve_as(&api("POST", "replay", &json!({})), &without, &ports));
    assert_eq!((status, detail.contains("CLAIMS")), (501, true), "{detail}");
    let without = Memory::without("LOG");
    for (method, path) in [("POST", "replay"), ("GET", "replay"), ("GET", "replay/x"), ("POST", "replay/x/cancel")] {
        assert_eq!(serve(&api(method, path, &Value::Null), &without).answer.status, 501, "{path}");
    }
    let (status, detail) = refused(&serve(&api("POST", "replay", &json!({ "sorce": "queued" })), &ports));
    assert_eq!((status, detail.contains("did you mean source?")), (422, true), "{detail}");
    let large = json!({ "text": "x".repeat(20_000) });
    assert_eq!(serve(&api("POST", "replay", &large), &ports).answer.status, 413);
}
