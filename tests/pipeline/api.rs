//! The operator's side.

use super::memory::{Memory, NOW};
use super::{
    ALL, BODY, Post, TOKEN, block_on, forward, header, json_of, lookup, note_dead_letter, post, queued, serve,
};
use hookgate::config::Config;
use hookgate::pipeline;
use hookgate::record::Verdict;
use serde_json::{Value, json};

fn call(method: &'static str, path: &str, body: &str) -> Post {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let headers = vec![("authorization".to_owned(), format!("Bearer {TOKEN}"))];
    let body = Ok(body.as_bytes().to_vec());
    Post { method, host: "hooks.example.com", path: format!("/api/{path}"), query: query.to_owned(), headers, body }
}

fn answer(method: &'static str, path: &str, body: &str, ports: &Memory) -> (u16, Value) {
    let answer = serve(&call(method, path, body), ports).answer;
    (answer.status, json_of(&answer))
}

/// A gateway with one dead letter for each body.
fn with_letters(source: &str, bodies: &[&str]) -> Memory {
    let ports = Memory::default();
    ports.origin_status.set(Some(410));
    for body in bodies {
        forward(&queued(&post(source, *body)), 1, &ports);
        let letter = ports.dead.borrow_mut().remove(0);
        note_dead_letter(&letter, &ports);
    }
    ports.origin_status.set(None);
    ports.steps();
    ports
}

fn bodies() -> [String; 3] {
    ["a", "b", "c"].map(|id| BODY.replace("evt_1", id))
}

#[test]
fn letters_are_listed_and_never_their_bodies() {
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
    for query in ["limit=many", "colour=blue", "limit=-1"] {
        let (status, problem) = answer("GET", &format!("dead-letters?{query}"), "", &ports);
        assert_eq!(status, 422, "{problem}");
    }
}

#[test]
fn a_redriven_letter_is_delivered_once_more_and_gone_from_the_list() {
    for source in ["queued", "exact"] {
        let ports = with_letters(source, &[BODY]);
        let id = ports.letters.borrow()[0].id.clone();
        assert_eq!(
            answer("POST", &format!("dead-letters/{id}/redrive"), "", &ports),
            (200, json!({"redriven":1,"failed":0}))
        );
        assert_eq!(ports.steps(), ["enqueue", "note redriven"]);
        assert_eq!(answer("POST", &format!("dead-letters/{id}/redrive"), "", &ports).0, 404, "it was redriven");
        assert_eq!(answer("GET", "dead-letters", "", &ports).1, json!({"dead_letters":[]}));
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
fn a_redriven_letter_that_dies_again_is_the_same_letter_once_more() {
    let ports = with_letters("exact", &[BODY]);
    let id = ports.letters.borrow()[0].id.clone();
    answer("POST", &format!("dead-letters/{id}/redrive"), "", &ports);
    ports.origin_status.set(Some(410));
    let message = ports.queue.borrow()[0].clone();
    forward(&message, 1, &ports);
    let letter = ports.dead.borrow_mut().remove(0);
    note_dead_letter(&letter, &ports);
    let (_, list) = answer("GET", "dead-letters", "", &ports);
    assert_eq!(list["dead_letters"].as_array().unwrap().len(), 1);
    assert_eq!((&list["dead_letters"][0]["id"], &list["dead_letters"][0]["redrives"]), (&json!(id), &json!(1)));
    // The queue gives the first letter again: it is older, and what was redriven stays redriven.
    answer("POST", &format!("dead-letters/{id}/redrive"), "", &ports);
    note_dead_letter(&letter, &ports);
    assert_eq!(answer("GET", "dead-letters", "", &ports).1, json!({"dead_letters":[]}));
}

#[test]
fn a_list_never_begins_again_after_a_letter_that_is_not_there() {
    let [a, b, _] = bodies();
    let ports = with_letters("queued", &[&a, &b]);
    assert_eq!(answer("GET", "dead-letters", "", &ports).1["dead_letters"].as_array().unwrap().len(), 2);
    let query = Post { query: "after=UNKNOWN".to_owned(), ..call("GET", "dead-letters", "") };
    assert_eq!(serve(&query, &ports).answer.status, 422);
    assert_eq!(answer("POST", "dead-letters/redrive", r#"{"after":"UNKNOWN"}"#, &ports).0, 422);
    assert!(ports.queue.borrow().is_empty(), "nothing is redriven");
}

#[test]
fn a_forgotten_event_is_accepted_once_more() {
    for source in ["queued", "exact"] {
        let ports = Memory::default();
        serve(&post(source, BODY), &ports);
        assert_eq!(serve(&post(source, BODY), &ports).record.unwrap().verdict, Verdict::Duplicate);
        let forget = |query: &str| {
            let request = Post { query: query.to_owned(), ..call("DELETE", "keys", "") };
            let answer = serve(&request, &ports).answer;
            (answer.status, json_of(&answer))
        };
        let query = format!("source={source}&id=evt_1");
        assert_eq!(forget(&format!("source={source}&id=evt_2")).1, json!({"forgotten":false}));
        assert_eq!(forget(&query), (200, json!({"forgotten":true})), "{source}");
        assert_eq!(forget(&query), (200, json!({"forgotten":false})), "{source}");
        assert_eq!(serve(&post(source, BODY), &ports).record.unwrap().verdict, Verdict::Accepted, "{source}");
        // Its consumer takes it for a new acceptance, and delivers it as well.
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
fn many_letters_are_redriven_by_a_filter_and_within_bounds() {
    let [a, b, c] = bodies();
    let ports = with_letters("queued", &[&a, &b, &c]);
    assert_eq!(
        answer("POST", "dead-letters/redrive", r#"{"source":"other"}"#, &ports).1,
        json!({"redriven":0,"failed":0})
    );
    assert_eq!(answer("POST", "dead-letters/redrive", r#"{"limit":2}"#, &ports).1, json!({"redriven":2,"failed":0}));
    ports.fail.set(Some("enqueue"));
    assert_eq!(answer("POST", "dead-letters/redrive", "", &ports).1, json!({"redriven":0,"failed":1}));
    ports.fail.set(None);
    assert_eq!(answer("POST", "dead-letters/redrive", "", &ports).1, json!({"redriven":0,"failed":0}), "it is taken");
    ports.wait(60);
    assert_eq!(answer("POST", "dead-letters/redrive", "", &ports).1, json!({"redriven":1,"failed":0}));
    for body in ["7", "{", "[]", r#"["queued"]"#, r#"{"colour":"blue"}"#, r#"{"limit":"2"}"#, r#"{"source":null}"#] {
        assert_eq!(answer("POST", "dead-letters/redrive", body, &ports).0, 422, "{body}");
    }
    assert_eq!(answer("POST", "dead-letters/redrive", &format!("{{}}{}", " ".repeat(16_000)), &ports).0, 200);
    assert_eq!(answer("POST", "dead-letters/redrive", &" ".repeat(20_000), &ports).0, 413);
}

#[test]
fn the_log_tells_what_the_operator_did() {
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
fn a_letter_that_could_not_be_enqueued_stays_one() {
    let ports = with_letters("queued", &[BODY]);
    let id = ports.letters.borrow()[0].id.clone();
    ports.fail.set(Some("enqueue"));
    assert_eq!(answer("POST", &format!("dead-letters/{id}/redrive"), "", &ports).0, 503);
    ports.fail.set(None);
    assert_eq!(answer("GET", "dead-letters", "", &ports).1["dead_letters"].as_array().unwrap().len(), 1);
}

#[test]
fn only_the_token_opens_it_and_what_is_wrong_counts() {
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
    assert_eq!(answer("GET", "dead-letters", "", &ports).0, 200, "the right token always gets through");
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
fn without_a_token_there_is_no_api_and_without_a_database_no_letters() {
    let request = call("GET", "dead-letters", "");
    for token in [None, Some("short"), Some("an-admin-token-with-a-newline\n")] {
        let lookup = |name: &str| if name == "ADMIN_TOKEN" { token.map(str::to_owned) } else { lookup(name) };
        let config = Config::parse(&json!({}), ALL, &lookup);
        assert_eq!(config.as_ref().unwrap().warnings.len(), usize::from(token.is_some()));
        let outcome = block_on(pipeline::serve(&request, &config, &Memory::default(), NOW));
        assert_eq!(outcome.answer.status, 404);
    }
    let (status, problem) = answer("GET", "dead-letters", "", &Memory::without("LOG"));
    assert_eq!((status, &problem["detail"]), (501, &json!("This needs the binding LOG.")));
}

#[test]
fn paths_and_methods_that_the_api_does_not_have() {
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

/// Everybody can read it in the repository.
#[test]
fn the_token_of_the_example_opens_nothing_but_the_developers_own_machine() {
    let example = "local-admin-token";
    let lookup = |name: &str| if name == "ADMIN_TOKEN" { Some(example.to_owned()) } else { lookup(name) };
    let config = Config::parse(&json!({}), ALL, &lookup);
    let [warning] = config.as_ref().unwrap().warnings.as_slice() else { panic!("one warning") };
    assert!(warning.contains(".dev.vars.example") && warning.contains("404"), "{warning}");
    let ask = |host, path: &str| {
        let mut request = call("GET", "dead-letters", "");
        request.headers[0].1 = format!("Bearer {example}");
        let request = Post { host, path: path.to_owned(), ..request };
        block_on(pipeline::serve(&request, &config, &Memory::default(), NOW)).answer
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
