//! Who may call `/api`: tokens with names and kinds, Cloudflare Access, and the audit of every change.

use super::memory::Memory;
use super::{BODY, Post, TOKEN, header, json_of, kill_all, lookup, post, request, serve_as};
use hookgate::config::{Bindings, CallerKind, Config, ConfigError};
use hookgate::operate::{ROUTES, Route};
use hookgate::pipeline;
use hookgate::pipeline::ports::{AccessIdentity, PortError};
use hookgate::serve::Outcome;
use pollster::block_on;
use serde_json::{Value, json};

pub const READER: &str = "a-token-that-only-reads";
pub const WRITER: &str = "a-token-that-writes-too";

/// `admin`, `reader` and `writer`. Cloudflare Access opens nothing.
fn config() -> Result<Config, ConfigError> {
    config_with(None)
}

pub fn config_with(access: Option<&str>) -> Result<Config, ConfigError> {
    let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
    Config::parse(&sources, Bindings::ALL, &|name| match name {
        "ADMIN_TOKENS" => Some(format!("reader:read:{READER}\nwriter:write:{WRITER}")),
        "ACCESS" => access.map(str::to_owned),
        "ALERTS" => Some(r#"{"format":"standard","url":"https://alerts.example/hook"}"#.to_owned()),
        name => lookup(name),
    })
}

/// A request for `/api/{path}` without any proof.
pub fn unproven(method: &'static str, path: &str) -> Post {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Post { path: format!("/api/{path}"), ..request(method, "", query, &[], "") }
}

pub fn with_token(method: &'static str, path: &str, token: &str) -> Post {
    unproven(method, path).with("authorization", &format!("Bearer {token}"))
}

pub fn person(method: &'static str, path: &str) -> Post {
    Post { access: identity("ada@example.com"), ..unproven(method, path) }
}

pub fn identity(email: &str) -> Result<Option<AccessIdentity>, PortError> {
    Ok(Some(AccessIdentity { email: Some(email.to_owned()), common_name: None }))
}

pub fn ask(request: &Post, ports: &Memory) -> Outcome {
    serve_as(request, &config(), ports)
}

/// The status of the answer, the reason, and the caller in the log.
pub fn told(outcome: &Outcome) -> (u16, Option<&'static str>, Option<&str>) {
    let record = outcome.record.as_ref().expect("a line");
    (outcome.answer.status, record.reason, record.by.as_deref())
}

/// A gateway with a dead letter, and a request for `route` that does its work.
pub fn worked(route: &Route, token: &str) -> (Memory, Post) {
    let ports = Memory::default();
    serve_as(&post("queued", BODY), &config(), &ports);
    kill_all(&ports);
    ports.claims.borrow_mut().install("queued", "a-secret-that-waits", ports.now());
    let id = ports.letters.borrow()[0].id.clone();
    ports.steps();
    let path = match route.path {
        "alerts"
        | "alerts/test"
        | "audit"
        | "caller"
        | "dead-letters"
        | "dead-letters/groups"
        | "dead-letters/redrive"
        | "events" => route.path.to_owned(),
        "metrics" | "refused" | "sources" | "stats" => route.path.to_owned(),
        "sources/{}" => route.path.replace("{}", "queued"),
        "events/{}" | "events/{}/replay" => route.path.replace("{}", &event(&ports)),
        "dead-letters/{}/redrive" => route.path.replace("{}", &id),
        "handshakes/{}" => route.path.replace("{}", "queued"),
        "alerts/{}/acknowledge" => route.path.replace("{}", &alert(&ports)),
        "sources/{}/pause" | "sources/{}/resume" => route.path.replace("{}", "queued"),
        "sources/{}/test" => route.path.replace("{}", "queued"),
        "replay" => "replay".to_owned(),
        "replay/{}" | "replay/{}/cancel" => route.path.replace("{}", &job(&ports)),
        "keys" => "keys?source=queued&id=evt_1".to_owned(),
        other => panic!("write an example for {other}"),
    };
    let mut request = with_token(route.method, &path, token);
    if route.path == "sources/{}/test" {
        request.body = Ok(br#"{"kind":"good"}"#.to_vec());
    }
    (ports, request)
}

/// Opens an alert about forged requests, and returns its id.
fn alert(ports: &Memory) -> String {
    for _ in 0..3 {
        (0..50).for_each(|_| drop(serve_as(&post("queued", BODY).forged(), &config(), ports)));
        block_on(pipeline::write_log(ports));
        block_on(pipeline::watch(ports, &config(), ports.now()));
        ports.wait(60);
    }
    let outcome = ask(&with_token("GET", "alerts", READER), ports);
    ports.steps();
    ports.refusals.borrow_mut().clear();
    let alerts = json_of(&outcome.answer)["alerts"].clone();
    alerts[0]["id"].as_str().unwrap_or_else(|| panic!("{alerts}")).to_owned()
}

/// Begins a job for the only event. Returns its id.
fn job(ports: &Memory) -> String {
    ports.wait(1);
    let ask_for = |body: Value| {
        let request = Post { body: Ok(body.to_string().into_bytes()), ..with_token("POST", "replay", TOKEN) };
        json_of(&ask(&request, ports).answer)
    };
    let run = ask_for(json!({}));
    let job = ask_for(json!({ "dry_run": false, "token": run["token"] }));
    ports.audit.take();
    ports.steps();
    job["id"].as_str().expect("a job").to_owned()
}

/// The id of the only event.
fn event(ports: &Memory) -> String {
    let outcome = ask(&with_token("GET", "events", READER), ports);
    ports.steps();
    json_of(&outcome.answer)["events"][0]["id"].as_str().expect("an event").to_owned()
}

/// The audit as a caller who only reads sees it.
pub fn audit(ports: &Memory, query: &str) -> Value {
    let outcome = ask(&with_token("GET", &format!("audit?{query}"), READER), ports);
    assert_eq!(outcome.answer.status, 200, "{query}");
    json_of(&outcome.answer)
}

#[test]
fn a_caller_who_only_reads_gets_403_at_each_route_that_changes_or_shows_a_secret() {
    for route in &ROUTES {
        let (ports, request) = worked(route, READER);
        ports.limit.set(Some(0));
        let outcome = ask(&request, &ports);
        if route.needs == CallerKind::Read {
            assert_eq!(told(&outcome), (200, None, Some("reader")), "{route:?}");
        } else {
            assert_eq!(told(&outcome), (403, Some("read_only"), Some("reader")), "{route:?}");
            assert_eq!(header(&outcome.answer, "content-type"), Some("application/problem+json"));
            assert_eq!(json_of(&outcome.answer)["status"], 403);
        }
        let changes: Vec<_> = ports.steps().into_iter().filter(|step| *step != "log").collect();
        assert_eq!(changes, [""; 0], "nothing changes: {route:?}");
        assert!(ports.refusals.borrow().is_empty(), "a known caller is not counted: {route:?}");
        // Nor with a method that the table does not have, or at a path that does not exist.
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"] {
            for path in [request.path.as_str(), "/api/nothing", "/api/"] {
                let request = Post { method, path: path.to_owned(), ..request.clone() };
                assert_eq!(told(&ask(&request, &ports)).1, Some("read_only"), "{method} {path}");
            }
        }
    }
}

#[test]
fn the_caller_is_told_its_name_and_what_it_may_do() {
    for (token, name, kind) in [(READER, "reader", "read"), (WRITER, "writer", "write"), (TOKEN, "admin", "write")] {
        let ports = Memory::default();
        let answer = json_of(&ask(&with_token("GET", "caller", token), &ports).answer);
        let expected = json!({ "name": name, "kind": kind, "version": env!("CARGO_PKG_VERSION"), "off": [] });
        assert_eq!(answer, expected);
    }
    let refused = ask(&with_token("GET", "caller?as=admin", READER), &Memory::default());
    assert_eq!(told(&refused).1, Some("unusable"));
}

#[test]
fn a_page_that_asks_whether_it_needs_a_token_is_neither_refused_nor_counted() {
    for access in [None, Some("write")] {
        let ports = Memory::default();
        let asked = |request: &Post| serve_as(request, &config_with(access), &ports);
        let Outcome { answer, record, .. } = asked(&unproven("GET", "caller"));
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert!(record.is_none() && ports.refusals.borrow().is_empty(), "{record:?}");
        assert_eq!(ports.steps(), [""; 0]);
        // A wrong token is a guess, and nothing else is answered to nobody.
        for guess in [with_token("GET", "caller", "not-a-token"), unproven("GET", "events"), unproven("POST", "caller")]
        {
            assert_ne!(asked(&guess).answer.status, 204, "{} {}", guess.method, guess.path);
            assert_eq!(ports.refusals.take().len(), 1, "{} {}", guess.method, guess.path);
        }
        let nameless = Post { access: identity("no address"), ..unproven("GET", "caller") };
        if access.is_some() {
            assert_eq!(
                asked(&nameless).answer.status,
                401,
                "an identity without a usable name is told to the operator"
            );
        }
    }
}

#[test]
fn each_route_that_changes_something_is_in_the_audit_before_it_works() {
    for route in ROUTES.iter().filter(|route| route.needs == CallerKind::Write) {
        for token in [WRITER, TOKEN] {
            let name = if token == WRITER { "writer" } else { "admin" };
            let (ports, request) = worked(route, token);
            assert_eq!(told(&ask(&request, &ports)), (200, None, Some(name)), "{route:?}");
            let steps = ports.steps();
            // An acknowledgement reads the alert first.
            let read = usize::from(route.path == "alerts/{}/acknowledge");
            assert!(steps.len() > 1 && steps[read] == "audit", "{route:?}: {steps:?}");
            assert_eq!(steps.iter().filter(|step| **step == "audit").count(), 1, "{route:?}: {steps:?}");
            assert_eq!(audit(&ports, "")["audit"][0]["caller"], name);

            let (ports, request) = worked(route, token);
            ports.fail.set(Some("audit"));
            assert_eq!(told(&ask(&request, &ports)), (503, Some("audit_failed"), Some(name)), "{route:?}");
            assert_eq!(ports.steps()[read..], ["audit"], "without an entry nothing changes: {route:?}");
            assert_eq!(ports.letters.borrow().len(), 1);
        }
    }
    for route in ROUTES.iter().filter(|route| route.needs == CallerKind::Read) {
        let (ports, request) = worked(route, WRITER);
        ask(&request, &ports);
        assert_eq!(audit(&ports, "")["audit"], json!([]), "{route:?}");
    }
}

#[test]
fn a_parameter_that_a_route_does_not_have_is_named_and_nothing_changes() {
    for route in &ROUTES {
        let (ports, mut request) = worked(route, TOKEN);
        request.query.push_str("&access_token=a-token-in-a-wrong-place");
        let Outcome { answer, .. } = ask(&request, &ports);
        let detail = json_of(&answer)["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, 422, "{route:?}");
        assert!(detail.contains("the parameter access_token: "), "{route:?}: {detail}");
        assert!(!detail.contains("wrong-place"), "the value may be a token: {route:?}: {detail}");
        assert_eq!(ports.steps(), [""; 0], "{route:?}");
    }
    let answer = |query: &str| ask(&with_token("GET", query, READER), &Memory::default()).answer;
    for query in ["events?state=dead&state=retrying", "stats?source=a&source=a", "audit?limit=1&limit=2"] {
        let answer = answer(query);
        assert_eq!(answer.status, 422, "{query}");
        assert!(answer.body.contains("is there twice"), "{query}: {}", answer.body);
    }
    assert_eq!(answer("events?since=2&until=2").status, 422, "no event is in this time");
}

#[test]
fn a_body_for_a_route_without_one_is_a_mistake_and_nothing_changes() {
    for route in ROUTES.iter().filter(|route| route.method != "GET" && !route.endpoint.has_body()) {
        for (body, problem) in [(r#"{"dry_run":true}"#, "the member dry_run"), ("[]", "the body"), ("{", "the body")] {
            let (ports, mut request) = worked(route, TOKEN);
            request.body = Ok(body.as_bytes().to_vec());
            let Outcome { answer, .. } = ask(&request, &ports);
            let detail = json_of(&answer)["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status, 422, "{route:?}");
            assert!(detail.contains(problem), "{route:?}: {detail}");
            assert_eq!(ports.steps(), [""; 0], "{route:?}");
        }
    }
    for route in ROUTES.iter().filter(|route| route.endpoint.has_body()) {
        let (ports, mut request) = worked(route, TOKEN);
        request.body = Ok(br#"{"source":"a","source":"b","kind":"good","kind":"good"}"#.to_vec());
        assert_eq!(ask(&request, &ports).answer.status, 422, "a member is there twice: {route:?}");
        assert_eq!(ports.steps(), [""; 0], "{route:?}");
    }
}

#[test]
fn the_audit_says_what_was_asked_for() {
    let ports = Memory::default();
    let call = |method, path: &str, body: &str| {
        let request = Post { body: Ok(body.as_bytes().to_vec()), ..with_token(method, path, WRITER) };
        ask(&request, &ports).answer.status
    };
    assert_eq!(call("DELETE", "keys?source=queued&id=evt_1", ""), 200);
    ports.wait(1);
    assert_eq!(call("POST", "dead-letters/5f0c/redrive", ""), 404, "the entry says what was asked for");
    ports.wait(1);
    assert_eq!(call("POST", "dead-letters/redrive", r#"{"source":"queued","limit":7}"#), 200);
    ports.wait(1);
    assert_eq!(call("POST", "dead-letters/redrive", ""), 200);
    ports.wait(1);
    let filter = r#"{"type":"a","reason":"the origin answered \"410\" limit=1","since":"1768480200","until":"2026-01-15T13:31:00+01:00"}"#;
    assert_eq!(call("POST", "dead-letters/redrive", filter), 200);
    ports.wait(1);
    assert_eq!(call("GET", "handshakes/queued", ""), 404);
    // A request that asks for nothing usable has no entry.
    assert_eq!(call("DELETE", "keys?source=nobody&id=evt_1", ""), 422);
    assert_eq!(call("POST", "dead-letters/redrive", "{"), 422);
    let list = audit(&ports, "");
    let what =
        |entry: &Value| ["caller", "action", "target", "detail"].map(|name| entry[name].as_str().unwrap().to_owned());
    let entries: Vec<_> = list["audit"].as_array().unwrap().iter().map(what).collect();
    let expected = [
        ["writer", "read_secret", "queued", ""],
        [
            "writer",
            "redrive_all",
            "*",
            r#"limit=100 since=2026-01-15T12:30:00Z until=2026-01-15T12:31:00Z type="a" reason="the origin answered \"410\" limit=1""#,
        ],
        ["writer", "redrive_all", "*", "limit=100"],
        ["writer", "redrive_all", "queued", "limit=7"],
        ["writer", "redrive", "5f0c", ""],
        ["writer", "forget_key", "queued", "id=evt_1"],
    ];
    assert_eq!(entries, expected.map(|entry| entry.map(str::to_owned)));
    assert_eq!((&list["next"], &list["audit"][5]["at"]), (&Value::Null, &json!("2026-01-15T12:30:00Z")));
}

#[test]
fn the_pages_of_the_audit_have_each_entry_once_under_writes() {
    let ports = Memory::default();
    let change = || ask(&with_token("DELETE", "keys?source=queued&id=evt_1", WRITER), &ports);
    for _ in 0..5 {
        change();
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = audit(&ports, &query);
        seen.extend(page["audit"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        change(); // a newer entry moves no page
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=2&before={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, other| one > other), "{seen:?}");
    for query in ["limit=0", "limit=101", "limit=x", "before=", "before=x", "before=%27", "colour=blue"] {
        let outcome = ask(&with_token("GET", &format!("audit?{query}"), READER), &ports);
        assert_eq!(outcome.answer.status, 422, "{query}");
    }
}

#[test]
fn without_a_database_changes_work_and_the_log_names_the_caller() {
    let ports = Memory::without("LOG");
    let forgotten = ask(&with_token("DELETE", "keys?source=queued&id=evt_1", WRITER), &ports);
    assert_eq!(told(&forgotten), (200, None, Some("writer")));
    assert!(!ports.steps().contains(&"audit"));
    assert_eq!(told(&ask(&with_token("GET", "audit", READER), &ports)), (501, Some("off"), Some("reader")));
}
