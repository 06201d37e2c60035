//! Large bodies that the log keeps in R2: until when, what the API shows of them, and how they are sent again.

use super::memory::Memory;
use super::{
    ALL, BODY, Post, TOKEN, block_on, configured, forward, forward_as, json_of, kill_all, lookup, post, request, serve,
    serve_as,
};
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::message::Event;
use hookgate::pipeline;
use hookgate::record::{Record, Verdict};
use serde_json::{Value, json};

pub const DAY: u64 = 86_400;

/// An event of `bytes` bytes.
fn sized(bytes: usize) -> String {
    BODY.to_owned() + &" ".repeat(bytes - BODY.len())
}

pub fn large() -> String {
    sized(120_000)
}

fn api(method: &'static str, path: &str) -> Post {
    let bearer = format!("Bearer {TOKEN}");
    Post { path: format!("/api/{path}"), ..request(method, "", "", &[("authorization", &bearer)], "") }
}

type Configured = Result<Config, ConfigError>;

/// A configuration with one source, which has these keys too.
pub fn with(keys: Value) -> Configured {
    let mut source = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"], "max_body": "25MiB" });
    source.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    configured(json!({ "queued": source }))
}

pub fn id(ports: &Memory) -> String {
    block_on(pipeline::write_log(ports));
    let rows = ports.database.query("SELECT received || '-' || name AS id FROM log_events");
    assert_eq!(rows.len(), 1);
    rows[0]["id"].as_str().unwrap().to_owned()
}

/// What the API shows of the only event.
fn shown(config: &Configured, ports: &Memory) -> Value {
    let outcome = serve_as(&api("GET", &format!("events/{}", id(ports))), config, ports);
    assert_eq!(outcome.answer.status, 200, "{}", outcome.answer.body);
    json_of(&outcome.answer)
}

/// Accepts an event and delivers it. Returns its message, and the name of its body.
pub fn delivered(body: &str, config: &Configured, ports: &Memory) -> (String, String) {
    assert_eq!(serve_as(&post("queued", body), config, ports).answer.status, 200);
    let message = ports.queue.take().remove(0);
    assert_eq!(forward_as(&message, config, ports).1.verdict, Verdict::Delivered);
    let name = Event::decode(&message).unwrap().payload().unwrap().to_owned();
    (message, name)
}

/// Asks for a replay of the only event. Returns its message.
pub fn replayed(config: &Configured, ports: &Memory) -> String {
    let outcome = serve_as(&api("POST", &format!("events/{}/replay", id(ports))), config, ports);
    assert_eq!(outcome.answer.status, 200, "{}", outcome.answer.body);
    ports.queue.take().remove(0)
}

pub fn sweep(config: &Configured, ports: &Memory) -> Record {
    let record = block_on(pipeline::sweep(ports, config, ports.now()));
    assert_eq!((record.verdict, record.trouble.as_deref()), (Verdict::Swept, None), "{}", record.line());
    record
}

/// Days with the run of the cron. A run looks only at the rows that expired since the last one.
pub fn pass(days: u64, config: &Configured, ports: &Memory) {
    for _ in 0..days {
        ports.wait(DAY);
        sweep(config, ports);
    }
}

/// The names of the objects, without those of the marks.
pub fn bodies(ports: &Memory) -> Vec<String> {
    let payloads = ports.payloads.borrow();
    let bodies = payloads.iter().filter(|(name, (_, body))| !name.starts_with("delivered/") && !body.is_empty());
    bodies.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_delivered_large_event_is_shown_and_sent_again_while_the_log_has_its_row() {
    let (config, ports, body) = (with(json!({})), Memory::default(), large());
    delivered(&body, &config, &ports);
    for expected in [2, 3] {
        ports.wait(DAY);
        let event = shown(&config, &ports);
        assert_eq!((&event["kept"], &event["state"]), (&json!("bucket"), &json!("delivered")));
        assert!(event["body"] == body && event["body_base64"].is_null());
        let message = replayed(&config, &ports);
        assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(ports.sent.borrow().len(), expected);
        assert!(ports.sent.borrow()[expected - 1].body == body.as_bytes());
        assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Duplicate, "the queue gave it twice");
        assert_eq!(ports.sent.borrow().len(), expected);
    }
}

/// Without the objects, nothing but the mark knows a second copy.
#[test]
fn a_second_copy_of_a_message_is_recognized_without_a_claim() {
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"], "max_body": "200kB" } });
    let config = Config::parse(&sources, Bindings { claims: false, ..ALL }, &lookup);
    let ports = Memory::default();
    let (message, _) = delivered(&large(), &config, &ports);
    let arrives = |message: &str, verdict: Verdict, sent: usize| {
        assert_eq!(forward_as(message, &config, &ports).1.verdict, verdict);
        assert_eq!(ports.sent.borrow().len(), sent);
    };
    arrives(&message, Verdict::Duplicate, 1);
    for sent in [2, 3] {
        let replay = replayed(&config, &ports);
        arrives(&replay, Verdict::Delivered, sent);
        arrives(&replay, Verdict::Duplicate, sent);
        arrives(&message, Verdict::Duplicate, sent);
    }
    // A replay that died has no mark: the one of the replay before does not count.
    let replay = replayed(&config, &ports);
    ports.origin_status.set(Some(410));
    arrives(&replay, Verdict::Dead, 4);
    ports.origin_status.set(None);
    arrives(&replay, Verdict::Delivered, 5);
    arrives(&replay, Verdict::Duplicate, 5);
}

#[test]
fn a_body_that_the_log_may_not_have_is_gone_after_the_delivery() {
    let cases = [json!({ "log_bodies": "none" }), json!({ "redact": ["$.type"] })];
    for keys in cases {
        let (config, ports) = (with(keys.clone()), Memory::default());
        ports.origin_status.set(Some(503));
        assert_eq!(serve_as(&post("queued", large()), &config, &ports).answer.status, 200);
        let message = ports.queue.take().remove(0);
        forward_as(&message, &config, &ports);
        let event = shown(&config, &ports);
        assert_eq!((&event["kept"], &event["body"]), (&json!("bucket"), &Value::Null), "{keys}: it is still needed");
        ports.origin_status.set(None);
        assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Delivered);
        assert_eq!(bodies(&ports), [""; 0], "{keys}");
        assert_eq!(ports.payloads.borrow().len(), 1, "one put, as before");
        assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Duplicate);
        let event = shown(&config, &ports);
        assert_eq!((&event["kept"], &event["body"]), (&json!("delivered"), &Value::Null), "{keys}");
        let refused = serve_as(&api("POST", &format!("events/{}/replay", id(&ports))), &config, &ports).answer;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("deleted after the delivery"), "{}", refused.body);
    }
    // Without the log, there is no row.
    let (config, ports) = (with(json!({})), Memory::without("LOG"));
    delivered(&large(), &config, &ports);
    assert_eq!((bodies(&ports).len(), ports.payloads.borrow().len()), (0, 1));
}

/// A copy of a message may come after the configuration was changed.
#[test]
fn a_second_copy_is_recognized_after_the_source_s_log_was_changed() {
    let policies = [json!({}), json!({ "log_bodies": "none" }), json!({ "redact": ["$.type"] })];
    for before in &policies {
        for after in &policies {
            let ports = Memory::default();
            let (message, _) = delivered(&large(), &with(before.clone()), &ports);
            assert_eq!(forward_as(&message, &with(after.clone()), &ports).1.verdict, Verdict::Duplicate);
            assert_eq!(ports.sent.borrow().len(), 1, "{before} {after}");
        }
    }
}

#[test]
fn a_rule_that_comes_later_hides_a_kept_body_from_the_api() {
    let ports = Memory::default();
    delivered(&large(), &with(json!({})), &ports);
    for keys in [json!({ "redact": ["$.type"] }), json!({ "log_bodies": "none" })] {
        assert_eq!(shown(&with(keys), &ports)["body"], Value::Null);
    }
    let other = configured(json!({ "other": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } }));
    assert_eq!(shown(&other, &ports)["body"], Value::Null, "the rules of a source that is gone are not known");
    assert!(shown(&with(json!({ "redact": ["header:x-api-key"] })), &ports)["body"].is_string());
}

#[test]
fn the_api_shows_a_body_of_at_most_a_mebibyte_and_says_where_a_larger_one_is() {
    let config = with(json!({}));
    let mebibyte = 1024 * 1024;
    for (size, is_shown) in [(mebibyte, true), (mebibyte + 1, false), (25 * mebibyte, false)] {
        let ports = Memory::default();
        let body = sized(size);
        delivered(&body, &config, &ports);
        let event = shown(&config, &ports);
        assert_eq!((&event["kept"], &event["bytes"]), (&json!("bucket"), &json!(size)));
        assert_eq!(event["body"].is_string(), is_shown, "{size}");
        forward_as(&replayed(&config, &ports), &config, &ports);
        assert!(ports.sent.borrow()[1].body == body.as_bytes(), "{size}: it is sent again all the same");
    }
}

#[test]
fn the_api_tells_the_truth_about_a_body_that_is_gone_and_answers_while_the_bucket_fails() {
    let (config, ports) = (with(json!({})), Memory::default());
    let (_, name) = delivered(&large(), &config, &ports);
    ports.fail.set(Some("load"));
    let outcome = serve_as(&api("GET", &format!("events/{}", id(&ports))), &config, &ports);
    let event = json_of(&outcome.answer);
    assert_eq!((outcome.answer.status, &event["kept"], &event["body"]), (200, &json!("bucket"), &Value::Null));
    assert!(outcome.record.unwrap().trouble.unwrap().starts_with("load_failed"));
    ports.fail.set(None);
    // Somebody put another object there.
    ports.payloads.borrow_mut().get_mut(&name).unwrap().1.push(b'x');
    assert_eq!(shown(&config, &ports)["body"], Value::Null, "no bytes but those of the event");
    ports.payloads.borrow_mut().remove(&name);
    assert_eq!(shown(&config, &ports)["kept"], "missing");
    ports.payloads.borrow_mut().store(name, Vec::new(), ports.now());
    assert_eq!(shown(&config, &ports)["kept"], "delivered");
}

#[test]
fn an_event_without_its_body_is_shown_without_a_read_of_the_bucket() {
    for (body, kept) in [(large(), "bucket"), (sized(100), "exact")] {
        let (config, ports) = (with(json!({})), Memory::default());
        assert_eq!(serve_as(&post("queued", body), &config, &ports).answer.status, 200);
        forward_as(&ports.queue.take()[0], &config, &ports);
        let path = format!("events/{}", id(&ports));
        let ask = |query: &str| {
            let outcome = serve_as(&Post { query: query.to_owned(), ..api("GET", &path) }, &config, &ports);
            (outcome.answer.status, json_of(&outcome.answer))
        };
        let (_, mut whole) = ask("body=true");
        assert_eq!((&whole["kept"], whole["body"].is_string()), (&json!(kept), true));
        whole["body"] = Value::Null;
        ports.steps();
        assert!(ask("body=false") == (200, whole), "{kept}: all but the body is the same");
        assert_eq!(ports.steps(), ["log"], "{kept}: one read of D1");
        let names: Vec<_> = ports.payloads.borrow().names().cloned().collect();
        ports.payloads.borrow_mut().discard(&names);
        assert_eq!(ask("body=false").1["kept"], kept, "as far as D1 knows");
        for query in ["body=", "body=0", "body=False", "body=false&body=true", "bodies=false", "limit=1"] {
            assert_eq!(ask(query).0, 422, "{query}");
        }
    }
}

#[test]
fn a_body_that_is_no_text_is_shown_in_base64() {
    let source = json!({
        "scheme": { "signature": { "header": "x-webhook-signature" } }, "secrets": ["GENERIC_SECRET"], "max_body": "200kB",
    });
    let config = configured(json!({ "queued": source }));
    let ports = Memory::default();
    let body = vec![0xff; 120_000];
    let request = super::signed("queued", &hookgate_verify::presets::find("generic").unwrap(), body);
    assert_eq!(serve_as(&request, &config, &ports).answer.status, 200);
    forward_as(&ports.queue.take().remove(0), &config, &ports);
    let event = shown(&config, &ports);
    assert_eq!((&event["body"], &event["body_base64"]), (&Value::Null, &json!("////".repeat(40_000))));
}

/// The build before had one object for a body and its mark, and copied a body of the log under a name like any other.
#[test]
fn the_objects_messages_and_rows_of_the_build_before_go_on() {
    let config = with(json!({}));
    // 1. A mark in the place of the body.
    let ports = Memory::default();
    let (message, name) = delivered(&large(), &config, &ports);
    ports.payloads.borrow_mut().remove(&format!("delivered/{name}"));
    ports.payloads.borrow_mut().store(name.clone(), Vec::new(), ports.now());
    id(&ports);
    ports.database.query("UPDATE log_events SET kept = 'delivered' RETURNING 1 AS one");
    assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Duplicate);
    assert_eq!(shown(&config, &ports)["kept"], "delivered");
    assert_eq!(serve_as(&api("POST", &format!("events/{}/replay", id(&ports))), &config, &ports).answer.status, 422);
    pass(9, &config, &ports);
    assert!(ports.payloads.borrow().contains_key(&name), "the mark stays: a copy may come");
    pass(23, &config, &ports);
    assert!(ports.payloads.borrow().is_empty());

    // 2. A letter whose event died under the build before, and its replay.
    let ports = Memory::default();
    serve(&post("queued", large()), &ports);
    kill_all(&ports);
    let message = replayed(&super::config(), &ports);
    assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered);
    assert!(ports.sent.borrow().last().unwrap().body == large().as_bytes());

    // 3. A replay of a filtered event, whose body the build before copied. The row has the body itself.
    let ports = Memory::default();
    let picky = with(json!({ "events": ["invoice.*"] }));
    assert_eq!(json_of(&serve_as(&post("queued", large()), &picky, &ports).answer)["filtered"], true);
    let message = replayed(&picky, &ports);
    let copy = Event::decode(&message).unwrap().payload().unwrap().to_owned();
    let older = copy.strip_prefix("copies/").unwrap().to_owned();
    let body = ports.payloads.borrow_mut().remove(&copy).unwrap();
    ports.payloads.borrow_mut().insert(older.clone(), body);
    let message = message.replace(&copy, &older);
    assert_eq!(forward_as(&message, &picky, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(forward_as(&message, &picky, &ports).1.verdict, Verdict::Duplicate);
    let event = shown(&picky, &ports);
    assert_eq!((&event["kept"], event["body"] == large()), (&json!("exact"), true));
    pass(32, &picky, &ports);
    assert!(ports.payloads.borrow().is_empty());
}

#[test]
fn a_copy_of_a_body_in_the_log_is_gone_after_its_delivery() {
    let ports = Memory::default();
    let config = with(json!({ "events": ["invoice.*"] }));
    assert_eq!(json_of(&serve_as(&post("queued", large()), &config, &ports).answer)["filtered"], true);
    let message = replayed(&config, &ports);
    assert_eq!(bodies(&ports).len(), 1);
    assert_eq!(forward_as(&message, &config, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(bodies(&ports), [""; 0]);
    let event = shown(&config, &ports);
    assert_eq!((&event["kept"], event["body"] == large()), (&json!("exact"), true), "the row has it");
}

#[test]
fn a_large_event_makes_one_call_of_the_bucket_before_its_answer_and_four_for_its_delivery() {
    let (config, ports) = (with(json!({})), Memory::default());
    serve_as(&post("queued", large()), &config, &ports);
    let of_bucket = |steps: Vec<&'static str>| {
        steps.into_iter().filter(|step| ["store", "load", "mark delivered", "send"].contains(step)).collect::<Vec<_>>()
    };
    assert_eq!(of_bucket(ports.steps()), ["store"]);
    forward_as(&ports.queue.take().remove(0), &config, &ports);
    // The signature reads the body once more.
    assert_eq!(of_bucket(ports.steps()), ["load", "load", "load", "send", "store"]);
}

/// The queue may have two messages of one acceptance, each with a body of its own: its provider sent the event again after a
/// failure of the queue.
#[test]
fn the_row_names_the_body_of_the_message_that_wrote_it_last() {
    let (config, ports) = (with(json!({ "dedup": "exact" })), Memory::failing("enqueue"));
    ports.fail_after.set(true);
    assert_eq!(serve_as(&post("queued", large()), &config, &ports).answer.status, 503);
    ports.fail.set(None);
    assert_eq!(serve_as(&post("queued", large()), &config, &ports).answer.status, 200);
    let messages = ports.queue.take();
    ports.origin_status.set(Some(503));
    forward_as(&messages[0], &config, &ports);
    ports.origin_status.set(None);
    assert_eq!(forward_as(&messages[1], &config, &ports).1.verdict, Verdict::Delivered);
    assert_eq!(forward_as(&messages[0], &config, &ports).1.verdict, Verdict::Duplicate);
    assert!(shown(&config, &ports)["body"] == large());
    let name = Event::decode(&messages[1]).unwrap().payload().unwrap().to_owned();
    let row = ports.database.query("SELECT payload, head ->> 'payload' AS head FROM log_events").remove(0);
    assert_eq!((&row["payload"], &row["head"]), (&json!(name), &json!(name)));
    pass(33, &config, &ports);
    assert!(ports.payloads.borrow().is_empty());
}
