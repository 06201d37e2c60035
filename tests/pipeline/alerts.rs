//! From the records to a notice at its receiver, and back to quiet. tests/alerts has the rules.

use super::memory::{EVENTS, Memory};
use super::{BODY, Post, TOKEN, configured_with, json_of, post, request, serve_as};
use hookgate::config::{Config, ConfigError};
use hookgate::pause::Pauses;
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use hookgate::record::{Record, Verdict};
use pollster::block_on;
use serde_json::{Value, json};

fn config_of(alerts: &str) -> Result<Config, ConfigError> {
    let secrets = json!(["GENERIC_SECRET"]);
    configured_with(json!({ "queued": { "provider": "generic", "secrets": secrets } }), "ALERTS", Some(alerts))
}

fn config() -> Result<Config, ConfigError> {
    let mut config = config_of(r#"{"format":"standard","url":"https://alerts.example/hook?key=hidden"}"#)?;
    config.dashboard = Some("https://hooks.example/dashboard".to_owned());
    Ok(config)
}

fn call(method: &'static str, path: &str, ports: &Memory) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let request = Post { path: format!("/api/{path}"), ..request(method, "", "", &[("authorization", &bearer)], "") };
    let answer = serve_as(&request, &config(), ports).answer;
    (answer.status, json_of(&answer))
}

/// A minute: `forged` forged and `good` good requests, whose events the destination answers with `status`. Then the cron.
fn minute(forged: u32, good: u32, status: u16, ports: &Memory) -> Option<Record> {
    (0..forged).for_each(|_| drop(serve_as(&post("queued", BODY).forged(), &config(), ports)));
    for number in 0..good {
        let body = BODY.replace("evt_1", &format!("evt_{}_{number}", ports.now().seconds()));
        serve_as(&post("queued", body), &config(), ports);
    }
    ports.origin_status.set(Some(status));
    for message in notices_apart(ports) {
        consume(&message, 1, ports);
    }
    ports.origin_status.set(None);
    block_on(pipeline::write_log(ports));
    let told = block_on(pipeline::watch(ports, &config(), ports.now()));
    ports.wait(60);
    told
}

/// The events in the queue. The notices stay.
fn notices_apart(ports: &Memory) -> Vec<String> {
    let (notices, events) = ports.queue.take().into_iter().partition(|text| text.starts_with("{\"hookgate_alert\""));
    ports.queue.replace(notices);
    events
}

fn consume(text: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    let handed = ReceivedMessage { text, queue: EVENTS, attempt, now: ports.now(), pauses: &Pauses::default() };
    block_on(pipeline::consume(handed, &config(), ports))
}

/// Delivers the notices in the queue. Returns their types.
fn notices(ports: &Memory) -> Vec<String> {
    ports.sent.take();
    for message in ports.queue.take() {
        let (disposition, record) = consume(&message, 1, ports);
        assert_eq!((disposition, record.verdict), (Disposition::Ack, Verdict::Delivered));
    }
    let sent = ports.sent.take();
    assert!(sent.iter().all(|one| one.url == "https://alerts.example/hook?key=hidden"));
    let body = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    let type_of = |notice: &Value| {
        let link = notice["data"]["link"].as_str().expect("a link");
        assert!(link.starts_with("https://hooks.example/dashboard#/"), "{link}");
        notice["type"].as_str().unwrap().to_owned()
    };
    sent.iter().map(|one| type_of(&body(&one.body))).collect()
}

#[test]
fn forged_requests_open_an_alert_that_is_told_once_and_resolves_when_they_stop() {
    let ports = Memory::default();
    assert!(minute(0, 20, 200, &ports).is_none());
    assert_eq!(notices(&ports), [""; 0]);
    let told: Vec<String> = (0..10).flat_map(|_| (minute(60, 5, 200, &ports), notices(&ports)).1).collect();
    assert_eq!(told, ["hookgate.alert.opened"]);
    let (status, list) = call("GET", "alerts", &ports);
    assert_eq!((status, &list["receiver"]), (200, &json!("https://alerts.example")), "the URL may be a secret");
    assert_eq!(list["alerts"][0]["status"], "open");
    let id = list["alerts"][0]["id"].as_str().unwrap().to_owned();
    let (status, alert) = call("POST", &format!("alerts/{id}/acknowledge"), &ports);
    assert_eq!((status, &alert["status"]), (200, &json!("acknowledged")), "{alert}");
    assert_eq!(call("POST", "alerts/nothing/acknowledge", &ports).0, 404);
    let told: Vec<String> = (0..60).flat_map(|_| (minute(0, 20, 200, &ports), notices(&ports)).1).collect();
    assert_eq!(told, ["hookgate.alert.resolved"]);
    assert_eq!(call("POST", &format!("alerts/{id}/acknowledge"), &ports).0, 422, "it is over");
}

#[test]
fn failing_attempts_and_a_backlog_open_alerts() {
    let ports = Memory::default();
    minute(0, 5, 200, &ports);
    (0..45).for_each(|_| drop(minute(0, 5, 503, &ports)));
    let (_, list) = call("GET", "alerts", &ports);
    let rules: Vec<_> = list["alerts"].as_array().unwrap().iter().map(|alert| alert["rule"].clone()).collect();
    assert!(rules.contains(&json!("failed_attempts")) && rules.contains(&json!("backlog")), "{list}");
}

#[test]
fn a_notice_is_tried_again_and_is_neither_an_event_nor_a_dead_letter() {
    let ports = Memory::default();
    assert_eq!(
        call("POST", "alerts/test", &ports),
        (200, json!({ "sent": true, "receiver": "https://alerts.example" }))
    );
    let message = ports.queue.take().remove(0);
    assert!(message.contains("https://hooks.example/dashboard#/alerts"), "{message}");
    ports.origin_status.set(Some(503));
    for attempt in 1..8 {
        let (disposition, record) = consume(&message, attempt, &ports);
        assert!(matches!(disposition, Disposition::Retry(_)), "{attempt}");
        assert_eq!(
            (record.reason, record.detail.as_deref()),
            (Some("alert_failed"), Some("https://alerts.example answered 503"))
        );
    }
    assert_eq!(consume(&message, 8, &ports).0, Disposition::Ack);
    ports.fail.set(Some("send"));
    let (disposition, record) = consume(&message, 1, &ports);
    assert!(matches!(disposition, Disposition::Retry(_)) && !record.line().contains("hidden"), "{}", record.line());
    assert!(ports.dead.take().is_empty());
    ports.fail.set(None);
    block_on(pipeline::write_log(&ports));
    assert!(ports.database.query("SELECT * FROM log_events").is_empty());
}

#[test]
fn a_database_or_a_queue_that_fails_loses_no_notice() {
    let ports = Memory::default();
    minute(60, 5, 200, &ports);
    ports.fail.set(Some("enqueue"));
    (0..60).for_each(|_| drop(serve_as(&post("queued", BODY).forged(), &config(), &ports)));
    block_on(pipeline::write_log(&ports));
    let told = block_on(pipeline::watch(&ports, &config(), ports.now()));
    assert_eq!(told.and_then(|record| record.reason), Some("alerts_failed"));
    ports.wait(60);
    ports.fail.set(Some("log"));
    assert_eq!(
        block_on(pipeline::watch(&ports, &config(), ports.now())).and_then(|record| record.reason),
        Some("alerts_failed")
    );
    ports.fail.set(None);
    ports.wait(60);
    minute(60, 5, 200, &ports);
    assert_eq!(notices(&ports), ["hookgate.alert.opened"]);
}

#[test]
fn an_unreadable_state_begins_again_and_a_missing_receiver_or_database_is_no_error() {
    let ports = Memory::default();
    minute(0, 1, 200, &ports);
    ports.database.query("UPDATE alerts SET state = 'x' RETURNING 1");
    assert_eq!(minute(0, 1, 200, &ports).and_then(|record| record.reason), Some("alerts_failed"));
    assert!(minute(0, 1, 200, &ports).is_none());
    let without = Memory::without("LOG");
    assert!(block_on(pipeline::watch(&without, &config(), without.now())).is_none());
    assert_eq!(call("GET", "alerts", &without).0, 501);
    assert!(block_on(pipeline::watch(&ports, &config_of("{}"), ports.now())).is_none());
}
