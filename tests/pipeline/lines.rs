//! A sender cannot make a line of the log longer than 4 KiB.

use super::memory::{Memory, NOW};
use super::providers::{CERTIFICATE_URL, serve_at, vector};
use super::{BODY, Post, TOKEN, forward, note_dead_letter, post, queued, request, serve};
use hookgate::record::{LONGEST_LINE, Record};
use hookgate::serve::Outcome;

const LARGE: usize = 900_000;

fn assert_short_line(record: &Record, what: &str) {
    let line = record.line();
    assert!(line.len() <= LONGEST_LINE, "{what}: {} bytes: {}", line.len(), line.get(..200).unwrap_or(&line));
}

fn assert_short(outcome: Outcome, what: &str) {
    assert_short_line(&outcome.record.expect("a line"), what);
    assert!(outcome.answer.body.len() <= 2048, "{what}: {} bytes are answered", outcome.answer.body.len());
}

#[test]
fn no_part_of_a_request_makes_a_long_line() {
    let ports = Memory::default();
    let long = "x".repeat(LARGE);
    let certificate = |url: &str| {
        let body = vector("aws_sns", "event")["body"].as_str().unwrap().replace(CERTIFICATE_URL, url);
        serve_at(&request("POST", "sns", "", &[], &body), &ports, NOW)
    };
    let path = |length: usize| format!("https://sns.eu-central-1.amazonaws.com/{}.pem", "x".repeat(length));
    assert_short(certificate(&path(LARGE)), "the certificate's URL");
    assert_short(certificate(&path(900)), "a certificate's URL that is fetched");
    assert_short(certificate(&long), "a certificate's URL that is no URL");

    let signed = |body: String| serve(&Post { ..post("exact", body) }, &ports);
    let long = "x".repeat(150_000);
    assert_short(signed(BODY.replace("evt_1", &long)), "the event's id");
    assert_short(signed(BODY.replace("evt_1", &"\\u0001".repeat(250))), "control characters in the id");
    assert_short(signed(BODY.replace("user.created", &"\\u0001".repeat(250))), "the event's type");
    let twice = format!(r#"{{"{long}":1,"{long}":2,"id":"evt_1"}}"#);
    assert_short(signed(twice), "a member that occurs twice");
    assert_short(signed(BODY.replace("\"id\":\"evt_1\"", &format!("\"id\":1{}", "0".repeat(1000)))), "a number as id");
    assert_short(signed(long.clone()), "a body that is not JSON");

    let event = post("queued", BODY);
    assert_short(serve(&Post { path: format!("/webhooks/{long}"), ..event.clone() }, &ports), "the path");
    let mut unsigned = event.clone();
    unsigned.headers[0].1 = long.clone();
    assert_short(serve(&unsigned, &ports), "the signature");
    let named = Post { headers: vec![(long.clone(), long.clone())], ..event };
    assert_short(serve(&named, &ports), "a header's name and value");
    let ask = |query: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let request = request("GET", "", query, &[("authorization", &bearer)], "");
        serve(&Post { path: "/api/dead-letters".to_owned(), ..request }, &ports)
    };
    assert_short(ask(&format!("{long}={long}"), TOKEN), "a parameter of the operator");
    assert_short(ask("", &long), "a token");
}

#[test]
fn no_part_of_a_queue_message_makes_a_long_line() {
    let ports = Memory::default();
    let message = queued(&post("queued", BODY));
    let long = "x".repeat(100_000);
    for changed in [
        message.replace("evt_1", &long),
        message.replace("user.created", &long),
        message.replace("/webhooks/queued", &format!("/webhooks/{long}")),
        message.replace("/webhooks/queued", &long),
        message.replace("69e636b4", &long),
        long.clone(),
    ] {
        for (_, record) in [forward(&changed, 1, &ports), note_dead_letter(&changed, &ports)] {
            assert_short_line(&record, "a message");
        }
    }
}
