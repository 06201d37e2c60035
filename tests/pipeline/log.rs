//! What the log in the database says of each event and of each refused request.

use super::memory::{EVENTS, Memory, NOW};
use super::{
    BODY, Post, SECRET, TOKEN, configured, forward, json_of, kill_all, post, queued, request, serve, serve_as,
};
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Record;
use pollster::block_on;
use serde_json::{Value, json};

pub fn get(path: &str, ports: &Memory) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    let request = Post { path: format!("/api/{path}"), ..request("GET", "", query, &[("authorization", &bearer)], "") };
    let answer = serve(&request, ports).answer;
    (answer.status, json_of(&answer))
}

/// The only event of the list.
pub fn only(ports: &Memory) -> Value {
    let (status, page) = get("events", ports);
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{status} {page}"));
    assert_eq!((status, events.len(), &page["next"]), (200, 1, &Value::Null), "{page}");
    events[0].clone()
}

/// The details of the only event.
pub fn details(ports: &Memory) -> Value {
    let id = only(ports)["id"].as_str().unwrap().to_owned();
    let (status, event) = get(&format!("events/{id}"), ports);
    assert_eq!(status, 200, "{event}");
    event
}

pub fn write(ports: &Memory) -> Option<Record> {
    block_on(pipeline::write_log(ports))
}

fn admin() -> Post {
    request("GET", "", "", &[("authorization", &format!("Bearer {TOKEN}"))], "")
}

/// An event that the source `picky` does not want.
fn picky(number: u32) -> String {
    BODY.replace("evt_1", &format!("evt_{number}"))
}

pub fn take(ports: &Memory) -> String {
    ports.queue.take().remove(0)
}

/// The ids of all pages, and the number of the pages.
pub fn all_pages(query: &str, ports: &Memory) -> (Vec<String>, usize) {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    for pages in 1..100 {
        let (status, page) = get(&format!("events?{query}{cursor}"), ports);
        assert_eq!(status, 200, "{page}");
        ids.extend(page["events"].as_array().unwrap().iter().map(|one| one["event_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return (ids, pages) };
        cursor = format!("&cursor={next}");
    }
    panic!("the list of {query} has no end");
}

#[test]
fn an_accepted_event_costs_no_call_to_the_database_before_it_is_delivered() {
    let ports = Memory::default();
    // The first event of each ten minutes notes its secret. That is written after the answer.
    let first = serve(&post("queued", BODY.replace("evt_1", "evt_0")), &ports);
    assert!(!ports.steps().contains(&"log") && first.must_write_log);
    take(&ports);
    write(&ports);
    assert_eq!(ports.steps(), ["log"]);
    let outcome = serve(&post("queued", BODY), &ports);
    assert!(!ports.steps().contains(&"log") && !outcome.must_write_log);
    forward(&take(&ports), 1, &ports);
    assert!(!ports.steps().contains(&"log"), "the consumer writes after the batch");
    assert_eq!(write(&ports).map(|record| record.line()), None);
    assert_eq!(ports.steps(), ["log"]);
    let event = details(&ports);
    let expected = json!({
        "source": "queued", "state": "delivered", "reason": null, "event_id": "evt_1", "type": "user.created",
        "received": "2026-01-15T12:30:00Z", "updated": "2026-01-15T12:30:00Z", "delivered": "2026-01-15T12:30:00Z",
        "bytes": BODY.len(), "attempts": 1, "status": 200, "destination": "https://origin.example/queued",
        "next_attempt": null, "duplicates": 0, "provider": "generic", "kept": "exact", "body": BODY, "body_base64": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&event[name], value, "{name}");
    }
    assert_eq!(event["key"].as_str().map(str::len), Some(64));
    let history = event["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["number"], &history[0]["status"]), (1, &json!(1), &json!(200)));
}

#[test]
fn each_attempt_is_in_the_row_of_its_event_and_the_state_is_the_last_one() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
    ports.origin_status.set(Some(503));
    let (disposition, _) = forward(&message, 1, &ports);
    assert!(matches!(disposition, Disposition::Retry(_)));
    let event = only(&ports);
    assert_eq!(
        (&event["state"], &event["reason"], &event["status"]),
        (&json!("retrying"), &json!("origin_failed"), &json!(503))
    );
    assert!(event["next_attempt"].as_str().unwrap() > "2026-01-15T12:30:00Z");
    ports.wait(30);
    ports.fail.set(Some("send"));
    forward(&message, 2, &ports);
    assert_eq!(only(&ports)["reason"], "origin_unreachable");
    ports.fail.set(None);
    ports.wait(60);
    ports.origin_status.set(None);
    forward(&message, 3, &ports);
    let event = details(&ports);
    let of = |name: &str| event["history"].as_array().unwrap().iter().map(|one| one[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("number"), [json!(1), json!(2), json!(3)]);
    assert_eq!(of("status"), [json!(503), Value::Null, json!(200)]);
    assert_eq!(
        (&event["state"], &event["attempts"], &event["next_attempt"]),
        (&json!("delivered"), &json!(3), &Value::Null)
    );
    let rows =
        ports.database.query("SELECT accepted, delivered, s2xx, s5xx, unreachable FROM deliveries ORDER BY slot");
    let sum = |name: &str| rows.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!(["accepted", "delivered", "s2xx", "s5xx", "unreachable"].map(sum), [1, 1, 1, 1, 1]);
}

#[test]
fn a_state_that_arrives_late_replaces_no_newer_state() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
    ports.wait(60);
    forward(&message, 2, &ports);
    write(&ports);
    // The entry of the first attempt waited in another isolate.
    ports.now.set(Some(NOW));
    ports.origin_status.set(Some(503));
    forward(&message, 1, &ports);
    let event = details(&ports);
    assert_eq!((&event["state"], &event["status"], &event["attempts"]), (&json!("delivered"), &json!(200), &json!(2)));
    assert_eq!(event["history"].as_array().unwrap().len(), 2);
}

#[test]
fn a_write_whose_answer_is_lost_adds_no_attempt_twice() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
    ports.origin_status.set(Some(503));
    forward(&message, 1, &ports);
    ports.fail.set(Some("log"));
    ports.fail_after.set(true);
    assert!(write(&ports).is_some());
    ports.fail.set(None);
    assert!(write(&ports).is_none());
    let event = details(&ports);
    assert_eq!((&event["attempts"], event["history"].as_array().unwrap().len()), (&json!(1), 1));
}

#[test]
fn a_database_that_fails_changes_no_answer_and_no_attempt() {
    let ports = Memory::failing("log");
    assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
    assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200, "a duplicate");
    assert_eq!(serve(&post("queued", BODY).forged(), &ports).answer.status, 401);
    assert_eq!(forward(&take(&ports), 1, &ports).0, Disposition::Ack);
    assert!(write(&ports).is_some());
    assert_eq!(ports.sent.borrow().len(), 1);
    assert_eq!(get("events", &ports).0, 503);
    ports.fail.set(None);
    let event = only(&ports);
    assert_eq!((&event["state"], &event["duplicates"]), (&json!("delivered"), &json!(1)), "nothing of it is lost");
}

/// Between two writes, an isolate keeps a bounded number of rows. What it drops is told at the next write, and only once.
#[test]
fn a_flood_between_two_writes_is_told_at_the_next_write() {
    let ports = Memory::default();
    let flood = |count: u32| (0..count).for_each(|number| drop(serve(&post("picky", picky(number)), &ports)));
    flood(1_000);
    assert_eq!(write(&ports).map(|record| record.line()), None);
    flood(2_050);
    let told = write(&ports).expect("a line of the drop");
    assert_eq!(told.reason, Some("log_full"));
    let detail = told.detail.expect("the number");
    let dropped: u32 = detail.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert!((50..100).contains(&dropped), "{detail}");
    assert_eq!(write(&ports).map(|record| record.line()), None, "told once");
    // A call of the API tells it too, and a failure tells both.
    flood(2_050);
    let request = Post { path: "/api/events".to_owned(), ..admin() };
    let trouble = serve(&request, &ports).record.and_then(|record| record.trouble);
    assert!(trouble.as_ref().is_some_and(|text| text.starts_with("log_full: ")), "{trouble:?}");
    flood(2_050);
    ports.fail.set(Some("log"));
    let told = write(&ports).expect("a failure");
    assert!(
        told.reason == Some("log_failed") && told.detail.is_some_and(|text| text.ends_with("entries were dropped"))
    );
}

#[test]
fn without_a_database_nothing_is_collected_and_the_list_says_what_is_missing() {
    let ports = Memory::without("LOG");
    serve(&post("queued", BODY), &ports);
    let outcome = serve(&post("queued", BODY).forged(), &ports);
    assert!(!outcome.must_write_log);
    forward(&take(&ports), 1, &ports);
    assert!(write(&ports).is_none() && !ports.steps().contains(&"log"));
    let (status, problem) = get("events", &ports);
    assert!(status >= 400 && problem["detail"].as_str().unwrap().contains("LOG"), "{status} {problem}");
}

#[test]
fn a_dead_event_has_the_reason() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    kill_all(&ports);
    let event = details(&ports);
    assert_eq!(
        (&event["state"], &event["reason"], &event["status"]),
        (&json!("dead"), &json!("origin_refused"), &json!(410))
    );
    assert!(event["why"].as_str().unwrap().contains("the origin answered 410"), "{}", event["why"]);
}

#[test]
fn an_event_whose_source_is_gone_waits_and_the_log_has_neither_its_body_nor_its_headers() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY).with("x-webhook-extra", "value")));
    let handed = pipeline::ReceivedMessage {
        text: &message,
        queue: EVENTS,
        attempt: 1,
        now: NOW,
        pauses: &hookgate::pause::Pauses::default(),
    };
    block_on(pipeline::consume(handed, &configured(json!({})), &ports));
    let event = details(&ports);
    assert_eq!((&event["state"], &event["reason"]), (&json!("waiting"), &json!("no_origin")));
    assert_eq!((&event["kept"], &event["body"]), (&json!("none"), &Value::Null));
    let headers = event["headers"].as_array().unwrap();
    assert!(!headers.is_empty() && headers.iter().all(|header| header[1] == "[redacted]"), "{headers:?}");
    forward(&message, 2, &ports);
    assert_eq!(details(&ports)["body"], BODY, "the source is back");
}

#[test]
fn a_filtered_event_is_in_the_list_with_the_rule() {
    let ports = Memory::default();
    for _ in 0..3 {
        assert!(serve(&post("picky", BODY), &ports).answer.body.contains("filtered"));
    }
    let event = details(&ports);
    assert_eq!(
        (&event["state"], &event["reason"], &event["attempts"]),
        (&json!("filtered"), &json!("unwanted_type"), &json!(0))
    );
    assert!(event["why"].as_str().unwrap().contains("user.created"), "{}", event["why"]);
    assert!(!event["why"].as_str().unwrap().contains('`'), "{}", event["why"]);
    assert_eq!(event["body"], BODY);
    let rows = ports.database.query("SELECT count FROM counts WHERE verdict = 'filtered'");
    assert_eq!(rows[0]["count"], 3);
}

#[test]
fn a_direct_delivery_is_in_the_list() {
    let ports = Memory::default();
    let outcome = serve(&post("straight", BODY), &ports);
    assert!(outcome.must_write_log, "no consumer writes it");
    let event = details(&ports);
    assert_eq!((&event["state"], &event["attempts"], &event["status"]), (&json!("delivered"), &json!(1), &json!(200)));
}

#[test]
fn refusals_are_counted_exactly_and_sampled_within_the_bound() {
    let ports = Memory::default();
    let forged = post("queued", BODY).with("authorization", "Bearer hidden").forged();
    let promised = (0..200).filter(|_| serve(&forged, &ports).must_write_log).count();
    assert_eq!(promised, 1, "one request writes for all of them");
    assert_eq!(ports.steps(), [""; 0]);
    for _ in 0..3 {
        serve(&request("POST", "nobody", "", &[], ""), &ports);
    }
    write(&ports);
    ports.wait(1);
    (0..50).for_each(|_| drop(serve(&forged, &ports)));
    write(&ports);
    let counts =
        ports.database.query("SELECT source, verdict, reason, sum(count) AS count FROM counts GROUP BY 1, 2, 3");
    let counts: Vec<_> = counts
        .iter()
        .map(|row| (row["source"].as_str().unwrap(), row["reason"].as_str().unwrap(), row["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(counts, [("", "not_found", 3), ("queued", "signature_mismatch", 250)]);
    let samples = ports.database.query("SELECT * FROM refused WHERE source = 'queued'");
    assert_eq!(samples.len(), 5);
    let sample = &samples[0];
    assert_eq!((&sample["status"], &sample["body"], &sample["method"]), (&json!(401), &json!("{}"), &json!("POST")));
    assert!(!format!("{samples:?}").contains("hidden"), "{samples:?}");
    assert!(sample["headers"].as_str().unwrap().contains(r#"["authorization","[withheld]"]"#));
}

#[test]
fn an_event_has_the_number_of_its_duplicates_even_if_they_came_first() {
    let ports = Memory::default();
    (0..4).for_each(|_| drop(serve(&post("queued", BODY), &ports)));
    write(&ports);
    forward(&take(&ports), 1, &ports);
    let event = details(&ports);
    assert_eq!(event["duplicates"], 3);
    assert!(event["why"].as_str().unwrap().contains("3 times more"), "{}", event["why"]);
}

#[test]
fn events_of_the_same_second_have_rows_and_places_of_their_own() {
    let ports = Memory::default();
    let body = |number: u32| BODY.replace("evt_1", &format!("evt_{number}"));
    for number in 0..40 {
        // A filtered event has no acceptance.
        let is_filtered = number % 2 == 0;
        serve(&post(if is_filtered { "picky" } else { "queued" }, body(number)), &ports);
        if !is_filtered {
            forward(&take(&ports), 1, &ports);
        }
    }
    let (mut ids, pages) = all_pages("limit=7", &ports);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), pages), (40, 6));
}

#[test]
fn an_event_whose_id_is_taken_changes_no_row_of_another_event() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
    ports.origin_status.set(Some(503));
    forward(&message, 1, &ports);
    let id = only(&ports)["id"].clone();
    ports.database.query("UPDATE log_events SET name = replace(printf('%032d', 0), '0', 'f') RETURNING name");
    ports.database.query("DELETE FROM waiting RETURNING 1 AS gone");
    forward(&message, 2, &ports);
    assert_eq!(get(&format!("events/{}", id.as_str().unwrap()), &ports).0, 404);
    let rows = ports.database.query("SELECT tries, attempts FROM log_events");
    assert_eq!((rows.len(), &rows[0]["tries"]), (1, &json!(1)), "{rows:?}");
    assert_eq!(ports.database.query("SELECT * FROM waiting").len(), 0);
}

#[test]
fn no_secret_is_in_the_log() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    serve(&post("queued", BODY).forged(), &ports);
    kill_all(&ports);
    write(&ports);
    for table in ["log_events", "counts", "refused", "deliveries", "duplicates"] {
        let rows = format!("{:?}", ports.database.query(&format!("SELECT * FROM {table}")));
        assert!(!rows.contains(SECRET) && !rows.contains(TOKEN), "{table}: {rows}");
    }
}

#[test]
fn the_source_says_what_the_log_keeps() {
    let secrets = json!(["GENERIC_SECRET"]);
    let config = configured(json!({
        "none": { "provider": "generic", "secrets": secrets, "log_bodies": "none" },
        "long": { "provider": "generic", "secrets": secrets, "log_bodies": "30d" },
        "some": { "provider": "generic", "secrets": secrets, "redact": ["$.secret", "header:content-type"] },
    }));
    let ports = Memory::default();
    let body = BODY.replace('}', r#","secret":"hunter2"}"#);
    for source in ["none", "long", "some"] {
        assert_eq!(serve_as(&post(source, body.clone()), &config, &ports).answer.status, 200);
        assert_eq!(serve_as(&post(source, body.clone()).forged(), &config, &ports).answer.status, 401);
        let mut forged = post(source, body.clone());
        forged.body = Ok(format!("{body} ").into_bytes());
        serve_as(&forged, &config, &ports);
        super::forward_as(&take(&ports), &config, &ports);
    }
    write(&ports);
    let rows = ports.database.query("SELECT source, days, kept, body, head FROM log_events ORDER BY source");
    let of = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        (of("source"), of("days")),
        (vec![json!("long"), json!("none"), json!("some")], vec![json!(30), json!(7), json!(7)])
    );
    assert_eq!(of("kept"), ["exact", "none", "redacted"]);
    assert_eq!(of("body"), [json!(body), Value::Null, json!(body.replace("hunter2", "[redacted]"))]);
    assert!(!rows[2]["head"].as_str().unwrap().contains("charset"), "{}", rows[2]["head"]);
    let samples = ports.database.query("SELECT source, body, headers FROM refused ORDER BY source, number");
    assert!(samples.iter().any(|row| row["source"] == "long" && row["body"] == format!("{body} ")));
    assert!(samples.iter().all(|row| row["source"] != "none" || row["body"].is_null()));
    let some: Vec<_> = samples.iter().filter(|row| row["source"] == "some").collect();
    assert!(!some.is_empty() && !format!("{some:?}").contains("hunter2") && !format!("{some:?}").contains("charset"));
}
