//! The list of events: its pages, its filters and the mistakes in them.

use super::log::{all_pages, get, only, take};
use super::memory::{Memory, NOW};
use super::{BODY, forward, post, serve};
use hookgate::log::{EventFilter, EventName, SCANNED};
use serde_json::{Value, json};

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
