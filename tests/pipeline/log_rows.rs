//! Rows of the log that an older version wrote, and rows whose time is over.

use super::log::{details, take, write};
use super::memory::{Memory, NOW};
use super::{BODY, configured, forward, post, queued, serve_as};
use hookgate::pipeline::{self};
use pollster::block_on;
use serde_json::{Value, json};

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
