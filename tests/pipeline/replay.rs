//! Replay of one event: the exact message, its marks, its claim, its dead letter, and what is refused.

use super::memory::{Memory, Sent};
use super::{
    ALL, BODY, Post, TOKEN, block_on, configured, forward, forward_as, json_of, kill_all, lookup, note_dead_letter,
    post, request, serve, serve_as, signed,
};
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Verdict;
use hookgate::serve::Outcome;
use hookgate_verify::presets;
use serde_json::{Value, json};

fn api(method: &'static str, path: &str) -> Post {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    Post { path: format!("/api/{path}"), ..request(method, "", query, &[("authorization", &bearer)], "") }
}

/// The details of the only event.
fn event(ports: &Memory) -> Value {
    let page = json_of(&serve(&api("GET", "events"), ports).answer);
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1), "{page}");
    let id = page["events"][0]["id"].as_str().unwrap();
    json_of(&serve(&api("GET", &format!("events/{id}")), ports).answer)
}

fn replay(ports: &Memory) -> Outcome {
    let id = event(ports)["id"].as_str().unwrap().to_owned();
    ports.steps();
    serve(&api("POST", &format!("events/{id}/replay")), ports)
}

/// The message of a replay that must succeed.
fn replayed(ports: &Memory) -> String {
    let outcome = replay(ports);
    assert_eq!(outcome.answer.status, 200, "{}", outcome.answer.body);
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Replayed);
    let message = ports.queue.take();
    assert_eq!(message.len(), 1);
    message.into_iter().next().unwrap()
}

/// Accepts an event and lets the queue deliver it. Returns the message.
fn delivered(source: &str, body: &str, ports: &Memory) -> String {
    assert_eq!(serve(&post(source, body), ports).answer.status, 200);
    let message = ports.queue.take().remove(0);
    assert_eq!(forward(&message, 1, ports).1.verdict, Verdict::Delivered);
    message
}

fn value<'s>(sent: &'s Sent, name: &str) -> Option<&'s str> {
    sent.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A body that no queue message can hold.
fn large() -> String {
    BODY.to_owned() + &" ".repeat(120_000)
}

/// The answer's status and the text of its detail.
fn refused(outcome: &Outcome) -> (u16, String) {
    (outcome.answer.status, json_of(&outcome.answer)["detail"].as_str().unwrap().to_owned())
}

#[test]
fn a_replay_is_the_exact_message_with_two_marks() {
    let ports = Memory::default();
    let first = delivered("queued", BODY, &ports);
    ports.wait(3600);
    let message: Value = serde_json::from_str(&replayed(&ports)).unwrap();
    let mut expected: Value = serde_json::from_str(&first).unwrap();
    let token = message["replay"].as_str().unwrap();
    assert!(token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    expected["replay"] = token.into();
    expected["replayedat"] = "2026-01-15T13:30:00Z".into();
    assert_eq!(message, expected);
}

#[test]
fn the_destination_sees_a_replay_of_the_same_event_and_the_log_has_both() {
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    ports.wait(3600);
    let outcome = replay(&ports);
    let (id, token) = (json_of(&outcome.answer)["id"].clone(), json_of(&outcome.answer)["replay"].clone());
    let answer = json!({
        "replayed": true, "id": id, "replay": token, "state": "delivered", "delivered": "2026-01-15T12:30:00Z",
    });
    assert_eq!(json_of(&outcome.answer), answer);
    let message = ports.queue.take().remove(0);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    {
        let sent = ports.sent.borrow();
        assert_eq!((sent.len(), &sent[0].body, &sent[1].body), (2, &BODY.as_bytes().to_vec(), &sent[0].body));
        for name in ["idempotency-key", "webhook-id", "hookgate-event-id", "content-type", "hookgate-attempt"] {
            assert!(value(&sent[1], name).is_some());
            assert_eq!(value(&sent[0], name), value(&sent[1], name), "{name}");
        }
        let marks = sent.iter().map(|sent| value(sent, "hookgate-replay")).collect::<Vec<_>>();
        assert_eq!(marks, [None, Some("1")]);
    }
    let event = event(&ports);
    assert_eq!((&event["delivered"], &event["attempts"]), (&json!("2026-01-15T12:30:00Z"), &json!(2)));
    let history = event["history"].as_array().unwrap();
    let replays: Vec<_> = history.iter().map(|one| one["replay"].clone()).collect();
    assert_eq!(replays, [Value::Null, token]);
    block_on(pipeline::write_log(&ports));
    let accepted = ports.database.query("SELECT sum(accepted) AS sum FROM deliveries");
    assert_eq!(accepted[0]["sum"], 1, "a replay is no new event");
}

#[test]
fn each_replay_is_delivered_once_whatever_the_source_s_deduplication_is() {
    for source in ["queued", "exact", "repeating", "straight"] {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        for message in ports.queue.take() {
            forward(&message, 1, &ports);
        }
        for expected in [2, 3] {
            let message = replayed(&ports);
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered, "{source}");
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Duplicate, "{source}");
            assert_eq!(ports.sent.borrow().len(), expected, "{source}");
        }
        let urls: Vec<_> = ports.sent.borrow().iter().map(|sent| sent.url.clone()).collect();
        assert!(urls.iter().all(|url| *url == format!("https://origin.example/{source}")), "{urls:?}");
    }
}

#[test]
fn without_objects_a_replay_is_delivered_and_not_claimed() {
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    let message = replayed(&ports);
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let config = Config::parse(&sources, Bindings { claims: false, ..ALL }, &lookup);
    ports.steps();
    assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Delivered);
    assert!(!ports.steps().contains(&"claim"));
}

#[test]
fn a_replay_begins_its_attempts_and_its_time_again() {
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    // The time of the event itself has ended long ago.
    ports.wait(6 * 24 * 3600);
    let message = replayed(&ports);
    ports.origin_status.set(Some(503));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!(record.verdict, Verdict::Retried);
    assert!(matches!(disposition, Disposition::Retry(_)));
    let failed = event(&ports);
    assert_eq!((&failed["state"], &failed["delivered"]), (&json!("retrying"), &json!("2026-01-15T12:30:00Z")));
    ports.wait(60);
    ports.origin_status.set(None);
    assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered);
    ports.origin_status.set(Some(503));
    let message = replayed(&ports);
    ports.wait(24 * 3600);
    assert_eq!(forward(&message, 9, &ports).1.verdict, Verdict::Dead, "its time ends like that of an event");
}

#[test]
fn a_filtered_event_is_forwarded_after_all() {
    let ports = Memory::default();
    assert_eq!(json_of(&serve(&post("picky", BODY), &ports).answer)["filtered"], true);
    assert!(ports.queue.borrow().is_empty());
    let message = replayed(&ports);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(ports.sent.borrow()[0].body, BODY.as_bytes());
    let event = event(&ports);
    assert_eq!((&event["state"], &event["attempts"]), (&json!("delivered"), &json!(1)));
}

#[test]
fn bytes_that_are_no_text_are_sent_again_exactly() {
    let ports = Memory::default();
    let body = [0xff, 0, 0x22, 0xc3, 0x28];
    let request = signed("bytes", &presets::find("generic").unwrap(), body);
    assert_eq!(serve(&request, &ports).answer.status, 200);
    forward(&ports.queue.take().remove(0), 1, &ports);
    let message = replayed(&ports);
    forward(&message, 1, &ports);
    let sent = ports.sent.borrow();
    assert_eq!(sent.iter().map(|sent| sent.body.as_slice()).collect::<Vec<_>>(), [body, body]);
}

#[test]
fn a_replay_of_a_dead_event_takes_the_place_of_its_letter() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    kill_all(&ports);
    let listed = || json_of(&serve(&api("GET", "dead-letters"), &ports).answer)["dead_letters"].clone();
    assert_eq!(listed().as_array().unwrap().len(), 1);
    let message = replayed(&ports);
    assert_eq!(listed(), json!([]), "otherwise a redrive of all letters would deliver the event twice");
    // The replay dies too. Its letter is a new one, and a redrive of it is delivered once.
    ports.origin_status.set(Some(410));
    assert_eq!(forward(&message, 1, &ports).0, Disposition::Ack);
    ports.origin_status.set(None);
    let dead = ports.dead.take().remove(0);
    note_dead_letter(&dead, &ports);
    note_dead_letter(&dead, &ports);
    assert_eq!((listed().as_array().unwrap().len(), ports.letters.borrow().len()), (1, 2));
    let id = listed()[0]["id"].as_str().unwrap().to_owned();
    let redriven = serve(&api("POST", &format!("dead-letters/{id}/redrive")), &ports);
    assert_eq!(json_of(&redriven.answer)["redriven"], 1);
    let message = ports.queue.take().remove(0);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Duplicate);
    let sent = ports.sent.borrow();
    assert_eq!(value(sent.last().unwrap(), "hookgate-replay"), Some("1"));
}

#[test]
fn a_replay_that_the_queue_gives_up_is_a_letter_of_its_own() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    kill_all(&ports);
    let message = replayed(&ports);
    // Without a mark, in the dead letters' queue: the runtime gave it up after its last retry.
    assert_eq!(note_dead_letter(&message, &ports).0, Disposition::Ack);
    assert_eq!(ports.letters.borrow().len(), 2);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Duplicate, "the letter has the claim");
}

#[test]
fn a_large_body_is_replayed_while_the_bucket_has_it() {
    let ports = Memory::default();
    serve(&post("queued", large()), &ports);
    kill_all(&ports);
    let message = replayed(&ports);
    let held = ports.database.query("SELECT until FROM held_bodies")[0]["until"].as_i64().unwrap();
    assert!(held >= ports.now().seconds() + 28 * 86_400, "the sweep must not delete the body before the message ends");
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(ports.sent.borrow().last().unwrap().body, large().as_bytes());

    let ports = Memory::default();
    serve(&post("queued", large()), &ports);
    kill_all(&ports);
    ports.payloads.take();
    let (status, detail) = refused(&replay(&ports));
    assert_eq!((status, detail.contains("missing from PAYLOADS")), (422, true), "{detail}");
    assert!(ports.queue.borrow().is_empty());
}

#[test]
fn a_large_body_in_the_log_goes_through_the_bucket_and_stays_in_the_log() {
    let sources = json!({
        "picky": {
            "provider": "generic", "secrets": ["GENERIC_SECRET"], "events": ["invoice.*"], "max_body": "200kB",
        },
    });
    let config = configured(sources);
    let large = large();
    let ports = Memory::default();
    assert_eq!(serve_as(&post("picky", large.clone()), &config, &ports).answer.status, 200);
    for _ in 0..2 {
        let id = event(&ports)["id"].as_str().unwrap().to_owned();
        let outcome = serve_as(&api("POST", &format!("events/{id}/replay")), &config, &ports);
        assert_eq!(outcome.answer.status, 200, "{}", outcome.answer.body);
        forward_as(&ports.queue.take().remove(0), &config, &ports);
    }
    let sent = ports.sent.borrow();
    assert_eq!(sent.iter().map(|sent| sent.body.len()).collect::<Vec<_>>(), [large.len(), large.len()]);
    let id = event(&ports)["id"].as_str().unwrap().to_owned();
    ports.without.borrow_mut().insert("PAYLOADS");
    let (status, detail) = refused(&serve_as(&api("POST", &format!("events/{id}/replay")), &config, &ports));
    assert_eq!((status, detail.contains("too large for the queue")), (422, true), "{detail}");
}

/// An event that was delivered under the configuration `source`.
fn after(source: &Value) -> Memory {
    let config = configured(json!({ "queued": source }));
    let ports = Memory::default();
    assert_eq!(serve_as(&post("queued", BODY), &config, &ports).answer.status, 200);
    forward_as(&ports.queue.take().remove(0), &config, &ports);
    ports
}

#[test]
fn what_is_not_the_exact_event_is_not_sent_again() {
    let cases = [
        (json!({ "redact": ["$.type"] }), "redact"),
        (json!({ "redact": ["header:content-type"] }), "redact"),
        (json!({ "log_bodies": "none" }), "log_bodies"),
    ];
    for (keys, words) in cases {
        let mut source = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"] });
        source.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let ports = after(&source);
        let (status, detail) = refused(&replay(&ports));
        assert_eq!((status, detail.contains(words)), (422, true), "{keys}: {detail}");
        assert!(ports.queue.borrow().is_empty());
    }
}

#[test]
fn a_damaged_row_is_not_sent_again() {
    for change in ["bytes = bytes + 1", "body = 'x'", "body = NULL", "head = '{}'", "kept = 'cut'"] {
        let ports = Memory::default();
        delivered("queued", BODY, &ports);
        event(&ports);
        ports.database.query(&format!("UPDATE log_events SET {change} RETURNING name"));
        let id = ports.database.query("SELECT received || '-' || name AS id FROM log_events")[0]["id"].clone();
        let outcome = serve(&api("POST", &format!("events/{}/replay", id.as_str().unwrap())), &ports);
        assert_eq!(outcome.answer.status, 422, "{change}: {}", outcome.answer.body);
        assert!(ports.queue.borrow().is_empty(), "{change}");
    }
}

#[test]
fn an_event_without_a_usable_source_is_not_sent_again() {
    let other = json!({ "other": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let broken = json!({ "queued": { "provider": "generic", "secrets": ["MISSING_SECRET"] } });
    let usable = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    let nowhere = |name: &str| if name == "ORIGIN" { None } else { lookup(name) };
    let configs: [(Result<Config, ConfigError>, &str); 3] = [
        (configured(other), "no longer configured"),
        (configured(broken), "MISSING_SECRET"),
        (Config::parse(&usable, ALL, &nowhere), "no destination"),
    ];
    for (config, words) in configs {
        let ports = Memory::default();
        delivered("queued", BODY, &ports);
        let id = event(&ports)["id"].as_str().unwrap().to_owned();
        let (status, detail) = refused(&serve_as(&api("POST", &format!("events/{id}/replay")), &config, &ports));
        assert_eq!((status, detail.contains(words)), (422, true), "{detail}");
        assert!(ports.queue.borrow().is_empty());
    }
}

#[test]
fn a_missing_binding_is_off_and_an_unknown_event_is_404() {
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    let id = event(&ports)["id"].as_str().unwrap().to_owned();
    let path = format!("events/{id}/replay");
    let sources = json!({ "d": { "provider": "generic", "secrets": ["GENERIC_SECRET"], "deliver": "origin" } });
    let config = Config::parse(&sources, Bindings { events: false, ..ALL }, &lookup);
    let (status, detail) = refused(&serve_as(&api("POST", &path), &config, &ports));
    assert_eq!((status, detail.contains("EVENTS")), (501, true), "{detail}");
    for unknown in ["x", "1-0123456789abcdef0123456789abcdef", &id.replace('-', "0-"), &id.to_uppercase()] {
        assert_eq!(serve(&api("POST", &format!("events/{unknown}/replay")), &ports).answer.status, 404, "{unknown}");
    }
    assert_eq!(serve(&api("GET", &path), &ports).answer.status, 405);
    let without = Memory::without("LOG");
    assert_eq!(serve(&api("POST", &path), &without).answer.status, 501);
    assert!(ports.queue.borrow().is_empty() && without.queue.borrow().is_empty());
}

#[test]
fn each_step_of_a_replay_may_fail_and_the_event_is_at_most_once_in_the_queue() {
    for (step, reason, steps) in [
        ("audit", "audit_failed", &["audit"][..]),
        ("log", "list_failed", &["audit", "log"]),
        ("enqueue", "replay_failed", &["audit", "log", "enqueue"]),
    ] {
        let ports = Memory::default();
        delivered("queued", BODY, &ports);
        let id = event(&ports)["id"].as_str().unwrap().to_owned();
        ports.steps();
        ports.fail.set(Some(step));
        let outcome = serve(&api("POST", &format!("events/{id}/replay")), &ports);
        assert_eq!((outcome.answer.status, outcome.record.unwrap().reason), (503, Some(reason)), "{step}");
        assert_eq!(ports.steps(), steps, "{step}");
        assert!(ports.queue.borrow().is_empty());
    }
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    event(&ports);
    ports.fail.set(Some("note redriven"));
    let outcome = replay(&ports);
    assert_eq!(outcome.answer.status, 200, "the event is in the queue");
    assert!(outcome.record.unwrap().trouble.unwrap().starts_with("redrive_failed"));
    assert_eq!(ports.queue.borrow().len(), 1);
}

#[test]
fn a_claim_that_fails_delays_a_replay_and_loses_nothing() {
    let ports = Memory::default();
    delivered("queued", BODY, &ports);
    let message = replayed(&ports);
    ports.fail.set(Some("claim"));
    let (disposition, record) = forward(&message, 1, &ports);
    assert_eq!((record.verdict, record.reason), (Verdict::Retried, Some("claim_failed")));
    assert!(matches!(disposition, Disposition::Retry(_)));
    ports.fail.set(None);
    assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(ports.sent.borrow().len(), 2);
}
