//! Redrives by filter, and the numbers before them.

use super::fakes::database::Sqlite;
use super::fakes::stores;
use super::memory::{Memory, NOW};
use super::{BODY, Post, TOKEN, json_of, kill_all, post, request, serve};
use hookgate::database::Statement;
use hookgate::letter::{COUNTED, Filter, Groups, Letter, Selection};
use hookgate_verify::UnixTime;
use serde_json::{Value, json};
use std::time::Duration;

fn answer(method: &'static str, path: &str, body: &str, ports: &Memory) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    let call = Post { path: format!("/api/{path}"), ..request(method, "", query, &[("authorization", &bearer)], body) };
    let answer = serve(&call, ports).answer;
    (answer.status, json_of(&answer))
}

/// One letter each minute, all of one event.
const LETTERS: [(&str, &str, &str, &str); 5] = [
    ("a", "queued", "invoice.paid", "the origin answered 410"),
    ("b", "queued", "invoice.paid", "its retries ran out"),
    ("c", "queued", "invoice.late", "its retries ran out"),
    ("d", "exact", "invoice.paid", "its retries ran out"),
    ("e", "", "", "the message cannot be read"),
];

fn with_letters() -> Memory {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    kill_all(&ports);
    let one = ports.letters.take()[0].letter.clone();
    for (minute, (id, source, event_type, reason)) in (0..).zip(LETTERS) {
        ports.letters.borrow_mut().keep(Letter {
            id: id.to_owned(),
            source: source.to_owned(),
            event_type: event_type.to_owned(),
            reason: reason.to_owned(),
            died: NOW.plus(Duration::from_secs(60 * minute)),
            ..one.clone()
        });
    }
    ports.steps();
    ports
}

fn listed(query: &str, ports: &Memory) -> String {
    let (status, page) = answer("GET", &format!("dead-letters?{query}"), "", ports);
    assert_eq!(status, 200, "{query}: {page}");
    page["dead_letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap()).collect()
}

/// The source, the reason and the number of each group.
fn counted(query: &str, ports: &Memory) -> Vec<(String, String, u64)> {
    let (status, groups) = answer("GET", &format!("dead-letters/groups?{query}"), "", ports);
    assert_eq!((status, &groups["complete"]), (200, &json!(true)), "{query}: {groups}");
    let all = groups["groups"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all: Vec<_> = all
        .iter()
        .map(|group| (text(&group["source"]), text(&group["reason"]), group["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(groups["letters"], all.iter().map(|(.., count)| count).sum::<u64>(), "{query}");
    all
}

/// Filters as a query and as the same body, and the letters that they select.
const FILTERS: [(&str, &str, &str); 11] = [
    ("", "{}", "abcde"),
    ("type=invoice.paid", r#"{"type":"invoice.paid"}"#, "abd"),
    ("type=invoice.*", r#"{"type":"invoice.*"}"#, ""),
    ("reason=its%20retries%20ran%20out", r#"{"reason":"its retries ran out"}"#, "bcd"),
    ("reason=its+retries", r#"{"reason":"its retries"}"#, ""),
    (
        "source=queued&type=invoice.paid&reason=its+retries+ran+out",
        r#"{"source":"queued","type":"invoice.paid","reason":"its retries ran out"}"#,
        "b",
    ),
    (
        "since=2026-01-15T12:31:00Z&until=2026-01-15T12:33:00Z",
        r#"{"since":"2026-01-15T12:31:00Z","until":"2026-01-15T12:33:00Z"}"#,
        "bc",
    ),
    ("since=2026-01-15T13:33:00%2B01:00", r#"{"since":"2026-01-15T13:33:00+01:00"}"#, "de"),
    ("until=1768480201", r#"{"until":"1768480201"}"#, "a"),
    ("source=", r#"{"source":""}"#, "e"),
    ("type=%00", r#"{"type":"\u0000"}"#, ""),
];

#[test]
fn the_list_the_numbers_and_the_redrive_agree_on_each_filter() {
    for (query, body, expected) in FILTERS {
        let ports = with_letters();
        assert_eq!(listed(query, &ports), expected, "{query}");
        let number = u64::try_from(expected.len()).unwrap();
        assert_eq!(counted(query, &ports).iter().map(|(.., count)| count).sum::<u64>(), number, "{query}");
        assert_eq!(
            answer("POST", "dead-letters/redrive", body, &ports),
            (200, json!({ "redriven": number, "failed": 0 })),
            "{body}"
        );
        assert_eq!(listed(query, &ports), "", "{query}");
        let rest: String = "abcde".chars().filter(|id| !expected.contains(*id)).collect();
        assert_eq!(listed("", &ports), rest, "{query}");
        assert_eq!(ports.queue.borrow().len(), expected.len(), "{query}");
    }
}

#[test]
fn the_numbers_say_what_waits_and_since_when() {
    let ports = with_letters();
    let (status, groups) = answer("GET", "dead-letters/groups?type=invoice.paid", "", &ports);
    let group = |source: &str, reason: &str, minute: u32| {
        let at = format!("2026-01-15T12:3{minute}:00Z");
        json!({ "source": source, "reason": reason, "count": 1, "oldest": at, "newest": at })
    };
    let expected = [
        group("exact", "its retries ran out", 3),
        group("queued", "its retries ran out", 1),
        group("queued", "the origin answered 410", 0),
    ];
    assert_eq!((status, groups), (200, json!({ "groups": expected, "letters": 3, "complete": true })));
    let (_, all) = answer("GET", "dead-letters/groups", "", &ports);
    let first = json!({
        "source": "queued", "reason": "its retries ran out", "count": 2,
        "oldest": "2026-01-15T12:31:00Z", "newest": "2026-01-15T12:32:00Z",
    });
    assert_eq!(all["groups"][0], first, "the largest group");
    assert_eq!(ports.steps(), [""; 0], "a count changes nothing");
    assert_eq!(answer("GET", "dead-letters/groups", "", &Memory::without("LOG")).0, 501);
}

#[test]
fn a_filter_with_a_mistake_selects_nothing() {
    let ports = with_letters();
    let long = "x".repeat(513);
    for query in [
        "sorce=queued",
        "types=a",
        "since=yesterday",
        "since=",
        "until=2026-01-15",
        "since=2026-01-15T13:30:00+01:00",
        "since=2026-01-15T12:30:00Z&until=2026-01-15T12:30:00Z",
        "since=2026-01-16T00:00:00Z&until=2026-01-15T00:00:00Z",
        "type=a&type=b",
        &format!("reason={long}"),
        &format!("source={long}"),
        &format!("type={}", "x".repeat(1 << 20)),
    ] {
        for path in ["dead-letters", "dead-letters/groups"] {
            let (status, problem) = answer("GET", &format!("{path}?{query}"), "", &ports);
            assert_eq!(status, 422, "{path}?{}: {problem}", &query[..query.len().min(100)]);
        }
    }
    for query in ["limit=1", "after=a"] {
        assert_eq!(answer("GET", &format!("dead-letters/groups?{query}"), "", &ports).0, 422, "{query}");
    }
    for body in [
        r#"{"sorce":"queued"}"#, r#"{"type":null}"#, r#"{"reason":null}"#, r#"{"since":null}"#, r#"{"until":null}"#,
        r#"{"type":["a"]}"#, r#"{"since":"yesterday"}"#, r#"{"since":1768480200}"#, r#"{"since":"2","until":"1"}"#,
        r#"{"since":"2","until":"2"}"#, r#"{"type":"a","type":"b"}"#, r#"{"limit":"2"}"#,
    ] {
        let (status, problem) = answer("POST", "dead-letters/redrive", body, &ports);
        assert_eq!(status, 422, "{body}: {problem}");
    }
    assert_eq!(ports.steps(), [""; 0], "nothing is stored or sent, not even an entry of the audit");
    assert_eq!(listed("", &ports), "abcde");
}

/// A database with so many letters of ten sources, every second one of two types. The letters before `waiting` are redriven.
fn table(waiting: u32, letters: u32) -> Sqlite {
    let database = Sqlite::default();
    database.query(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {letters}) \
         INSERT INTO dead_letters (id, source, event_id, type, key, received, died, reason, bytes, expires, message, \
         redriven) SELECT 'l' || n, 's' || (n % 10), 'e', iif(n % 2, 'odd', 'even'), '', '', 1768480200 + n, \
         'reason ' || (n % 150), 1, 9e9, 'a message', iif(n < {waiting}, 1, NULL) FROM n"
    ));
    database
}

fn plan(database: &Sqlite, statements: &[Statement]) -> Vec<String> {
    let explain = |Statement(sql, values): &Statement| Statement(format!("EXPLAIN QUERY PLAN {sql}"), values.clone());
    let answers = database.run(&statements.iter().map(explain).collect::<Vec<_>>());
    let steps = answers.into_iter().flat_map(|rows| rows.0);
    steps.map(|row| row["detail"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_list_and_a_count_read_the_letters_that_wait_and_no_message() {
    let database = Sqlite::default();
    for source in [None, Some("s1".to_owned())] {
        for reason in [None, Some("x".to_owned())] {
            let filter = Filter { source: source.clone(), reason, since: Some(NOW), ..Filter::default() };
            let selection = Selection { filter: filter.clone(), after: Some("l1".to_owned()), limit: 100 };
            let index = match source {
                Some(_) => "COVERING INDEX dead_letters_waiting_of_source (source=?",
                None => "COVERING INDEX dead_letters_waiting",
            };
            let list = plan(&database, &[selection.list()]);
            assert!(list.iter().any(|step| step.contains(index) && step.contains("number>?")), "{list:?}");
            assert!(!list.iter().any(|step| step.contains("B-TREE") || step.starts_with("SCAN")), "{list:?}");
            let groups = plan(&database, &filter.groups());
            assert_eq!(groups.iter().filter(|step| step.contains(index)).count(), 2, "{groups:?}");
        }
    }
}

#[test]
fn letters_that_are_redriven_cost_a_list_and_a_count_nothing() {
    let (few, many) = (table(1, 1_000), table(99_001, 100_000));
    for source in [None, Some("s1".to_owned())] {
        let filter = Filter { source, ..Filter::default() };
        let list = [Selection { filter: filter.clone(), ..Selection::default() }.list()];
        for statements in [&list[..], &filter.groups()] {
            let (few, many) = (few.steps(statements), many.steps(statements));
            assert!(many < few + few / 10, "{few} steps, and {many} steps with 99,000 redriven letters");
        }
    }
}

#[test]
fn a_count_of_many_letters_looks_at_the_newest_and_says_so() {
    let letters = COUNTED + 1;
    let database = table(1, letters);
    let count = |filter: &Filter| Groups::of(database.run(&filter.groups())).unwrap();
    let all = count(&Filter::default());
    assert_eq!((all.groups.len(), all.letters, all.complete), (100, u64::from(COUNTED), false));
    assert!(all.groups.iter().map(|group| group.count).is_sorted_by(|one, next| one >= next));
    let oldest = UnixTime::from_seconds(NOW.seconds() + 1);
    let first = Filter { until: Some(oldest.plus(Duration::from_secs(1))), ..Filter::default() };
    assert_eq!(count(&first), Groups { groups: vec![], letters: 0, complete: false });
    let of_source = Filter { source: Some("s1".to_owned()), ..first };
    assert_eq!(
        (count(&of_source).letters, count(&of_source).complete),
        (1, true),
        "the letters of one source are fewer"
    );
    database.query("UPDATE dead_letters SET redriven = 1 WHERE number = 1 RETURNING id");
    assert!(count(&Filter::default()).complete);
}

#[test]
fn the_stand_in_selects_and_counts_as_sqlite_does() {
    let database = table(100, 1_000);
    let mut letters = stores::Letters::default();
    let one = with_letters().letters.borrow()[0].letter.clone();
    for n in 100..=1_000_i64 {
        letters.keep(Letter {
            id: format!("l{n}"),
            source: format!("s{}", n % 10),
            event_type: if n % 2 == 1 { "odd" } else { "even" }.to_owned(),
            died: UnixTime::from_seconds(NOW.seconds() + n),
            reason: format!("reason {}", n % 150),
            ..one.clone()
        });
    }
    let (since, until) = (UnixTime::from_seconds(NOW.seconds() + 300), UnixTime::from_seconds(NOW.seconds() + 700));
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default();
    for filter in [
        all.clone(),
        Filter { source: text("s3"), ..all.clone() },
        Filter { event_type: text("odd"), since: Some(since), ..all.clone() },
        Filter { source: text("s4"), reason: text("reason 14"), until: Some(until), ..all.clone() },
        Filter { source: text(""), ..all.clone() },
        Filter { event_type: text("od"), ..all.clone() },
        Filter { reason: text("REASON 14"), ..all.clone() },
    ] {
        assert_eq!(Groups::of(database.run(&filter.groups())).unwrap(), letters.groups(&filter), "{filter:?}");
        for after in [None, text("l500")] {
            let selection = Selection { filter: filter.clone(), after, limit: 7 };
            let rows = database.run(&[selection.list()]).remove(0).0;
            let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(
                ids,
                letters.list(&selection).into_iter().map(|letter| letter.id).collect::<Vec<_>>(),
                "{selection:?}"
            );
        }
    }
}
