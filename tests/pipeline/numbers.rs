//! `/api/refused`, `/api/stats` and `/api/sources`, and the statements of these calls and of `/api/metrics`.

use super::memory::{Memory, NOW};
use super::{BODY, Post, SECRET, TOKEN, forward, json_of, post, request, serve, serve_as};
use hookgate::answer::Answer;
use hookgate::config::{Config, ConfigError};
use hookgate::database::Statement;
use hookgate::log::{
    self, EventFilter, EventName, RefusedCursor, RefusedFilter, StatsQuery, activity, advice, backlog,
};
use hookgate::pipeline;
use hookgate::pipeline::ports::QueueBacklog;
use pollster::block_on;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

pub fn ask(path: &str, ports: &Memory) -> Answer {
    ask_as(path, &super::config(), ports)
}

pub fn ask_as(path: &str, config: &Result<Config, ConfigError>, ports: &Memory) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    let request = Post { path: format!("/api/{path}"), ..request("GET", "", query, &[("authorization", &bearer)], "") };
    serve_as(&request, config, ports).answer
}

pub fn get(path: &str, ports: &Memory) -> Value {
    let answer = ask(path, ports);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    json_of(&answer)
}

pub fn event(number: u32) -> String {
    BODY.replace("evt_1", &format!("evt_{number}"))
}

/// Delivers event `number` of `queued`, which the destination answers with `status`.
pub fn deliver(number: u32, status: u16, ports: &Memory) {
    assert_eq!(serve(&post("queued", event(number)), ports).answer.status, 200);
    ports.origin_status.set(Some(status));
    let message = ports.queue.take().remove(0);
    forward(&message, 1, ports);
    ports.origin_status.set(None);
}

pub fn texts<'v>(of: &'v Value, name: &str) -> Vec<&'v str> {
    of.as_array().unwrap().iter().map(|one| one[name].as_str().unwrap()).collect()
}

#[test]
fn a_refused_request_is_shown_with_its_exact_reason_and_what_to_do() {
    let ports = Memory::default();
    serve(&post("queued", BODY).with("authorization", "Bearer hidden").with("content-length", "2").forged(), &ports);
    let mut bytes = post("queued", BODY).with("content-length", "2; hidden");
    bytes.body = Ok(vec![0xff, 0, 1]);
    ports.wait(1);
    serve(&bytes, &ports);
    let page = get("refused", &ports);
    let samples = page["refused"].as_array().unwrap();
    assert_eq!((samples.len(), &page["next"]), (2, &Value::Null));
    let [bytes, text] = [&samples[0], &samples[1]];
    assert_eq!((&bytes["body"], &bytes["body_base64"]), (&Value::Null, &json!("/wAB")));
    let expected = json!({
        "at": "2026-01-15T12:30:00Z", "source": "queued", "status": 401, "reason": "signature_mismatch",
        "method": "POST", "path": "/webhooks/queued", "bytes": 2, "body": "{}", "body_base64": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&text[name], value, "{name}");
    }
    for header in [["authorization", "[withheld]"], ["content-length", "2"]] {
        assert!(text["headers"].as_array().unwrap().contains(&json!(header)), "{header:?}");
    }
    assert!(bytes["headers"].as_array().unwrap().contains(&json!(["content-length", "[withheld]"])));
    let why = text["why"].as_str().unwrap();
    assert!(why.starts_with("The signature at \"x-webhook-signature\" does not match the secret: the sender"), "{why}");
    assert!(why.contains(" way. Compare the secret with the provider's page."), "{why}");
    let counts = json!([{ "source": "queued", "verdict": "rejected", "reason": "signature_mismatch", "count": 2 }]);
    assert_eq!((&page["counts"], &page["counts_partial_before"]), (&counts, &Value::Null));
    assert!(!page.to_string().contains("hidden") && !page.to_string().contains(SECRET));
}

#[test]
fn pages_of_refused_requests_have_each_sample_once_while_others_come() {
    let ports = Memory::default();
    let refuse = |ports: &Memory| {
        serve(&post("queued", BODY).forged(), ports);
        serve(&post("exact", BODY).forged(), ports);
        serve(&request("POST", "queued", "", &[], ""), ports);
        serve(&request("POST", "nobody", "", &[], ""), ports);
        ports.wait(13);
    };
    (0..12).for_each(|_| refuse(&ports));
    let all = get("refused?limit=100", &ports);
    let all: Vec<_> = texts(&all["refused"], "id").into_iter().map(str::to_owned).collect();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("refused?limit=5{cursor}"), &ports);
        seen.extend(texts(&page["refused"], "id").into_iter().map(str::to_owned));
        assert_eq!(page["counts"].is_null(), !cursor.is_empty(), "only the first page counts");
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        refuse(&ports);
    }
    assert_eq!(seen, all);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 48);
    let times: Vec<_> = all.iter().map(|id| id.split('.').next().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
}

#[test]
fn each_filter_of_refused_requests_selects_samples_and_counts_alike() {
    let ports = Memory::default();
    for second in 0..6 {
        serve(&post("queued", BODY).forged(), &ports);
        serve(&post(if second < 2 { "exact" } else { "nobody" }, BODY).forged(), &ports);
        ports.wait(60);
    }
    for (query, samples) in [
        ("source=queued", 6),
        ("source=queued,exact", 8),
        ("source=", 4),
        ("reason=signature_mismatch&source=exact", 2),
        ("reason=not_found", 4),
        ("reason=nothing", 0),
        ("since=2026-01-15T12:33:00Z", 6),
        ("until=2026-01-15T12:31:00Z", 2),
        ("since=2026-01-15T12:31:00Z&until=2026-01-15T12:32:00Z&source=queued", 1),
    ] {
        let page = get(&format!("refused?{query}"), &ports);
        let counts: u64 = page["counts"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum();
        assert_eq!((page["refused"].as_array().unwrap().len(), counts), (samples, samples as u64), "{query}: {page}");
    }
}

#[test]
fn the_advice_for_each_reason_is_the_one_in_the_document() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/log.md")).unwrap();
    let mut rows = 0;
    for heading in ["### Of a request\n", "### Of the operator's API and of the hourly run\n"] {
        let section = document.split(heading).nth(1).unwrap().split("\n#").next().unwrap();
        for line in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let code = cells[0].trim_matches('`');
            let told = format!("{}.", cells[3]);
            // Without an answer, it is no reason of a request.
            assert_eq!(advice(code), (!cells[1].is_empty()).then_some(told.as_str()), "{code}");
            rows += 1;
        }
    }
    assert!(rows > 40 && advice("nothing").is_none());
}

#[test]
fn the_numbers_over_time_are_those_of_the_events() {
    let ports = Memory::default();
    for (number, status) in [200, 200, 503, 410, 302].into_iter().enumerate() {
        deliver(number.try_into().unwrap(), status, &ports);
    }
    serve(&post("queued", event(0)), &ports);
    serve(&post("picky", BODY), &ports);
    serve(&post("queued", BODY).forged(), &ports);
    ports.wait(3600);
    deliver(9, 200, &ports);
    serve(&post("queued", BODY).forged(), &ports);
    let stats = get("stats", &ports);
    assert_eq!((&stats["step_seconds"], &stats["partial_before"]), (&json!(3600), &Value::Null));
    let points = stats["points"].as_array().unwrap();
    let places: Vec<_> =
        points.iter().map(|one| (one["at"].as_str().unwrap(), one["source"].as_str().unwrap())).collect();
    let hours = ["2026-01-15T12:00:00Z", "2026-01-15T13:00:00Z"];
    assert_eq!(places, [(hours[0], "picky"), (hours[0], "queued"), (hours[1], "queued")]);
    let first = &points[1];
    assert_eq!(first["verdicts"], json!({ "accepted": 5, "duplicate": 1, "rejected": 1 }));
    assert_eq!(first["reasons"], json!({ "signature_mismatch": 1 }));
    let destination = &first["destinations"]["https://origin.example/queued"];
    let expected = json!({
        "accepted": 5, "delivered": 2, "dead": 1, "latency_ms": { "p50": 5, "p95": 9, "p99": 9 },
        "attempts": { "2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "unreachable": 0 },
    });
    assert_eq!(destination, &expected);
    assert_eq!(points[0]["verdicts"], json!({ "filtered": 1 }));
    let total = &stats["totals"][1];
    assert_eq!((&total["source"], &total["verdicts"]["accepted"]), (&json!("queued"), &json!(6)));
    assert_eq!(total["destinations"]["https://origin.example/queued"]["delivered"], 3);
    let selected = get("stats?source=queued&destination=https://elsewhere&step=1d&since=2026-01-15T00:00:00Z", &ports);
    assert_eq!(selected["points"].as_array().unwrap().len(), 1);
    assert_eq!(selected["points"][0]["at"], "2026-01-15T00:00:00Z");
    assert_eq!(selected["points"][0]["destinations"], json!({}));
    let cut = get("stats?since=2026-01-15T12:00:00Z&until=2026-01-15T13:00:00Z&step=1m", &ports);
    assert_eq!(cut["totals"][1]["verdicts"]["accepted"], 5);
}

#[test]
fn the_backlog_has_what_waits_and_not_what_is_done() {
    let ports = Memory::default();
    deliver(1, 503, &ports);
    ports.wait(60);
    deliver(2, 503, &ports);
    deliver(3, 200, &ports);
    deliver(4, 410, &ports);
    for (number, redriven) in [(1, "NULL"), (2, "NULL"), (3, "7")] {
        ports.database.query(&format!(
            "INSERT INTO dead_letters (id, source, event_id, type, key, received, died, reason, bytes, expires, message, \
             redriven) VALUES ('{number}', 'queued', 'e', 't', 'k', 'r', {}, 'x', 1, 9999999999, 'm', {redriven})",
            NOW.seconds() - 100 * number
        ));
    }
    let backlog = get("stats", &ports)["backlog"].clone();
    let events = json!([{
        "source": "queued", "state": "retrying", "count": 2, "oldest": "2026-01-15T12:30:00Z", "oldest_seconds": 60,
    }]);
    let letters = json!([{
        "source": "queued", "state": "dead", "count": 2, "oldest": "2026-01-15T12:26:40Z", "oldest_seconds": 260,
    }]);
    let expected = json!({
        "events": events, "events_partial_before": null, "dead_letters": letters, "dead_letters_complete": true,
        "queue": null, "paused": [],
    });
    assert_eq!(backlog, expected);
    let state = QueueBacklog { messages: 7, oldest: Some(NOW) };
    ports.backlog.set(Some(state));
    let queue = json!({ "messages": 7, "oldest": "2026-01-15T12:30:00Z", "oldest_seconds": 60 });
    assert_eq!(get("stats", &ports)["backlog"]["queue"], queue);
    ports.fail.set(Some("backlog"));
    assert_eq!(get("stats", &ports)["backlog"]["queue"], Value::Null, "a failure is no error of the answer");
}

#[test]
fn a_question_without_a_bound_is_refused() {
    for query in [
        "stats?step=0m",
        "stats?step=90s",
        "stats?step=x",
        "stats?step=",
        "stats?step=99999999999999999999m",
        "stats?step=1m&since=2026-01-01T00:00:00Z",
        "stats?since=2026-01-15T13:00:00Z",
        "stats?until=2026-01-15T12:00:00Z&since=2026-01-15T12:00:00Z",
        "stats?since=yesterday",
        "stats?limit=1",
        "refused?limit=0",
        "refused?limit=101",
        "refused?cursor=1",
        "refused?cursor=a.1.x.y",
        "refused?state=dead",
        "refused?since=2026-01-15T13:00:00Z",
        "metrics?x=1",
        "sources?x=1",
        "events?verdict=duplicate",
        "events?verdict=",
    ] {
        let answer = ask(query, &Memory::default());
        let name = query.split(['?', '&']).nth(1).unwrap().split('=').next().unwrap();
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
        assert!(json_of(&answer)["detail"].as_str().unwrap().contains("parameter"), "{query} {name}: {}", answer.body);
    }
    // Very long or odd text is a text.
    assert_eq!(ask("refused?cursor=1.1.%27%3B.%F0%9F%A6%80", &Memory::default()).status, 200);
    assert_eq!(ask(&format!("refused?cursor=1.1.x.{}", "y".repeat(300)), &Memory::default()).status, 422);
}

#[test]
fn an_event_can_be_found_by_its_verdict() {
    let ports = Memory::default();
    deliver(1, 503, &ports);
    serve(&post("picky", BODY), &ports);
    let states = |verdict: &str| texts(&get(&format!("events?verdict={verdict}"), &ports)["events"], "state").join(" ");
    assert_eq!((states("accepted").as_str(), states("filtered").as_str()), ("retrying", "filtered"));
}

#[test]
fn a_call_writes_nothing_but_what_the_isolate_had_collected() {
    let ports = Memory::default();
    deliver(1, 200, &ports);
    block_on(pipeline::write_log(&ports));
    let tables = ["log_events", "counts", "refused", "deliveries", "duplicates", "secrets", "swept", "audit"];
    let all = || tables.map(|table| ports.database.query(&format!("SELECT * FROM {table}")));
    let before = all();
    for path in ["stats", "refused", "metrics", "sources", "sources/queued", "events?verdict=accepted"] {
        assert_eq!(ask(path, &ports).status, 200, "{path}");
        assert!(block_on(pipeline::write_log(&ports)).is_none());
    }
    assert_eq!(all(), before);
}

/// The statements of every call, by the call.
fn statements() -> Vec<(String, Vec<Statement>)> {
    let mut all = Vec::new();
    for query in ["", "source=s1", "since=2025-12-16T12:30:00Z&step=1d", "since=2025-12-16T12:30:00Z&step=1d&source=s1"]
    {
        let mut parsed = StatsQuery::default();
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            assert!(parsed.set(name, value).unwrap());
        }
        let span = parsed.span(NOW).unwrap();
        all.push((format!("stats?{query}"), parsed.statements(span)));
        all.push((format!("stats?{query}, the ends"), span.ends().into()));
    }
    let last = EventName::parse("1768480200-3f29a1c8e07b4d5692fe10ab7d0c1b2a").unwrap();
    let key = "key=3f29a1c8e07b4d5692fe10ab7d0c1b2a3f29a1c8e07b4d5692fe10ab7d0c1b2a";
    for (query, after) in
        [("", None), ("", Some(&last)), ("type=none", Some(&last)), (key, None), ("text=a", Some(&last))]
    {
        let mut filter = EventFilter::default();
        query.split_once('=').into_iter().for_each(|(name, value)| assert!(filter.set(name, value).unwrap()));
        all.push((format!("events?{query} {after:?}"), filter.page(after, 50, NOW)));
    }
    for (query, cursor) in [("", None), ("source=s1", None), ("reason=none", None), ("", Some("1768200000.4.x.s"))] {
        let mut filter = RefusedFilter::default();
        query.split_once('=').into_iter().for_each(|(name, value)| assert!(filter.set(name, value).unwrap()));
        let window = filter.window(NOW).unwrap();
        let cursor = cursor.and_then(RefusedCursor::parse);
        let mut statements = filter.page(window, cursor.as_ref(), 50);
        if cursor.is_none() {
            statements.extend(filter.counts(window));
        }
        all.push((format!("refused?{query} {cursor:?}"), statements));
    }
    all.push(("backlog".to_owned(), backlog(Duration::from_secs(86_400), NOW)));
    all.push(("backlog of 14 days".to_owned(), backlog(Duration::from_secs(14 * 86_400), NOW)));
    all.push(("sources".to_owned(), activity(&[3].into(), NOW)));
    all.push(("metrics".to_owned(), log::metrics(NOW)));
    all
}

#[test]
fn every_statement_reads_a_range_of_its_primary_key() {
    let ports = Memory::default();
    for (call, statements) in statements() {
        for Statement(sql, values) in statements {
            let explained = Statement(format!("EXPLAIN QUERY PLAN {sql}"), values);
            let plan: Vec<_> = ports.database.run(&[explained]).remove(0).0;
            for step in plan.iter().map(|row| row["detail"].as_str().unwrap()) {
                let whole = ["events", "log_events", "counts", "refused", "deliveries", "duplicates"];
                let scans = whole.iter().any(|table| *step == format!("SCAN {table}"));
                // A scan of the letters or of the secrets has a limit.
                assert!(!scans, "{call}: {step}: {sql}");
            }
            assert!(sql.contains("LIMIT") || sql.contains("?1"), "{call}: {sql}");
        }
    }
}
