//! An address that sends too many forged requests gets 429 for them. Its authentic requests still pass.

use super::memory::Memory;
use super::{BODY, Post, header, post, refusal, serve};
use hookgate::pipeline::ports::BodyError;

const ADDRESS: &str = "203.0.113.7";

fn from(address: &str, request: Post) -> Post {
    request.with("cf-connecting-ip", address)
}

/// A request with the signature of another body.
fn forged(source: &str, address: &str) -> Post {
    from(address, Post { body: Ok(b"forged".to_vec()), ..post(source, BODY) })
}

/// A body that must not be read.
fn unread(request: Post) -> Post {
    Post { body: Err(BodyError::Broken("it was read".to_owned())), ..request }
}

/// A gateway to which [`ADDRESS`] has sent too many forged requests, at the source `queued`.
fn flooded() -> Memory {
    let ports = Memory::default();
    ports.limit.set(Some(2));
    for _ in 0..3 {
        assert_eq!(refusal(&forged("queued", ADDRESS), &ports), (401, "signature_mismatch"));
    }
    ports
}

#[test]
fn past_the_limit_a_forged_request_is_answered_429() {
    let ports = flooded();
    let outcome = serve(&forged("queued", ADDRESS), &ports);
    assert_eq!((outcome.answer.status, header(&outcome.answer, "retry-after")), (429, Some("60")));
    let record = outcome.record.unwrap();
    assert_eq!(record.reason, Some("too_many_refusals"));
    assert!(record.detail.unwrap().contains("signature_mismatch"));
    assert_eq!(ports.refusals.borrow().len(), 3, "a 429 is not counted");
    assert_eq!(ports.steps(), [""; 0]);
    // The limit holds only for this address at this source.
    assert_eq!(refusal(&forged("queued", "203.0.113.8"), &ports).0, 401);
    assert_eq!(refusal(&forged("exact", ADDRESS), &ports).0, 401);
    ports.wait(60);
    assert_eq!(refusal(&forged("queued", ADDRESS), &ports).0, 401);
}

#[test]
fn past_the_limit_a_request_with_a_bad_head_is_answered_without_reading_its_body() {
    let ports = flooded();
    let unsigned = Post { headers: Vec::new(), ..post("queued", BODY) };
    let mut malformed = post("queued", BODY);
    malformed.headers[0].1.truncate(10);
    let get = Post { method: "GET", ..post("queued", BODY) };
    for (request, because) in
        [(unsigned, "signature_missing"), (malformed, "signature_malformed"), (get, "wrong_method")]
    {
        ports.wait(1);
        let outcome = serve(&unread(from(ADDRESS, request)), &ports);
        assert_eq!((outcome.answer.status, header(&outcome.answer, "retry-after")), (429, Some("60")), "{because}");
        assert!(outcome.record.unwrap().detail.unwrap().ends_with(&format!(" for {because}")));
    }
}

/// A provider sends for all its customers from the same addresses, and a customer can make it send forged requests.
#[test]
fn past_the_limit_an_authentic_request_is_accepted() {
    let ports = flooded();
    let answer = serve(&from(ADDRESS, post("queued", BODY)), &ports).answer;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"received":true,"id":"evt_1"}"#));
    let again = serve(&from(ADDRESS, post("queued", BODY)), &ports).answer;
    assert_eq!(again.body, r#"{"received":true,"duplicate":true,"id":"evt_1"}"#);
    // An authentic request still gets its own status.
    assert_eq!(refusal(&from(ADDRESS, post("queued", "not json")), &ports), (422, "not_json"));
    ports.fail.set(Some("enqueue"));
    let other = from(ADDRESS, post("queued", BODY.replace("evt_1", "evt_2")));
    assert_eq!(refusal(&other, &ports), (503, "enqueue_failed"));
}

#[test]
fn past_the_limit_a_flood_writes_one_line_a_second() {
    let ports = flooded();
    let told = |requests: usize| -> Vec<Option<u64>> {
        let outcomes = (0..requests).map(|_| serve(&forged("queued", ADDRESS), &ports));
        outcomes.filter_map(|outcome| outcome.record).map(|record| record.count).collect()
    };
    assert_eq!(told(100), [None], "one line");
    ports.wait(1);
    assert_eq!(told(100), [Some(100)], "99 requests before, and this one");
    let large = from(ADDRESS, post("queued", "x".repeat(300_000)));
    assert!(serve(&large, &ports).record.is_none(), "within the same second");
    assert_eq!(serve(&large, &ports).answer.status, 413);
    let busy = from(ADDRESS, Post { body: Err(BodyError::Busy), ..post("queued", BODY) });
    let outcome = serve(&busy, &ports);
    assert_eq!((outcome.answer.status, outcome.record.is_some()), (503, false), "the gateway has no room");
    assert!(
        serve(&from(ADDRESS, post("queued", BODY)), &ports).record.is_some(),
        "an authentic request always has a line"
    );
}

#[test]
fn an_authentic_request_never_counts() {
    let ports = Memory::failing("enqueue");
    assert_eq!(refusal(&post("queued", BODY), &ports).0, 503);
    assert_eq!(refusal(&post("keyless", BODY), &ports).0, 500);
    assert_eq!(refusal(&post("nobody", BODY), &ports).0, 404);
    ports.fail.set(None);
    for _ in 0..2 {
        assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
    }
    assert_eq!(refusal(&post("queued", "not json"), &ports).0, 422);
    assert_eq!(refusal(&post("queued", "x".repeat(300_000)), &ports).0, 413);
    let get = Post { method: "GET", ..post("queued", BODY) };
    assert_eq!(refusal(&get, &ports).0, 405);
    assert!(ports.refusals.borrow().is_empty());
    assert_eq!(refusal(&forged("queued", ADDRESS), &ports).0, 401);
    assert_eq!(ports.refusals.borrow().len(), 1);
}
