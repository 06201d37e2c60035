//! The filter `events` with several types, and with unsigned, unreadable and absent types. Events without an identity.

use super::memory::Memory;
use super::{Post, configured, forward_as, json_of, serve_as, signed};
use hookgate::config::Config;
use hookgate::record::Verdict;
use hookgate::serve::Outcome;
use serde_json::{Value, json};

fn config() -> Config {
    let secrets = json!(["GENERIC_SECRET"]);
    let own = |more: Value| {
        let mut scheme = json!({ "signature": { "header": "x-s" }, "type": { "json": "type" } });
        scheme.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scheme
    };
    let batch = json!({ "type": { "json": "[].event" }, "identity": { "digest": "id of each event" } });
    let places = json!({ "type": { "json": ["[].event", "[].kind"] }, "identity": { "digest": "id of each event" } });
    let lenient = json!({ "id": { "json": "id", "missing": "digest" } });
    let source = |scheme: Value, events: Value| json!({ "scheme": scheme, "secrets": secrets, "events": events });
    let sources = json!({
        "batch": source(own(batch), json!(["bounce", "dropped"])),
        "places": source(own(places), json!(["bounce"])),
        "lenient": source(own(lenient), json!(["invoice.*"])),
        "github": { "provider": "github", "secrets": secrets, "events": ["push"] },
        "github-exact": { "provider": "github", "secrets": secrets, "events": ["push"], "dedup": "exact" },
        "gitlab": { "provider": "gitlab_token", "secrets": secrets, "events": ["push"] },
        "slack": { "provider": "slack", "secrets": secrets, "events": ["app_mention"] },
        "grafana": { "provider": "grafana", "secrets": secrets, "dedup": "kv" },
        "grafana-exact": { "provider": "grafana", "secrets": secrets, "dedup": "exact" },
    });
    configured(sources).expect("a configuration")
}

/// A request that `source` signed, with more `headers`, which are unsigned.
fn post(source: &str, headers: &[(&str, &str)], body: &str) -> Post {
    let config = config();
    let verifier = &config.source(source).unwrap().unwrap_or_else(|error| panic!("{error}")).verifier;
    let signed = signed(source, verifier.preset(), body);
    headers.iter().fold(signed, |request, (name, value)| request.with(name, value))
}

fn serve(request: &Post, ports: &Memory) -> Outcome {
    serve_as(request, &Ok(config()), ports)
}

fn verdict(request: &Post, ports: &Memory) -> Verdict {
    let outcome = serve(request, ports);
    assert_eq!(outcome.answer.status, 200, "{}", outcome.answer.body);
    outcome.record.unwrap().verdict
}

#[test]
fn an_event_is_filtered_only_if_no_part_of_it_may_be_wanted() {
    let ports = Memory::default();
    let twice: &[(&str, &str)] = &[("x-github-event", "push, push")];
    for (source, headers, body, expected) in [
        ("batch", &[][..], r#"[{"event":"bounce","id":1},{"event":"dropped","id":2}]"#, Verdict::Accepted),
        ("batch", &[], r#"[{"event":"delivered","id":3},{"event":"bounce","id":4}]"#, Verdict::Accepted),
        ("batch", &[], r#"[{"event":"delivered","id":5},{"event":"open","id":6},{"id":7}]"#, Verdict::Filtered),
        // One element is no event.
        ("batch", &[], r#"[{"event":"delivered","id":8},[{"event":"bounce","id":9}]]"#, Verdict::Accepted),
        ("batch", &[], r#"["{\"event\":\"bounce\"}",{"event":"delivered","id":10}]"#, Verdict::Accepted),
        ("batch", &[], r#"[{"event":"delivered","id":11},null]"#, Verdict::Filtered),
        // The elements have their types at different locations.
        ("places", &[], r#"[{"event":"delivered","id":1},{"kind":"bounce","id":2}]"#, Verdict::Accepted),
        ("places", &[], r#"[{"event":"delivered","id":3},{"kind":"open","id":4}]"#, Verdict::Filtered),
        // The header with the type came twice.
        ("github", twice, r#"{"after":"1"}"#, Verdict::Accepted),
    ] {
        assert_eq!(verdict(&post(source, headers, body), &ports), expected, "{source}: {body}");
    }
    let message: Value = serde_json::from_str(&ports.queue.borrow()[1]).unwrap();
    assert_eq!(message["type"], "delivered,bounce");
}

#[test]
fn an_event_whose_type_is_unreadable_is_forwarded_and_marked() {
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(257));
    for body in ["\u{feff}{\"id\":\"1\",\"type\":\"invoice.paid\"}", "{\"type\":\"invoice.pa", &long, r#"{"type":[]}"#]
    {
        let ports = Memory::default();
        let outcome = serve(&post("lenient", &[], body), &ports);
        assert_eq!(json_of(&outcome.answer).get("filtered"), None, "{body}");
        let record = outcome.record.unwrap();
        assert_eq!(record.verdict, Verdict::Accepted);
        assert!(record.line().contains(r#""type_unreadable":""#), "{}", record.line());
        let message = ports.queue.borrow()[0].clone();
        let event: Value = serde_json::from_str(&message).unwrap();
        assert_eq!((&event["type"], &event["typestate"]), (&json!("unknown"), &json!("unreadable")));
        forward_as(&message, &Ok(config()), &ports);
        let sent = ports.sent.borrow();
        assert!(sent[0].headers.contains(&("hookgate-type".to_owned(), "unreadable".to_owned())), "{body}");
        assert_eq!(sent[0].body, body.as_bytes());
    }
    let ports = Memory::default();
    assert_eq!(verdict(&post("lenient", &[], r#"{"id":"2"}"#), &ports), Verdict::Filtered, "the event has no type");
    let command = "command=%2Fweather&text=94070&trigger_id=13345224609";
    assert_eq!(verdict(&post("slack", &[], command), &ports), Verdict::Accepted, "a form has no readable type");
}

#[test]
fn a_filtered_request_cannot_be_replayed_with_another_unsigned_type() {
    for source in ["github", "github-exact"] {
        let ports = Memory::default();
        let body = r#"{"ref":"refs/heads/main"}"#;
        let filtered = post(source, &[("x-github-event", "create")], body);
        let outcome = serve(&filtered, &ports);
        let record = outcome.record.unwrap();
        assert_eq!((record.verdict, record.type_unsigned.as_deref()), (Verdict::Filtered, Some("x-github-event")));
        assert!(record.detail.unwrap().ends_with("decided by the unsigned x-github-event"));
        assert!(ports.steps().ends_with(&["remember"]), "its key is remembered before the answer");
        assert_eq!(verdict(&post(source, &[("x-github-event", "push")], body), &ports), Verdict::Duplicate);
        assert_eq!(verdict(&filtered, &ports), Verdict::Filtered, "the provider's own retry");
        assert!(ports.queue.borrow().is_empty());
        let other = post(source, &[("x-github-event", "push")], r#"{"ref":"refs/heads/other"}"#);
        assert_eq!(verdict(&other, &ports), Verdict::Accepted);
    }
}

#[test]
fn a_filter_by_an_unsigned_type_answers_2xx_only_after_the_claim() {
    let ports = Memory::failing("look up");
    let request = post("github", &[("x-github-event", "create")], "{}");
    assert_eq!(serve(&request, &ports).answer.status, 503);
    ports.fail.set(None);
    assert_eq!(verdict(&request, &ports), Verdict::Filtered);
    // If no content is signed, a claim protects nothing.
    let ports = Memory::default();
    let token = post("gitlab", &[], r#"{"object_kind":"note"}"#);
    assert_eq!(verdict(&token, &ports), Verdict::Filtered);
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn each_event_without_an_identity_is_accepted_with_a_unique_key() {
    for source in ["grafana", "grafana-exact"] {
        let ports = Memory::default();
        let reminder = post(source, &[], r#"{"status":"firing","alerts":[]}"#);
        for _ in 0..2 {
            let outcome = serve(&reminder, &ports);
            let record = outcome.record.unwrap();
            assert_eq!((record.verdict, record.provenance), (Verdict::Accepted, Some("none")));
            let id = json_of(&outcome.answer)["id"].as_str().unwrap().to_owned();
            assert_eq!(id, format!("accept:{}", record.key.unwrap()));
        }
        assert_eq!(ports.steps(), ["enqueue", "enqueue"], "nothing is looked up, claimed or remembered");
        let queue = ports.queue.borrow();
        let key = |message: &String| serde_json::from_str::<Value>(message).unwrap()["dedupkey"].clone();
        assert_ne!(key(&queue[0]), key(&queue[1]), "the origin sees two events");
        for message in queue.iter() {
            forward_as(message, &Ok(config()), &ports);
        }
        assert_eq!(ports.sent.borrow().len(), 2);
    }
}

#[test]
fn a_signed_integer_id_reaches_the_origin_like_a_text() {
    let ports = Memory::default();
    let request = post("lenient", &[], r#"{"id":5,"type":"invoice.paid"}"#);
    assert_eq!(verdict(&request, &ports), Verdict::Accepted);
    let message = ports.queue.borrow()[0].clone();
    forward_as(&message, &Ok(config()), &ports);
    assert!(ports.sent.borrow()[0].headers.contains(&("hookgate-event-id".to_owned(), "5".to_owned())));
}
