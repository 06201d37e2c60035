//! What the log in the database says of each event and of each refused request.

use super::memory::{EVENTS, Memory, NOW};
use super::{
    BODY, Post, SECRET, TOKEN, configured, forward, json_of, kill_all, post, queued, request, serve, serve_as,
};
use hookgate::log::{EventFilter, EventName, SCANNED};
use hookgate::pipeline::{self, Disposition};
use hookgate::record::Record;
use pollster::block_on;
use serde_json::{Value, json};

fn get(path: &str, ports: &Memory) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    let request = Post { path: format!("/api/{path}"), ..request("GET", "", query, &[("authorization", &bearer)], "") };
    let answer = serve(&request, ports).answer;
    (answer.status, json_of(&answer))
}

/// The only event of the list.
fn only(ports: &Memory) -> Value {
    let (status, page) = get("events", ports);
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{status} {page}"));
    assert_eq!((status, events.len(), &page["next"]), (200, 1, &Value::Null), "{page}");
    events[0].clone()
}

/// The details of the only event.
fn details(ports: &Memory) -> Value {
    let id = only(ports)["id"].as_str().unwrap().to_owned();
    let (status, event) = get(&format!("events/{id}"), ports);
    assert_eq!(status, 200, "{event}");
    event
}

fn write(ports: &Memory) -> Option<Record> {
    block_on(pipeline::write_log(ports))
}

fn admin() -> Post {
    request("GET", "", "", &[("authorization", &format!("Bearer {TOKEN}"))], "")
}

/// An event that the source `picky` does not want.
fn picky(number: u32) -> String {
    BODY.replace("evt_1", &format!("evt_{number}"))
}

fn take(ports: &Memory) -> String {
    ports.queue.take().remove(0)
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

/// Events `0` to `count`, one every seven seconds.
fn many(count: u32, ports: &Memory) {
    for number in 0..count {
        let body = BODY.replace("evt_1", &format!("evt_{number}"));
        assert_eq!(serve(&post("queued", body), ports).answer.status, 200);
        ports.origin_status.set(Some([200, 503, 410][number as usize % 3]));
        forward(&take(ports), 1, ports);
        ports.wait(7);
    }
    ports.origin_status.set(None);
    while !ports.dead.take().is_empty() {}
}

#[test]
fn pages_have_each_event_once_while_other_events_come() {
    let ports = Memory::default();
    many(60, &ports);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = get(&format!("events?limit=7{cursor}"), &ports);
        assert_eq!(status, 200, "{page}");
        seen.extend(
            page["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        let body = BODY.replace("evt_1", &format!("later_{}", seen.len()));
        serve(&post("queued", body), &ports);
        forward(&take(&ports), 1, &ports);
    }
    let expected: Vec<String> = (0..60).rev().map(|number| format!("evt_{number}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn each_filter_selects_what_it_says() {
    let ports = Memory::default();
    many(9, &ports);
    let key = get("events?id=evt_4", &ports).1["events"][0].clone();
    let detail = get(&format!("events/{}", key["id"].as_str().unwrap()), &ports).1;
    let rows = [
        ("state=delivered", vec![6, 3, 0]),
        ("state=retrying,dead", vec![8, 7, 5, 4, 2, 1]),
        ("status=503", vec![7, 4, 1]),
        ("status=4xx,200", vec![8, 6, 5, 3, 2, 0]),
        ("reason=origin_refused", vec![8, 5, 2]),
        ("id=evt_4", vec![4]),
        ("type=user.created&status=410", vec![8, 5, 2]),
        ("type=user.*&id=evt_1", vec![1]),
        ("type=user", vec![]),
        ("source=queued&id=evt_0", vec![0]),
        ("source=other", vec![]),
        ("destination=https://origin.example/q&id=evt_3", vec![3]),
        ("destination=https://elsewhere.example", vec![]),
        ("since=2026-01-15T12:30:50Z", vec![8]),
        ("until=2026-01-15T12:30:08Z", vec![1, 0]),
        ("text=EVT_5", vec![5]),
        ("text=created_at&status=503", vec![7, 4, 1]),
        ("text=nowhere", vec![]),
        ("text=%25", vec![]),
    ];
    let key = format!("key={}", detail["key"].as_str().unwrap());
    for (query, expected) in rows.into_iter().chain([(key.as_str(), vec![4])]) {
        let (status, page) = get(&format!("events?{query}"), &ports);
        assert_eq!(status, 200, "{query}: {page}");
        let ids: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| event["event_id"].clone()).collect();
        let expected: Vec<_> = expected.into_iter().map(|number| json!(format!("evt_{number}"))).collect();
        assert_eq!((ids, &page["next"]), (expected, &Value::Null), "{query}");
    }
}

/// The ids of all pages, and the number of the pages.
fn all_pages(query: &str, ports: &Memory) -> (Vec<String>, usize) {
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
fn a_key_is_found_in_every_week_of_the_log() {
    let ports = Memory::default();
    many(1, &ports);
    let id = get("events", &ports).1["events"][0]["id"].as_str().unwrap().to_owned();
    let key = get(&format!("events/{id}"), &ports).1["key"].as_str().unwrap().to_owned();
    assert_eq!(all_pages(&format!("key={key}"), &ports), (vec!["evt_0".to_owned()], 1));
    ports.wait(15 * 24 * 3600);
    assert_eq!(all_pages(&format!("key={key}"), &ports), (vec!["evt_0".to_owned()], 1));
    assert_eq!(all_pages(&format!("key={}", "0".repeat(64)), &ports).0, [""; 0]);
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

/// Makes the rows of the log those of the version before.
fn as_before(ports: &Memory) {
    ports.database.query(
        "INSERT INTO events SELECT received / 60, name, received, updated, source, state, reason, status, tries, next, \
         delivered, destination, event_id, type, bytes, days, payload, kept, detail, attempts, head, body FROM log_events \
         RETURNING 1 AS moved",
    );
    ports.database.query("DELETE FROM log_events RETURNING 1 AS gone");
}

fn sweep(ports: &Memory) {
    let now = ports.now.get().unwrap_or(NOW);
    let record = block_on(pipeline::sweep(ports, &super::config(), now));
    assert!(!record.line().contains("log_sweep"), "{}", record.line());
}

#[test]
fn a_row_of_the_version_before_moves_with_all_its_columns() {
    let ports = Memory::default();
    ports.database.query(
        "INSERT INTO events VALUES (29474670, '3f29a1c8e07b4d5692fe10ab7d0c1b2a', 1768480203, 1768480204, 'queued', 'dead', \
         'origin_refused', 410, 1, NULL, NULL, 'https://origin.example/queued', 'evt_9', 'user.created', 4, 7, NULL, 'exact', \
         'the origin answered 410', '[{\"at\":1768480204,\"number\":1,\"destination\":\"https://origin.example/queued\",\
         \"status\":410,\"ms\":7}]', '{\"dedupkey\":\"k\",\"provider\":\"generic\",\"headers\":\"[]\"}', x'ff00') RETURNING 1 AS made",
    );
    let before = ports.database.query("SELECT * FROM events")[0].clone();
    sweep(&ports);
    assert_eq!(ports.database.query("SELECT * FROM events").len(), 0);
    let mut after = ports.database.query("SELECT * FROM log_events")[0].clone();
    assert_eq!(after.remove("id"), Some(json!(1_768_480_203_i64 * (1 << 28) + 0xa_2bd5)));
    assert!(
        before.iter().all(|(name, value)| name == "slot" || after.remove(name).as_ref() == Some(value))
            && after.is_empty()
    );
    let event = details(&ports);
    assert_eq!(
        (&event["id"], &event["body_base64"], &event["history"][0]["status"]),
        (&json!("1768480203-3f29a1c8e07b4d5692fe10ab7d0c1b2a"), &json!("/wA="), &json!(410))
    );
}

#[test]
fn an_attempt_joins_the_row_of_the_version_before() {
    for is_swept_first in [true, false] {
        let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
        ports.origin_status.set(Some(503));
        forward(&message, 1, &ports);
        write(&ports);
        as_before(&ports);
        if is_swept_first {
            sweep(&ports);
        }
        ports.wait(60);
        ports.origin_status.set(None);
        forward(&message, 2, &ports);
        write(&ports);
        sweep(&ports);
        let event = details(&ports);
        assert_eq!(
            (&event["state"], &event["attempts"], &event["status"], &event["reason"], &event["body"]),
            (&json!("delivered"), &json!(2), &json!(200), &Value::Null, &json!(BODY)),
        );
        let numbers: Vec<_> = event["history"].as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
        assert_eq!(numbers, [1, 2], "in order of time");
        assert_eq!(ports.database.query("SELECT * FROM waiting").len(), 0);
    }
}

#[test]
fn every_row_of_the_version_before_moves_within_one_sweep() {
    let (ports, message) = (Memory::default(), queued(&post("queued", BODY)));
    forward(&message, 1, &ports);
    write(&ports);
    as_before(&ports);
    ports.database.query(
        "INSERT INTO events SELECT slot - value % 1000, printf('%032x', value), (slot - value % 1000) * 60, updated, source, \
         state, reason, status, tries, next, delivered, destination, event_id, type, bytes, days, payload, kept, detail, \
         attempts, head, body FROM events, (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE \
         value < 25000) SELECT value FROM n) RETURNING 1 AS made",
    );
    sweep(&ports);
    let left = ports.database.query("SELECT count(*) AS old, (SELECT count(*) FROM log_events) AS new FROM events");
    assert_eq!((&left[0]["old"], &left[0]["new"]), (&json!(0), &json!(25_001)));
}

#[test]
fn a_filter_that_fits_few_events_finds_them_behind_the_end_of_a_scan() {
    let ports = Memory::default();
    many(1, &ports);
    only(&ports); // a call of the API writes the event's row
    let copies = SCANNED + 10;
    ports.database.query(&format!(
        "INSERT INTO log_events SELECT ((received + 60) << 28) + value, printf('%032x', value), received + 60, updated, \
         source, state, reason, status, tries, next, delivered, destination, 'copy', type, bytes, days, payload, kept, detail, attempts, head, body \
         FROM log_events, (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {copies}) \
         SELECT value FROM n) RETURNING 1 AS made"
    ));
    ports.wait(120);
    let full = EventFilter::default().page(None, 50, ports.now.get().unwrap());
    assert!(ports.database.steps(&full) < i64::from(SCANNED), "a full page looks at no more events than it shows");
    let after = EventName::parse(&format!("{}-{:032x}", NOW.seconds() + 60, 10)).unwrap();
    let deep = EventFilter::default().page(Some(&after), 50, ports.now.get().unwrap());
    assert!(ports.database.steps(&deep) < i64::from(SCANNED), "a deep page looks at no newer event");
    assert_eq!(all_pages("id=evt_0", &ports), (vec!["evt_0".to_owned()], 2));
    assert_eq!(all_pages("id=none", &ports), (vec![], 2));
    assert_eq!(all_pages("text=evt_0&id=evt_0", &ports), (vec!["evt_0".to_owned()], 3));
}

#[test]
fn the_largest_filter_is_answered() {
    let ports = Memory::default();
    many(3, &ports);
    let twenty = |text: &str| (0..20).map(|at| format!("{text}{}", at + 10)).collect::<Vec<_>>().join(",");
    let text = "%F0%9F%A6%80".repeat(512);
    let lists = format!(
        "source=queued,{}&reason={}&type={}&status={}&state=dead{}",
        twenty("a").split_once(',').unwrap().1,
        twenty("it's\""),
        twenty("user.").replace(',', "*,"),
        twenty("5"),
        ",dead".repeat(19),
    );
    let others = format!("destination=https://a.example&id=evt_1&since=1&until=2036-01-01T00:00:00Z&text={text}");
    for query in [format!("{lists}&{others}"), format!("{lists}&{others}&key={}", "0".repeat(64)), lists] {
        let (status, page) = get(&format!("events?{query}&cursor=9999999999-{}", "f".repeat(32)), &ports);
        assert_eq!((status, &page["events"]), (200, &json!([])), "{query}: {page}");
    }
}

#[test]
fn a_mistake_in_a_parameter_is_named_and_selects_nothing() {
    let long = format!("text={}", "ä".repeat(513));
    for query in [
        "sources=a", "state=done", "status=5x", "status=099", "status=6xx", "status=%2B503", "status=%2B5xx",
        "status=0503", "since=yesterday", "limit=0", "limit=201", "limit=x", "cursor=abc", "cursor=1.2-3", "key=abc",
        "id=", "type=", "type=**", "type=*.paid", "type=a,*b", &long,
    ] {
        let (status, problem) = get(&format!("events?{query}"), &Memory::default());
        let name = query.split('=').next().unwrap();
        assert_eq!(status, 422, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(&format!("the parameter {name}")), "{query}: {problem}");
    }
    for id in ["x", "1-2", "29471310-", &format!("0-{}", "0".repeat(32)), "01-00000000000000000000000000000000"] {
        assert_eq!(get(&format!("events/{id}"), &Memory::default()).0, 404, "{id}");
    }
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

#[test]
fn rows_are_deleted_when_their_retention_ends_and_no_sooner() {
    let secrets = json!(["GENERIC_SECRET"]);
    let config = configured(json!({
        "week": { "provider": "generic", "secrets": secrets },
        "long": { "provider": "generic", "secrets": secrets, "log_bodies": "30d" },
        "short": { "provider": "generic", "secrets": secrets, "log_bodies": "1d" },
    }));
    let ports = Memory::default();
    for source in ["week", "long", "short"] {
        serve_as(&post(source, BODY), &config, &ports);
        serve_as(&post(source, BODY), &config, &ports);
        serve_as(&post(source, BODY).forged(), &config, &ports);
        super::forward_as(&take(&ports), &config, &ports);
    }
    write(&ports);
    let left = |table: &str| {
        let rows = ports.database.query(&format!("SELECT * FROM {table}"));
        rows.iter()
            .map(|row| row.get("source").map_or("x", |name| name.as_str().unwrap()).to_owned())
            .collect::<Vec<_>>()
    };
    // The cron runs each hour. A run in which the database fails is made up for by the next one.
    for hour in 0..32 * 24 {
        ports.fail.set((hour % 5 == 0).then_some("log"));
        block_on(pipeline::sweep(&ports, &config, ports.now()));
        let mut events = left("log_events");
        events.sort();
        let expected: &[&str] = match hour {
            0..24 => &["long", "short", "week"],
            27..168 => &["long", "week"],
            171..720 => &["long"],
            750.. => &[],
            _ => &events.iter().map(String::as_str).collect::<Vec<_>>(),
        };
        assert_eq!(events, expected, "hour {hour}");
        ports.wait(3600);
    }
    for table in ["log_events", "counts", "refused", "deliveries", "duplicates"] {
        assert_eq!(left(table), [""; 0], "{table}");
    }
}

#[test]
fn a_time_may_be_in_milliseconds() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    forward(&take(&ports), 1, &ports);
    for (query, count) in [
        ("since=1768480200", 1),
        ("since=1768480200000", 1),
        ("since=1768480201000", 0),
        ("until=1768480200000", 0),
        ("until=1768480201000", 1),
    ] {
        assert_eq!(
            get(&format!("events?{query}"), &ports).1["events"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
}
