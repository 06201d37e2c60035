//! An event stays in the trace of its request, or begins one. Each attempt is a new child.

use super::memory::Memory;
use super::{BODY, Post, configured, forward, forward_as, kill_all, note_dead_letter, post, queued, serve, serve_as};
use hookgate::message::Event;
use hookgate_verify::Head;
use serde_json::{Value, json};

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "rojo=00f067aa0ba902b7, congo= t61rcWkgMzE";

fn traced(source: &str) -> Post {
    post(source, BODY).with("traceparent", PARENT).with("tracestate", STATE)
}

fn attribute<'m>(message: &'m Value, name: &str) -> Option<&'m str> {
    message.get(name).map(|value| value.as_str().expect("a text"))
}

fn parsed(message: &str) -> Value {
    serde_json::from_str(message).unwrap()
}

/// The values of `name` in the last forward.
fn sent(ports: &Memory, name: &str) -> Vec<String> {
    let sent = ports.sent.borrow();
    let headers = &sent.last().expect("a forward").headers;
    headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
}

/// The trace and the parent in the one `traceparent` of the last forward.
fn forwarded(ports: &Memory) -> (String, String) {
    let [parent] = &*sent(ports, "traceparent") else { panic!("{:?}", sent(ports, "traceparent")) };
    let parts: Vec<&str> = parent.split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[3]), (4, "00", "01"), "{parent}");
    (parts[1].to_owned(), parts[2].to_owned())
}

#[test]
fn each_attempt_is_a_new_child_in_the_trace_of_the_request() {
    let ports = Memory::default();
    let accepted = serve(&traced("queued"), &ports).record.unwrap();
    assert_eq!(accepted.trace.map(|id| id.to_string()).as_deref(), Some(ID));
    assert_eq!(parsed(&accepted.line())["trace"], ID);
    let text = ports.queue.take().remove(0);
    let message = parsed(&text);
    assert_eq!((attribute(&message, "traceparent"), attribute(&message, "tracestate")), (Some(PARENT), Some(STATE)));
    assert!(!message["headers"].as_str().unwrap().contains("trace"), "the trace is in the message once");
    let mut parents = vec!["b7ad6b7169203331".to_owned()];
    for attempt in 1..=3 {
        ports.origin_status.set((attempt < 3).then_some(503));
        let (_, record) = forward(&text, attempt, &ports);
        assert_eq!(record.trace.map(|id| id.to_string()).as_deref(), Some(ID));
        let (id, parent) = forwarded(&ports);
        assert_eq!(id, ID);
        assert!(!parents.contains(&parent), "{parent} again");
        parents.push(parent);
        assert_eq!(sent(&ports, "tracestate"), [STATE]);
    }
}

#[test]
fn an_event_without_a_valid_trace_begins_one() {
    let invalid = [
        None,
        Some(""),
        Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        Some("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        Some("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        Some("evil"),
    ];
    for parent in invalid {
        let request = post("queued", BODY).with("tracestate", "a=1");
        let request = parent.into_iter().fold(request, |request, parent| request.with("traceparent", parent));
        let ports = Memory::default();
        let outcome = serve(&request, &ports);
        assert_eq!(outcome.answer.status, 200, "{parent:?}");
        let logged = outcome.record.unwrap().trace.expect("a new trace").to_string();
        assert_ne!(logged, ID);
        let text = ports.queue.take().remove(0);
        assert!(!text.contains("evil") && !text.contains("tracestate"), "{text}");
        let (_, record) = forward(&text, 1, &ports);
        assert_eq!(record.trace.unwrap().to_string(), logged);
        assert_eq!(forwarded(&ports).0, logged);
        assert_eq!(sent(&ports, "tracestate"), [""; 0], "of a trace that ended");
    }
}

#[test]
fn two_acceptances_of_one_event_have_two_traces() {
    let ports = Memory::default();
    let mut ids = Vec::new();
    for _ in 0..2 {
        serve(&post("repeating", BODY), &ports);
        ids.push(Event::decode(&ports.queue.take().remove(0)).unwrap().trace().unwrap().to_string());
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_invalid_tracestate_is_dropped_and_the_trace_stays() {
    for state in ["a", "a=1,a=2", &format!("a={},b={}", "v".repeat(256), "v".repeat(256)), "a=1\u{e9}"] {
        let request = post("queued", BODY).with("traceparent", PARENT).with("tracestate", state);
        let text = queued(&request);
        assert_eq!(attribute(&parsed(&text), "tracestate"), None, "{state}");
        let ports = Memory::default();
        forward(&text, 1, &ports);
        assert_eq!((forwarded(&ports).0.as_str(), sent(&ports, "tracestate").len()), (ID, 0));
    }
}

#[test]
fn the_sampled_flag_of_the_sender_is_sent_on_and_no_other_flag() {
    for (flags, kept) in [("00", "00"), ("01", "01"), ("fe", "00"), ("ff", "01")] {
        let request = post("queued", BODY).with("traceparent", &format!("00-{ID}-b7ad6b7169203331-{flags}"));
        let ports = Memory::default();
        forward(&queued(&request), 1, &ports);
        assert!(sent(&ports, "traceparent")[0].ends_with(&format!("-{kept}")), "{flags}");
    }
}

#[test]
fn a_direct_forward_has_the_trace_once() {
    let ports = Memory::default();
    let record = serve(&traced("straight"), &ports).record.unwrap();
    assert_eq!((record.trace.unwrap().to_string().as_str(), forwarded(&ports).0.as_str()), (ID, ID));
    assert_eq!(sent(&ports, "tracestate"), [STATE]);
    let ports = Memory::default();
    let begun = serve(&post("straight", BODY), &ports).record.unwrap().trace.unwrap().to_string();
    assert_eq!(forwarded(&ports).0, begun);
}

#[test]
fn a_source_that_lists_the_headers_of_a_trace_sends_them_once() {
    let table = json!({
        "provider": "generic", "secrets": ["GENERIC_SECRET"], "headers": ["traceparent", "trace*"],
    });
    let config = configured(json!({ "one": table }));
    let ports = Memory::default();
    assert_eq!(serve_as(&traced("one"), &config, &ports).answer.status, 200);
    forward_as(&ports.queue.take().remove(0), &config, &ports);
    assert_eq!((forwarded(&ports).0.as_str(), sent(&ports, "tracestate")), (ID, vec![STATE.to_owned()]));
}

#[test]
fn a_duplicate_names_the_trace_of_its_request_and_a_refusal_none() {
    let ports = Memory::default();
    serve(&post("queued", BODY), &ports);
    let duplicate = |request: &Post| serve(request, &ports).record.unwrap().trace.map(|id| id.to_string());
    assert_eq!(duplicate(&traced("queued")).as_deref(), Some(ID));
    assert_eq!(duplicate(&post("queued", BODY)), None, "a trace without an event");
    assert_eq!(duplicate(&traced("queued").forged()), None, "nothing of an unproven sender");
    ports.fail.set(Some("enqueue"));
    let failed = serve(&traced("repeating"), &ports).record.unwrap();
    assert_eq!((failed.reason, failed.trace.map(|id| id.to_string()).as_deref()), (Some("enqueue_failed"), Some(ID)));
}

#[test]
fn a_dead_letter_and_its_redrive_stay_in_the_trace() {
    let ports = Memory::default();
    serve(&traced("queued"), &ports);
    kill_all(&ports);
    let letter = ports.letters.borrow().last().unwrap().message.clone();
    assert_eq!(note_dead_letter(&letter, &ports).1.trace.unwrap().to_string(), ID);
    let redriven = Event::decode(&letter).unwrap().redriven(ports.now()).encode_again().unwrap().into_text();
    forward(&redriven, 1, &ports);
    assert_eq!(forwarded(&ports).0, ID);
}

/// The message, as the version before wrote it.
fn old(message: &str, headers: &Value) -> String {
    let mut message = parsed(message);
    let attributes = message.as_object_mut().unwrap();
    attributes.remove("traceparent").expect("a trace");
    attributes.remove("tracestate");
    attributes.insert("headers".to_owned(), headers.to_string().into());
    message.to_string()
}

#[test]
fn a_message_without_a_trace_is_forwarded_as_before() {
    let plain = old(&queued(&post("queued", BODY)), &json!([["content-type", "application/json"]]));
    let ports = Memory::default();
    let (_, record) = forward(&plain, 1, &ports);
    assert_eq!((record.status, record.trace), (Some(200), None));
    assert_eq!(sent(&ports, "traceparent"), [""; 0]);
    let with = old(&queued(&traced("queued")), &json!([["traceparent", PARENT], ["tracestate", STATE]]));
    forward(&with, 1, &ports);
    assert_eq!((sent(&ports, "traceparent"), sent(&ports, "tracestate")), (vec![PARENT.into()], vec![STATE.into()]));
}

#[test]
fn a_message_with_a_broken_trace_is_still_delivered() {
    let text = queued(&traced("queued"));
    for (from, to) in [(PARENT, "00-0-0-00"), (PARENT, ""), (STATE, "a\\r\\nevil: 1")] {
        let ports = Memory::default();
        let (_, record) = forward(&text.replace(from, to), 1, &ports);
        assert_eq!(record.status, Some(200), "{to}");
        assert!(!format!("{:?}", ports.sent.borrow()[0].headers).contains("evil"));
    }
}

/// A message of another program may have the headers of a trace a second time.
#[test]
fn a_forward_has_one_traceparent_whatever_the_message_has() {
    let mut message = parsed(&queued(&traced("queued")));
    message["headers"] = json!([["Traceparent", "evil"], ["TRACESTATE", "evil"]]).to_string().into();
    let ports = Memory::default();
    forward(&message.to_string(), 1, &ports);
    assert_eq!((forwarded(&ports).0.as_str(), sent(&ports, "tracestate")), (ID, vec![STATE.to_owned()]));
    assert!(ports.sent.borrow()[0].headers.header("traceparent").is_some_and(|value| value != PARENT));
}
