//! What a sender can write into the log: never more than a line of 4 KiB.

use super::memory::{Memory, NOW};
use super::providers::{CERTIFICATE_URL, request, serve_at, vector};
use super::{BODY, Post, post, serve};
use hookgate::pipeline::Outcome;
use hookgate::record::LONGEST_LINE;

const LARGE: usize = 900_000;

fn assert_short(outcome: Outcome, what: &str) {
    let line = outcome.record.expect("a line").line();
    assert!(line.len() <= LONGEST_LINE, "{what}: {} bytes: {}", line.len(), line.get(..200).unwrap_or(&line));
    assert!(outcome.answer.body.len() <= 2048, "{what}: {} bytes are answered", outcome.answer.body.len());
}

#[test]
fn whatever_a_sender_makes_long_no_line_of_the_log_is() {
    let ports = Memory::default();
    let long = "x".repeat(LARGE);
    let certificate = |url: &str| {
        let body = vector("aws_sns", "event")["body"].as_str().unwrap().replace(CERTIFICATE_URL, url);
        serve_at(&request("POST", "sns", "", &[], &body), &ports, NOW)
    };
    let path = |length: usize| format!("https://sns.eu-central-1.amazonaws.com/{}.pem", "x".repeat(length));
    assert_short(certificate(&path(LARGE)), "the certificate's URL");
    assert_short(certificate(&path(900)), "a certificate's URL that is asked for");
    assert_short(certificate(&long), "a certificate's URL that is none");

    let signed = |body: String| serve(&Post { ..post("exact", body) }, &ports);
    let long = "x".repeat(150_000);
    assert_short(signed(BODY.replace("evt_1", &long)), "the event's id");
    assert_short(signed(BODY.replace("evt_1", &"\\u0001".repeat(250))), "control characters in the id");
    assert_short(signed(BODY.replace("user.created", &"\\u0001".repeat(250))), "the event's type");
    let twice = format!(r#"{{"{long}":1,"{long}":2,"id":"evt_1"}}"#);
    assert_short(signed(twice), "a key that stands twice");
    assert_short(signed(BODY.replace("\"id\":\"evt_1\"", &format!("\"id\":1{}", "0".repeat(1000)))), "a number as id");
    assert_short(signed(long.clone()), "a body that is no JSON");

    let mut path = post("queued", BODY);
    path.path = format!("/webhooks/{long}");
    assert_short(serve(&path, &ports), "the path");
    let mut unsigned = post("queued", BODY);
    unsigned.headers[0].1 = long.clone();
    assert_short(serve(&unsigned, &ports), "the signature");
    let mut named = post("queued", BODY);
    named.headers = vec![(long.clone(), long.clone())];
    assert_short(serve(&named, &ports), "a header's name and value");
    let mut query = post("queued", BODY);
    (query.method, query.path, query.query) = ("GET", "/api/dead-letters".to_owned(), format!("{long}={long}"));
    query.headers = vec![("authorization".to_owned(), format!("Bearer {}", super::TOKEN))];
    assert_short(serve(&query, &ports), "a parameter of the operator's");
    query.headers = vec![("authorization".to_owned(), format!("Bearer {long}"))];
    assert_short(serve(&query, &ports), "a token");
}

#[test]
fn whatever_stands_in_a_queue_message_no_line_of_the_log_is_long() {
    let ports = Memory::default();
    let message = super::queued(&post("queued", BODY));
    let long = "x".repeat(100_000);
    for changed in [
        message.replace("evt_1", &long),
        message.replace("user.created", &long),
        message.replace("/webhooks/queued", &format!("/webhooks/{long}")),
        message.replace("/webhooks/queued", &long),
        message.replace("69e636b4", &long),
        long.clone(),
    ] {
        for (_, record) in [super::forward(&changed, 1, &ports), super::note_dead_letter(&changed, &ports)] {
            let line = record.line();
            assert!(line.len() <= LONGEST_LINE, "{} bytes: {}", line.len(), line.get(..200).unwrap_or(&line));
        }
    }
}
