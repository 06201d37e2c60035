//! Who sends too much that is forged: its forgeries are answered 429, and nobody is muted.

use super::memory::Memory;
use super::{BODY, Post, header, post, refusal, serve};
use hookgate::pipeline::ports::BodyError;

const ADDRESS: &str = "203.0.113.7";

fn from(address: &str, mut request: Post) -> Post {
    request.headers.push(("cf-connecting-ip".to_owned(), address.to_owned()));
    request
}

/// With a signature of another body.
fn forged(source: &str, address: &str) -> Post {
    from(address, Post { body: Ok(b"forged".to_vec()), ..post(source, BODY) })
}

/// A body that must not be read.
fn unread(request: Post) -> Post {
    Post { body: Err(BodyError::Broken("it was read".to_owned())), ..request }
}

/// A gateway that [`ADDRESS`] has sent too much that is forged, at the source `queued`.
fn flooded() -> Memory {
    let ports = Memory::default();
    ports.limit.set(Some(2));
    for _ in 0..3 {
        assert_eq!(refusal(&forged("queued", ADDRESS), &ports), (401, "signature_mismatch"));
    }
    ports
}

#[test]
fn past_the_limit_what_is_forged_is_answered_429() {
    let ports = flooded();
    let outcome = serve(&forged("queued", ADDRESS), &ports);
    assert_eq!((outcome.answer.status, header(&outcome.answer, "retry-after")), (429, Some("60")));
    let record = outcome.record.unwrap();
    assert_eq!(record.reason, Some("too_many_refusals"));
    assert!(record.detail.unwrap().contains("signature_mismatch"));
    assert_eq!(ports.refusals.borrow().len(), 3, "which is not counted again");
    assert_eq!(ports.steps(), [""; 0]);
    // Others are refused as ever, and so is it at other sources.
    assert_eq!(refusal(&forged("queued", "203.0.113.8"), &ports).0, 401);
    assert_eq!(refusal(&forged("exact", ADDRESS), &ports).0, 401);
    ports.wait(60);
    assert_eq!(refusal(&forged("queued", ADDRESS), &ports).0, 401);
}

#[test]
fn past_the_limit_a_request_whose_head_proves_nothing_is_answered_unread() {
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
        assert!(outcome.record.unwrap().detail.unwrap().starts_with(because));
    }
}

/// Providers send for all their customers from the same addresses, and a customer can have them send what is forged.
#[test]
fn past_the_limit_a_genuine_delivery_gets_through() {
    let ports = flooded();
    let answer = serve(&from(ADDRESS, post("queued", BODY)), &ports).answer;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"received":true,"id":"evt_1"}"#));
    let again = serve(&from(ADDRESS, post("queued", BODY)), &ports).answer;
    assert_eq!(again.body, r#"{"received":true,"duplicate":true,"id":"evt_1"}"#);
    // What is authentic is told what is wrong with it, and what fails is our failure.
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
    assert_eq!(told(100), [Some(100)], "the 99 before, and this one");
    let large = from(ADDRESS, post("queued", "x".repeat(300_000)));
    assert!(serve(&large, &ports).record.is_none(), "within the same second");
    assert_eq!(serve(&large, &ports).answer.status, 413);
    let busy = from(ADDRESS, Post { body: Err(BodyError::Busy), ..post("queued", BODY) });
    let outcome = serve(&busy, &ports);
    assert_eq!((outcome.answer.status, outcome.record.is_some()), (503, false), "no room, which is our failure");
    assert!(serve(&from(ADDRESS, post("queued", BODY)), &ports).record.is_some(), "what is proven is always told");
}

#[test]
fn what_was_proven_never_counts() {
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
