//! The operator's API.

use super::memory::Memory;
use super::{
    BODY, Post, TOKEN, configured_with, forward, header, json_of, kill_all, note_dead_letter, post, request, serve,
    serve_as,
};
use hookgate::record::Verdict;
use serde_json::{Value, json};

fn call(method: &'static str, path: &str, body: &str) -> Post {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {TOKEN}");
    Post { path: format!("/api/{path}"), ..request(method, "", query, &[("authorization", &bearer)], body) }
}

fn answer(method: &'static str, path: &str, body: &str, ports: &Memory) -> (u16, Value) {
    let answer = serve(&call(method, path, body), ports).answer;
    (answer.status, json_of(&answer))
}

/// A gateway with one dead letter for each body.
fn with_letters(source: &str, bodies: &[&str]) -> Memory {
    let ports = Memory::default();
    for body in bodies {
        serve(&post(source, *body), &ports);
    }
    kill_all(&ports);
    ports.steps();
    ports
}

fn letters(ports: &Memory) -> Vec<Value> {
    answer("GET", "dead-letters", "", ports).1["dead_letters"].as_array().unwrap().clone()
}

fn redrive(id: &str, ports: &Memory) -> (u16, Value) {
    answer("POST", &format!("dead-letters/{id}/redrive"), "", ports)
}

fn redrive_all(filter: &str, ports: &Memory) -> (u16, Value) {
    answer("POST", "dead-letters/redrive", filter, ports)
}

fn bodies() -> [String; 3] {
    ["a", "b", "c"].map(|id| BODY.replace("evt_1", id))
}

#[test]
fn the_list_of_letters_never_shows_a_body() {
    let [a, b, c] = bodies();
    let ports = with_letters("queued", &[&a, &b, &c]);
    let (status, all) = answer("GET", "dead-letters", "", &ports);
    assert_eq!(status, 200);
    let ids = |list: &Value| -> Vec<String> {
        list["dead_letters"].as_array().unwrap().iter().map(|letter| letter["event_id"].to_string()).collect()
    };
    assert_eq!(ids(&all), ["\"a\"", "\"b\"", "\"c\""]);
    let first = &all["dead_letters"][0];
    assert_eq!((&first["died"], &first["expires"]), (&json!("2026-01-15T12:30:00Z"), &json!("2026-02-14T12:30:00Z")));
    assert_eq!((first.get("message"), first.get("payload")), (None, None));
    let after = format!("dead-letters?limit=1&after={}&source=queued", first["id"].as_str().unwrap());
    assert_eq!(ids(&answer("GET", &after, "", &ports).1), ["\"b\""]);
    assert_eq!(ids(&answer("GET", "dead-letters?source=other", "", &ports).1), [""; 0]);
    for query in ["limit=many", "colour=blue", "limit=-1", "limit=0", "limit=101", "after=UNKNOWN"] {
        let (status, problem) = answer("GET", &format!("dead-letters?{query}"), "", &ports);
        assert_eq!(status, 422, "{problem}");
    }
}

#[test]
fn a_redriven_letter_is_delivered_again_and_leaves_the_list() {
    for source in ["queued", "exact"] {
        let ports = with_letters(source, &[BODY]);
        let id = ports.letters.borrow()[0].id.clone();
        ports.fail.set(Some("enqueue"));
        assert_eq!(redrive(&id, &ports).0, 503);
        assert_eq!(letters(&ports).len(), 1, "the letter stays");
        ports.fail.set(None);
        ports.wait(60);
        ports.steps();
        assert_eq!(redrive(&id, &ports), (200, json!({"redriven":1,"failed":0})));
        assert_eq!(ports.steps(), ["audit", "enqueue", "note redriven"]);
        assert_eq!(redrive(&id, &ports).0, 404, "the letter is redriven");
        assert!(letters(&ports).is_empty());
        let message = ports.queue.borrow()[0].clone();
        let (_, record) = forward(&message, 1, &ports);
        assert_eq!(record.verdict, Verdict::Delivered, "{source}");
        assert_eq!(ports.sent.borrow().last().unwrap().body, BODY.as_bytes());
        if source == "exact" {
            assert_eq!(forward(&message, 2, &ports).1.verdict, Verdict::Duplicate);
        }
    }
}

#[test]
fn a_redriven_letter_that_dies_again_is_the_same_letter() {
    let ports = with_letters("exact", &[BODY]);
    let id = ports.letters.borrow()[0].id.clone();
    redrive(&id, &ports);
    ports.origin_status.set(Some(410));
    let message = ports.queue.borrow()[0].clone();
    forward(&message, 1, &ports);
    let letter = ports.dead.borrow_mut().remove(0);
    note_dead_letter(&letter, &ports);
    let [list] = letters(&ports).try_into().expect("one letter");
    assert_eq!((&list["id"], &list["redrives"]), (&json!(id), &json!(1)));
    // The queue hands the first letter over again. The redrive is newer, so the letter stays redriven.
    redrive(&id, &ports);
    note_dead_letter(&letter, &ports);
    assert!(letters(&ports).is_empty());
}

#[test]
fn an_event_is_accepted_again_after_its_key_is_deleted() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        assert_eq!(serve(&post(source, BODY), &ports).record.unwrap().verdict, Verdict::Duplicate);
        let forget = |query: &str| answer("DELETE", &format!("keys?{query}"), "", &ports);
        let query = format!("source={source}&id=evt_1");
        assert_eq!(forget(&format!("source={source}&id=evt_2")).1, json!({"forgotten":false}));
        assert_eq!(forget(&query), (200, json!({"forgotten":true})), "{source}");
        assert_eq!(forget(&query), (200, json!({"forgotten":false})), "{source}");
        assert_eq!(serve(&post(source, BODY), &ports).record.unwrap().verdict, Verdict::Accepted, "{source}");
        // The consumer delivers both messages: they are two acceptances.
        for message in ports.queue.take() {
            assert_eq!(forward(&message, 1, &ports).1.verdict, Verdict::Delivered, "{source}");
        }
        let key = ports.known.borrow().keys().next().unwrap().0.clone();
        assert_eq!(forget(&format!("source={source}&key={key}")), (200, json!({"forgotten":true})));
        for query in ["", "source=queued", "source=nobody&id=a", "source=queued&key=abc", "source=queued&id=a&colour=b"]
        {
            assert_eq!(forget(query).0, 422, "{query}");
        }
        assert_eq!(serve(&call("GET", "keys", ""), &ports).answer.status, 405);
    }
}

#[test]
fn a_redrive_of_many_letters_has_a_filter_and_limits() {
    let [a, b, c] = bodies();
    let ports = with_letters("queued", &[&a, &b, &c]);
    let redriven = |redriven, failed| (200, json!({ "redriven": redriven, "failed": failed }));
    assert_eq!(redrive_all(r#"{"source":"other"}"#, &ports), redriven(0, 0));
    assert_eq!(redrive_all(r#"{"after":"UNKNOWN"}"#, &ports).0, 422);
    assert_eq!(redrive_all(r#"{"limit":2}"#, &ports), redriven(2, 0));
    ports.fail.set(Some("enqueue"));
    assert_eq!(redrive_all("", &ports), redriven(0, 1));
    ports.fail.set(None);
    assert_eq!(redrive_all("", &ports), redriven(0, 0), "the failed redrive holds the letter");
    ports.wait(60);
    assert_eq!(redrive_all("", &ports), redriven(1, 0));
    for body in [
        "7", "{", "[]", r#"["queued"]"#, r#"{"colour":"blue"}"#, r#"{"limit":"2"}"#, r#"{"limit":0}"#,
        r#"{"limit":101}"#, r#"{"source":null}"#,
    ] {
        assert_eq!(answer("POST", "dead-letters/redrive", body, &ports).0, 422, "{body}");
    }
    assert_eq!(answer("POST", "dead-letters/redrive", &format!("{{}}{}", " ".repeat(16_000)), &ports).0, 200);
    assert_eq!(answer("POST", "dead-letters/redrive", &" ".repeat(20_000), &ports).0, 413);
}

#[test]
fn the_log_has_a_line_for_each_call_of_the_operator() {
    let [a, b, _] = bodies();
    let ports = with_letters("queued", &[&a, &b]);
    let id = ports.letters.borrow()[0].id.clone();
    let told = |method, path: &str| {
        let record = serve(&call(method, path, ""), &ports).record.unwrap();
        (record.verdict, record.id, record.detail)
    };
    assert_eq!(told("GET", "dead-letters"), (Verdict::Listed, None, None));
    let redriven = (Verdict::Redriven, Some(id.clone()), None);
    assert_eq!(told("POST", &format!("dead-letters/{id}/redrive")), redriven);
    let rest = (Verdict::Redriven, None, Some("1 redriven, 0 failed".to_owned()));
    assert_eq!(told("POST", "dead-letters/redrive"), rest);
}

#[test]
fn only_the_token_opens_the_api_and_each_wrong_token_counts() {
    let ports = Memory::default();
    ports.limit.set(Some(3));
    for authorization in [None, Some("Bearer "), Some(TOKEN), Some("Bearer an-admin-token-of-some-lengt")] {
        let mut request = call("GET", "dead-letters", "");
        request.headers.clear();
        request.headers.extend(authorization.map(|text| ("authorization".to_owned(), text.to_owned())));
        let outcome = serve(&request, &ports);
        assert_eq!(outcome.answer.status, 401, "{authorization:?}");
        assert_eq!(header(&outcome.answer, "www-authenticate"), Some("Bearer"));
        assert_eq!(outcome.record.unwrap().reason, Some("unauthorized"));
    }
    let mut guess = call("GET", "dead-letters", "");
    guess.headers[0].1 = "Bearer another-guess-at-the-token".to_owned();
    assert_eq!(serve(&guess, &ports).answer.status, 429);
    assert_eq!(answer("GET", "dead-letters", "", &ports).0, 200, "the right token always passes");
    let wrong = |method, path| serve(&call(method, path, ""), &ports);
    for _ in 0..2 {
        let outcome = wrong("PUT", "dead-letters");
        assert_eq!((outcome.answer.status, outcome.record.unwrap().reason), (405, Some("wrong_method")));
        assert_eq!(wrong("GET", "nothing").answer.status, 404);
    }
    ports.wait(60);
    assert_eq!(serve(&guess, &ports).answer.status, 401);
    assert_eq!(ports.refusals.borrow().len(), 5);
}

#[test]
fn without_a_token_there_is_no_api_and_without_a_database_there_are_no_letters() {
    let request = call("GET", "dead-letters", "");
    for token in [None, Some("short"), Some("an-admin-token-with-a-newline\n")] {
        let config = configured_with(json!({}), "ADMIN_TOKEN", token);
        assert_eq!(config.as_ref().unwrap().warnings.len(), usize::from(token.is_some()));
        assert_eq!(serve_as(&request, &config, &Memory::default()).answer.status, 404);
    }
    let (status, problem) = answer("GET", "dead-letters", "", &Memory::without("LOG"));
    assert_eq!((status, &problem["detail"]), (501, &json!("This needs the binding LOG.")));
}

#[test]
fn other_paths_of_the_api_are_404_and_other_methods_405() {
    let ports = Memory::default();
    for (method, path) in
        [("GET", ""), ("GET", "letters"), ("POST", "dead-letters/x"), ("POST", "dead-letters/x/y/redrive")]
    {
        assert_eq!(answer(method, path, "", &ports).0, 404, "{path}");
    }
    for (method, path) in [("POST", "dead-letters"), ("GET", "dead-letters/redrive"), ("GET", "dead-letters/x/redrive")]
    {
        assert_eq!(answer(method, path, "", &ports).0, 405, "{path}");
    }
}

/// The token of the example is public, because it is in the repository.
#[test]
fn the_token_of_the_example_works_only_on_localhost() {
    let example = "local-admin-token";
    let config = configured_with(json!({}), "ADMIN_TOKEN", Some(example));
    let [warning] = config.as_ref().unwrap().warnings.as_slice() else { panic!("one warning") };
    assert!(warning.contains(".dev.vars.example") && warning.contains("404"), "{warning}");
    let ask = |host, path: &str| {
        let mut request = call("GET", "dead-letters", "");
        request.headers[0].1 = format!("Bearer {example}");
        let request = Post { host, path: path.to_owned(), ..request };
        serve_as(&request, &config, &Memory::default()).answer
    };
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(ask(host, "/api/dead-letters").status, 200, "{host}");
        assert!(json_of(&ask(host, "/healthz")).get("sources").is_some());
    }
    for host in ["hooks.example.com", "127.0.0.1.example.com"] {
        assert_eq!(ask(host, "/api/dead-letters").status, 404, "{host}");
        assert!(json_of(&ask(host, "/healthz")).get("sources").is_none());
    }
}

#[test]
fn a_redrive_that_fails_says_why_in_the_log() {
    let ports = with_letters("queued", &[BODY]);
    ports.fail.set(Some("enqueue"));
    let outcome = serve(&call("POST", "dead-letters/redrive", ""), &ports);
    assert_eq!(json_of(&outcome.answer), json!({"redriven":0,"failed":1}));
    let id = ports.letters.borrow()[0].id.clone();
    assert_eq!(outcome.record.unwrap().trouble, Some(format!("redrive_failed: {id}: enqueue is told to fail")));
}
