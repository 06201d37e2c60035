//! A paused source: its requests are accepted, its events wait, and nothing is sent until it is resumed.

use super::memory::{EVENTS, Memory, NOW};
use super::{BODY, Post, TOKEN, configured_with, json_of, lookup, note_dead_letter, post, request, serve_as};
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use hookgate::record::{Record, Verdict};
use pollster::block_on;
use serde_json::{Value, json};
use std::time::Duration;

type Parsed = Result<Config, ConfigError>;

/// `held` is paused by the configuration, `direct` has no queue, `keyless` is misconfigured, and `<b>` cannot have its name.
fn sources() -> Value {
    let secrets = json!(["GENERIC_SECRET"]);
    json!({
        "queued": { "provider": "generic", "secrets": secrets },
        "exact": { "provider": "generic", "secrets": secrets, "dedup": "exact" },
        "other": { "provider": "generic", "secrets": secrets },
        "held": { "provider": "generic", "secrets": secrets, "paused": true },
        "direct": { "provider": "generic", "secrets": secrets, "deliver": "origin" },
        "keyless": { "provider": "generic", "secrets": ["MISSING_SECRET"] },
        "<b>": { "provider": "generic", "secrets": secrets },
    })
}

pub fn config() -> Parsed {
    let tokens =
        |name: &str| if name == "ADMIN_TOKENS" { Some(format!("on-call:write:{ON_CALL}")) } else { lookup(name) };
    Config::parse(&sources(), Bindings::ALL, &tokens)
}

const ON_CALL: &str = "a-token-of-who-is-on-call";

pub fn call_as(method: &'static str, path: &str, body: &str, config: &Parsed, ports: &Memory) -> (u16, Value, Record) {
    let bearer = format!("Bearer {}", if path.ends_with("pause") { ON_CALL } else { TOKEN });
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request =
        Post { path: format!("/api/{path}"), ..request(method, "", query, &[("authorization", &bearer)], body) };
    let outcome = serve_as(&request, config, ports);
    (outcome.answer.status, json_of(&outcome.answer), outcome.record.unwrap())
}

fn call(method: &'static str, path: &str, body: &str, ports: &Memory) -> (u16, Value) {
    let (status, answer, _) = call_as(method, path, body, &config(), ports);
    (status, answer)
}

fn get(path: &str, ports: &Memory) -> Value {
    let (status, answer) = call("GET", path, "", ports);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

pub fn pause(source: &str, ports: &Memory) -> Value {
    let (status, state) = call("POST", &format!("sources/{source}/pause"), r#"{"reason":"a move"}"#, ports);
    assert_eq!(status, 200, "{state}");
    state
}

pub fn resume(source: &str, ports: &Memory) -> Value {
    let (status, state) = call("POST", &format!("sources/{source}/resume"), "", ports);
    assert_eq!(status, 200, "{state}");
    state
}

/// Accepts an event of `source`. Returns its message.
pub fn accepted(source: &str, ports: &Memory) -> String {
    assert_eq!(serve_as(&post(source, BODY), &config(), ports).answer.status, 200);
    ports.queue.take().remove(0)
}

/// A batch of one message: the pauses are read, the message is consumed, and the log is written.
fn batch_as(message: &str, attempt: u32, config: &Parsed, ports: &Memory) -> (Disposition, Record) {
    let (pauses, _) = block_on(pipeline::read_pauses(ports));
    let handed = ReceivedMessage { text: message, queue: EVENTS, attempt, now: ports.now(), pauses: &pauses };
    let done = block_on(pipeline::consume(handed, config, ports));
    block_on(pipeline::write_log(ports));
    done
}

pub fn batch(message: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    batch_as(message, attempt, &config(), ports)
}

pub fn waits(seconds: u64) -> Disposition {
    Disposition::Retry(Duration::from_secs(seconds))
}

fn only_event(ports: &Memory) -> Value {
    let events = get("events", ports)["events"].take();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    get(&format!("events/{}", events[0]["id"].as_str().unwrap()), ports)
}

const PAUSED: &str = "paused by on-call since 2026-01-15T12:30:00Z: a move";

#[test]
fn an_event_of_a_paused_source_waits_and_is_delivered_once_after_the_resume() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        let state = pause(source, &ports);
        let shown =
            json!({ "since": "2026-01-15T12:30:00Z", "by": "on-call", "reason": "a move", "configured": false });
        assert_eq!(state, json!({ "source": source, "paused": true, "pause": shown }));
        let message = accepted(source, &ports);
        ports.steps();
        for (attempt, age, delay) in [(1, 0, 5), (2, 60, 15), (3, 7200, 1800), (4, 36_000, 3600)] {
            ports.now.set(Some(NOW.plus(Duration::from_secs(age))));
            let (disposition, record) = batch(&message, attempt, &ports);
            assert_eq!((disposition, record.verdict), (waits(delay), Verdict::Retried), "{age}");
            assert_eq!((record.reason, record.detail.as_deref()), (Some("paused"), Some(PAUSED)));
        }
        let steps: Vec<_> = ports.steps().into_iter().filter(|step| *step != "log").collect();
        assert_eq!(steps, [""; 0], "no claim, no attempt, no letter");
        let event = only_event(&ports);
        assert_eq!(
            (&event["state"], &event["reason"], &event["attempts"]),
            (&json!("paused"), &json!("paused"), &json!(0))
        );
        assert_eq!(event["next_attempt"], "2026-01-15T23:30:00Z");
        assert_eq!(
            event["why"],
            format!(
                "No attempt is made, because the source is {PAUSED}. The queue hands the event over again at \
                 2026-01-15T23:30:00Z, and it is delivered then if the source is resumed."
            )
        );
        assert_eq!(ports.database.query("SELECT name FROM waiting").len(), 1);

        ports.wait(600);
        assert_eq!(resume(source, &ports), json!({ "source": source, "paused": false, "pause": null }));
        let (disposition, record) = batch(&message, 5, &ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Delivered));
        assert_eq!(ports.sent.borrow().len(), 1);
        let event = only_event(&ports);
        assert_eq!((&event["state"], &event["attempts"]), (&json!("delivered"), &json!(1)));
        assert_eq!(ports.database.query("SELECT name FROM waiting").len(), 0);
        assert_eq!(get("stats", &ports)["totals"][0]["verdicts"]["accepted"], 1, "it counts once");
    }
}

#[test]
fn the_other_sources_go_on() {
    let ports = Memory::default();
    pause("queued", &ports);
    for source in ["other", "exact"] {
        assert_eq!(batch(&accepted(source, &ports), 1, &ports).1.verdict, Verdict::Delivered, "{source}");
    }
}

#[test]
fn everything_that_shows_the_state_shows_the_pause() {
    let ports = Memory::default();
    pause("queued", &ports);
    let shown = json!({ "since": "2026-01-15T12:30:00Z", "by": "on-call", "reason": "a move", "configured": false });
    let held = json!({ "since": null, "by": null, "reason": null, "configured": true });
    assert_eq!(get("sources/queued", &ports)["pause"], shown);
    assert_eq!(get("sources/held", &ports)["pause"], held);
    let list = get("sources", &ports)["sources"].take();
    let paused: Vec<_> = list.as_array().unwrap().iter().filter(|source| !source["pause"].is_null()).collect();
    assert_eq!(paused.iter().map(|source| source["name"].as_str().unwrap()).collect::<Vec<_>>(), ["held", "queued"]);
    batch(&accepted("queued", &ports), 1, &ports);
    let backlog = get("stats", &ports)["backlog"].take();
    assert_eq!((&backlog["events"][0]["state"], &backlog["events"][0]["count"]), (&json!("paused"), &json!(1)));
    let names: Vec<_> = backlog["paused"].as_array().unwrap().iter().map(|one| one["source"].clone()).collect();
    assert_eq!(names, ["held", "queued"]);
    assert_eq!(backlog["paused"][1]["by"], "on-call");
    let gauges = |ports: &Memory| {
        let bearer = format!("Bearer {TOKEN}");
        let request =
            Post { path: "/api/metrics".to_owned(), ..request("GET", "", "", &[("authorization", &bearer)], "") };
        let text = serve_as(&request, &config(), ports).answer.body;
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        ["queued", "held", "other"].map(|name| line(&format!("hookgate_source_paused{{source=\"{name}\"}}")))
    };
    assert!(gauges(&ports).into_iter().zip(["1", "1", "0"]).all(|(line, value)| line.ends_with(&format!(" {value}"))));
    resume("queued", &ports);
    assert!(gauges(&ports).into_iter().zip(["0", "1", "0"]).all(|(line, value)| line.ends_with(&format!(" {value}"))));
    assert_eq!(get("sources/queued", &ports)["pause"], Value::Null);
    assert_eq!(get("stats", &ports)["backlog"]["paused"].as_array().unwrap().len(), 1);
    let bearer = format!("Bearer {TOKEN}");
    let health = Post { path: "/healthz".to_owned(), ..request("GET", "", "", &[("authorization", &bearer)], "") };
    let before = json_of(&serve_as(&health, &config(), &ports).answer);
    pause("queued", &ports);
    assert_eq!(json_of(&serve_as(&health, &config(), &ports).answer), before);
}

#[test]
fn a_second_call_changes_nothing_and_each_call_is_in_the_audit() {
    let ports = Memory::default();
    pause("queued", &ports);
    ports.wait(60);
    let (status, second) = call("POST", "sources/queued/pause", r#"{"reason":"another reason"}"#, &ports);
    assert_eq!((status, &second["pause"]["since"]), (200, &json!("2026-01-15T12:30:00Z")));
    assert_eq!(second["pause"]["reason"], "a move");
    ports.wait(60);
    let (_, _, first) = call_as("POST", "sources/queued/resume", "", &config(), &ports);
    assert_eq!((first.verdict, first.source.as_deref()), (Verdict::Resumed, Some("queued")));
    assert_eq!(first.detail.as_deref(), Some("it was paused by on-call since 2026-01-15T12:30:00Z: a move"));
    ports.wait(60);
    assert_eq!(resume("queued", &ports)["paused"], false);
    let audit = get("audit", &ports)["audit"].take();
    let entries: Vec<_> =
        audit.as_array().unwrap().iter().map(|one| [&one["action"], &one["target"], &one["detail"]]).collect();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[2], [&json!("pause"), &json!("queued"), &json!("another reason")]);
    assert_eq!(entries[0], [&json!("resume"), &json!("queued"), &json!("")]);
}

#[test]
fn a_call_that_cannot_work_says_why_and_changes_nothing() {
    let ports = Memory::default();
    let long = json!({ "reason": "ä".repeat(201) }).to_string();
    for (path, body, status, text) in [
        ("sources/nobody/pause", "", 404, ""),
        ("sources/nobody/resume", "", 404, ""),
        ("sources/%71ueued/pause", "", 404, ""),
        ("sources/QUEUED/pause", "", 404, ""),
        ("sources/<b>/pause", "", 404, ""),
        ("sources/queued%2f/pause", "", 404, ""),
        ("sources//pause", "", 404, ""),
        ("sources/health/resume", "", 404, ""),
        ("sources/direct/pause", "", 422, "deliver = \"origin\""),
        ("sources/held/resume", "", 422, "paused = true"),
        ("sources/queued/pause", "{", 422, "the pause, such as"),
        ("sources/queued/pause", "[]", 422, "the pause, such as"),
        ("sources/queued/pause", "\"text\"", 422, "the pause, such as"),
        ("sources/queued/pause", r#"{"until":"tomorrow"}"#, 422, "until"),
        ("sources/queued/pause", r#"{"reason":7}"#, 422, "reason"),
        ("sources/queued/pause", &long, 422, "201 characters"),
        ("sources/queued/pause", &" ".repeat(20_000), 413, ""),
    ] {
        let (told, problem) = call("POST", path, body, &ports);
        assert_eq!(told, status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(text), "{path}: {problem}");
    }
    assert_eq!(ports.database.query("SELECT * FROM pauses").len(), 0);
    // A call for a name without a source may have an entry, like any call that is refused after its entry.
    assert!(ports.audit.borrow().page(None, 100).iter().all(|entry| entry.action == "resume"));
    for change in ["pause", "resume"] {
        let (status, _) = call("POST", &format!("sources/queued/{change}"), "", &Memory::without("LOG"));
        assert_eq!(status, 501);
        assert_eq!(call("GET", &format!("sources/queued/{change}"), "", &ports).0, 405);
    }
    // A misconfigured source may be paused before it is repaired, so that its events do not come all at once.
    assert_eq!(pause("keyless", &ports)["paused"], true);
}

#[test]
fn a_reason_is_text_and_an_empty_body_has_none() {
    for (body, reason) in [
        ("", Value::Null),
        (" \n", Value::Null),
        ("{}", Value::Null),
        (r#"{"reason":null}"#, Value::Null),
        (r#"{"reason":""}"#, Value::Null),
        (
            r#"{"reason":"<script>alert(1)</script>'; DROP TABLE pauses; --\u0000"}"#,
            json!("<script>alert(1)</script>'; DROP TABLE pauses; --\0"),
        ),
        (&json!({ "reason": "🦀".repeat(200) }).to_string(), json!("🦀".repeat(200))),
    ] {
        let ports = Memory::default();
        let (status, state) = call("POST", "sources/queued/pause", body, &ports);
        assert_eq!((status, &state["pause"]["reason"]), (200, &reason), "{body}");
        batch(&accepted("queued", &ports), 1, &ports);
        assert_eq!(get("sources/queued", &ports)["pause"]["reason"], reason);
        assert_eq!(only_event(&ports)["state"], "paused");
    }
}

#[test]
fn a_source_that_is_not_configured_anymore_stays_paused_until_it_is_resumed() {
    let ports = Memory::default();
    pause("queued", &ports);
    let message = accepted("queued", &ports);
    let mut fewer = sources();
    fewer.as_object_mut().unwrap().remove("queued");
    let fewer = configured_with(fewer, "", None);
    // Its events wait for their source, as without a pause.
    assert_eq!(batch_as(&message, 1, &fewer, &ports).1.reason, Some("no_origin"));
    let (_, stats, _) = call_as("GET", "stats", "", &fewer, &ports);
    assert_eq!(stats["backlog"]["paused"][1]["source"], "queued");
    assert_eq!(batch(&message, 2, &ports).1.reason, Some("paused"), "it comes back");
    let (status, state, _) = call_as("POST", "sources/queued/resume", "", &fewer, &ports);
    assert_eq!((status, &state["paused"]), (200, &json!(false)));
    assert_eq!(call_as("POST", "sources/queued/resume", "", &fewer, &ports).0, 404);
    assert_eq!(batch(&message, 3, &ports).1.verdict, Verdict::Delivered);
}

#[test]
fn the_configuration_pauses_without_a_database_too() {
    let ports = Memory::without("LOG");
    let (disposition, record) = batch(&accepted("held", &ports), 1, &ports);
    assert_eq!((disposition, record.reason), (waits(5), Some("paused")));
    assert_eq!(record.detail.as_deref(), Some("paused by the configuration (`paused = true`)"));
    // A pause by the API as well is shown, and ends only with both.
    let ports = Memory::default();
    let state = pause("held", &ports);
    assert_eq!((&state["pause"]["by"], &state["pause"]["configured"]), (&json!("on-call"), &json!(true)));
}

#[test]
fn an_event_whose_time_ends_during_the_pause_is_a_dead_letter_that_can_be_redriven() {
    let ports = Memory::default();
    pause("exact", &ports);
    let message = accepted("exact", &ports);
    batch(&message, 1, &ports);
    ports.wait(19 * 3600 + 1);
    let (disposition, record) = batch(&message, 40, &ports);
    assert_eq!(
        (disposition, record.verdict, record.reason),
        (Disposition::Ack, Verdict::Dead, Some("paused_too_long"))
    );
    assert!(ports.sent.borrow().is_empty());
    let event = only_event(&ports);
    assert_eq!((&event["state"], &event["reason"]), (&json!("dead"), &json!("paused_too_long")));
    assert_eq!(ports.database.query("SELECT name FROM waiting").len(), 0);
    // The queue hands the message over once more: the event is settled.
    assert_eq!(batch(&message, 41, &ports).1.verdict, Verdict::Duplicate);
    let letter = ports.dead.take().remove(0);
    let (_, kept) = note_dead_letter(&letter, &ports);
    let text = "its time in the queue ended while its source was paused by on-call since 2026-01-15T12:30:00Z: a move";
    assert_eq!(kept.detail.as_deref(), Some(text));
    // A redriven event waits as well, from the beginning.
    let (_, redriven) = call("POST", "dead-letters/redrive", "", &ports);
    assert_eq!(redriven["redriven"], 1);
    let message = ports.queue.take().remove(0);
    assert_eq!(batch(&message, 1, &ports).0, waits(5));
    resume("exact", &ports);
    assert_eq!(batch(&message, 2, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(ports.sent.borrow().len(), 1);
}

#[test]
fn a_replayed_event_waits_too() {
    let ports = Memory::default();
    batch(&accepted("queued", &ports), 1, &ports);
    pause("queued", &ports);
    let id = only_event(&ports)["id"].as_str().unwrap().to_owned();
    assert_eq!(call("POST", &format!("events/{id}/replay"), "", &ports).0, 200);
    let message = ports.queue.take().remove(0);
    assert_eq!(batch(&message, 1, &ports).0, waits(5));
    let event = only_event(&ports);
    assert_eq!((&event["state"], event["delivered"].is_null()), (&json!("paused"), false));
    resume("queued", &ports);
    assert_eq!(batch(&message, 2, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(ports.sent.borrow().len(), 2);
}

#[test]
fn a_long_pause_opens_an_alert_and_a_resume_ends_it() {
    let alerts = r#"{"format":"standard","url":"https://alerts.example/hook"}"#;
    let config = configured_with(sources(), "ALERTS", Some(alerts));
    let ports = Memory::default();
    // An attempt to a URL that the source had before, and an event that waits.
    let before = configured_with(
        json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"], "origin": "https://old.example/" } }),
        "",
        None,
    );
    batch_as(&accepted("queued", &ports), 1, &before, &ports);
    pause("queued", &ports);
    let told = |minutes: u32| {
        let mut told = Vec::new();
        for _ in 0..minutes {
            ports.wait(60);
            assert!(block_on(pipeline::watch(&ports, &config, ports.now())).is_none());
            for notice in ports.queue.take() {
                let notice: Value = serde_json::from_str(&notice).unwrap();
                let body: Value = serde_json::from_str(
                    notice["hookgate_alert"].as_str().map_or("", |_| notice["body"].as_str().unwrap()),
                )
                .unwrap();
                told.push((body["type"].as_str().unwrap().to_owned(), body.to_string()));
            }
        }
        told
    };
    assert_eq!(told(58), [], "the default is an hour");
    let opened = told(5);
    assert_eq!(opened.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["hookgate.alert.opened"]);
    assert!(opened[0].1.contains("paused") && opened[0].1.contains("https://origin.example/queued"), "{opened:?}");
    resume("queued", &ports);
    let resolved = told(30);
    assert_eq!(resolved.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["hookgate.alert.resolved"]);
    assert_eq!(told(120), []);
}
