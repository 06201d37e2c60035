//! `/api/metrics`: a strict reader of OpenMetrics reads the text, and no counter falls within a day.

use super::memory::{Memory, NOW};
use super::numbers::{ask, deliver};
use super::{BODY, header, json_of, post, serve};
use hookgate::log::{Delivery, LogBuffer};
use hookgate::pipeline;
use hookgate::pipeline::ports::QueueBacklog;
use pollster::block_on;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The samples by name and labels, in a text that obeys OpenMetrics 1.0.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let lines: Vec<_> = text.strip_suffix("# EOF\n").expect("the end").lines().collect();
    let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
    let mut family = (String::new(), "");
    for line in lines {
        if let Some(head) = line.strip_prefix("# ") {
            let mut words = head.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match what {
                "TYPE" => {
                    let suffix = match rest {
                        "counter" => "_total",
                        "gauge" => "",
                        "histogram" => "_bucket",
                        "info" => "_info",
                        other => panic!("{other}"),
                    };
                    assert!(families.insert(name.to_owned(), 0).is_none(), "{name} comes twice");
                    family = (name.to_owned(), suffix);
                }
                "UNIT" => assert!(name == family.0 && name.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => assert!(name == family.0 && !rest.is_empty(), "{line}"),
                other => panic!("{other}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').map_or((series, None), |(name, rest)| (name, Some(rest)));
        assert_eq!(name, format!("{}{}", family.0, family.1), "{line}");
        if let Some(labels) = labels {
            assert_labels(labels.strip_suffix('}').expect(line));
        }
        assert!(samples.insert(series.to_owned(), value.parse().expect(line)).is_none(), "{series} comes twice");
        *families.get_mut(&family.0).unwrap() += 1;
    }
    assert!(families.values().all(|count| *count > 0), "{families:?}");
    samples
}

/// Labels are `name="value"`, separated by commas; only `\\`, `\"` and `\n` are escapes.
fn assert_labels(labels: &str) {
    let (mut rest, mut names) = (labels, BTreeSet::new());
    loop {
        let (name, value) = rest.split_once("=\"").expect(labels);
        assert!(names.insert(name) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{labels}");
        let mut letters = value.char_indices();
        let end = loop {
            match letters.next().expect(labels) {
                (at, '"') => break at,
                (_, '\\') => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n'))), "{labels}"),
                _ => {}
            }
        };
        match value[end + 1..].strip_prefix(',') {
            Some(more) => rest = more,
            None => return assert_eq!(&value[end + 1..], "", "{labels}"),
        }
    }
}

fn metrics(ports: &Memory) -> BTreeMap<String, f64> {
    let answer = ask("metrics", ports);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(header(&answer, "content-type"), Some(media_type));
    parsed(&answer.body)
}

#[test]
fn the_metrics_are_openmetrics() {
    let ports = Memory::default();
    deliver(1, 200, &ports);
    deliver(2, 503, &ports);
    (0..3).for_each(|_| drop(serve(&post("queued", BODY).forged(), &ports)));
    ports.backlog.set(Some(QueueBacklog { messages: 4, oldest: Some(NOW) }));
    ports.wait(30);
    let all = metrics(&ports);
    let labels = r#"source="queued",destination="https://origin.example/queued""#;
    for (series, value) in [
        (r#"hookgate_requests_total{source="queued",verdict="accepted",reason=""}"#.to_owned(), 2.0),
        (r#"hookgate_requests_total{source="queued",verdict="rejected",reason="signature_mismatch"}"#.to_owned(), 3.0),
        (format!("hookgate_attempts_total{{{labels},class=\"5xx\"}}"), 1.0),
        (format!("hookgate_attempts_total{{{labels},class=\"4xx\"}}"), 0.0),
        (format!("hookgate_delivered_events_total{{{labels}}}"), 1.0),
        (format!("hookgate_attempt_duration_seconds_bucket{{{labels},le=\"0.01\"}}"), 2.0),
        (format!("hookgate_attempt_duration_seconds_bucket{{{labels},le=\"+Inf\"}}"), 2.0),
        ("hookgate_queue_messages".to_owned(), 4.0),
        ("hookgate_queue_oldest_age_seconds".to_owned(), 30.0),
        ("hookgate_metrics_complete".to_owned(), 1.0),
        (r#"hookgate_source_usable{source="keyless"}"#.to_owned(), 0.0),
        ("hookgate_counters_since_timestamp_seconds".to_owned(), 1_768_435_200.0),
    ] {
        assert_eq!(all.get(&series), Some(&value), "{series}: {all:#?}");
    }
}

#[test]
fn a_counter_never_falls_except_at_midnight_even_while_rows_expire() {
    let ports = Memory::default();
    let (mut before, mut since) = (BTreeMap::new(), 0.0);
    let mut falls = 0;
    for number in 0..140 {
        let attempt = Some((Some(200), 5));
        let delivery = Delivery { is_first: true, is_delivered: true, attempt, ..Delivery::default() };
        let mut log = LogBuffer::default();
        log.delivery("queued", "https://origin.example/queued", delivery, ports.now());
        log.take().iter().for_each(|group| drop(ports.database.run(group)));
        serve(&post("queued", BODY).forged(), &ports);
        block_on(pipeline::sweep(&ports, &super::config(), ports.now()));
        let all = metrics(&ports);
        let begin = all["hookgate_counters_since_timestamp_seconds"];
        for (series, value) in all.iter().filter(|(name, _)| name.contains("_total{") || name.contains("_bucket{")) {
            let fell = before.get(series).is_some_and(|known| value < known);
            assert!(!fell || begin > since, "{series} fell to {value} at {number}");
            falls += u32::from(fell);
        }
        (before, since) = (all, begin);
        ports.wait(6 * 3600);
    }
    assert!(falls > 30, "the counters began again each day: {falls}");
}

#[test]
fn the_number_of_series_has_a_bound() {
    let ports = Memory::default();
    deliver(1, 200, &ports);
    assert_eq!(metrics(&ports)["hookgate_metrics_complete"], 1.0);
    block_on(pipeline::write_log(&ports));
    let slot = NOW.seconds() / 60;
    ports.database.query(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
         INSERT INTO counts SELECT {slot}, 'a\"\\' || char(10) || n, 'rejected', 'x', 1 FROM n"
    ));
    ports.database.query(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) INSERT INTO deliveries \
         SELECT {slot}, 's', 'https://x.example/' || n, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
         0 FROM n"
    ));
    let all = metrics(&ports);
    assert_eq!(all["hookgate_metrics_complete"], 0.0);
    assert!(all.len() < 7_000, "{}", all.len());
    assert_eq!(ask("stats?step=1h", &ports).status, 200);
}

#[test]
fn an_answer_says_from_when_on_it_is_complete() {
    let (ports, slot) = (Memory::default(), NOW.seconds() / 60);
    let numbers =
        |most: u32| format!("WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {most})");
    let ask = |path: &str| json_of(&ask(path, &ports));
    // 1,000 rows in each of 45 minutes, which are all that a call reads, and one event more than a call reads.
    ports.database.query(&format!(
        "{} INSERT INTO counts SELECT {slot} - n / 1000, 's' || (n % 1000), 'rejected', 'too_old', 1 FROM n",
        numbers(44_999)
    ));
    let event = |first: u32, last: u32| {
        ports.database.query(&format!(
            "{} INSERT INTO log_events SELECT (60 * ({slot} - n / 1000) << 28) + n, 'name' || n, 60 * ({slot} - n / 1000), 0, 's', 'waiting', NULL, \
             NULL, 0, NULL, NULL, NULL, 'e', 't', 1, 7, NULL, 'none', NULL, '[]', '{{}}', NULL FROM n WHERE n >= {first}",
            numbers(last)
        ));
    };
    event(0, 19_998);
    let told = ask("stats");
    assert_eq!((&told["partial_before"], &told["backlog"]["events_partial_before"]), (&Value::Null, &Value::Null));
    assert_eq!(ask("refused")["counts_partial_before"], Value::Null);
    ports.database.query(&format!("INSERT INTO counts VALUES ({slot} - 45, 's1', 'rejected', 'too_old', 1)"));
    event(19_999, 20_999);
    let told = ask("stats");
    assert_eq!(told["partial_before"], "2026-01-15T11:46:00Z");
    let sum = |all: &Value, count: &str| {
        all.as_array().unwrap().iter().map(|one| one.pointer(count).unwrap().as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(sum(&told["totals"], "/verdicts/rejected"), 45_000, "without the minute that is not complete");
    // The other table has few rows, so all of them are read.
    ports.database.query(&format!("INSERT INTO deliveries VALUES ({slot} - 50, 's1', 'u', 7{})", ", 0".repeat(23)));
    let told = ask("stats");
    assert_eq!(told["partial_before"], "2026-01-15T11:46:00Z");
    let busy = told["totals"].as_array().unwrap().iter().find(|one| one["source"] == "s1").unwrap();
    assert_eq!(busy["destinations"]["u"]["accepted"], 7, "{busy}");
    let refused = ask("refused");
    assert_eq!(refused["counts_partial_before"], "2026-01-15T11:46:00Z");
    assert_eq!(sum(&refused["counts"], "/count"), 45_000);
    let backlog = &told["backlog"];
    assert_eq!(
        (&backlog["events"][0]["count"], &backlog["events_partial_before"]),
        (&json!(20_000), &json!("2026-01-15T12:11:01Z"))
    );
    assert_eq!(backlog["dead_letters_complete"], true);
    ports.database.query(&format!(
        "{} INSERT INTO dead_letters (id, source, event_id, type, key, received, died, reason, bytes, expires, message) \
         SELECT n, 's', 'e', 't', 'k', 'r', 1, 'x', 1, 9999999999, 'm' FROM n",
        numbers(1_000)
    ));
    assert_eq!(ask("stats")["backlog"]["dead_letters_complete"], false);
}
