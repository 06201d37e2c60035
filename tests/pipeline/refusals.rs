//! Who is refused too often is not listened to.

use super::memory::Memory;
use super::{BODY, Post, header, post, refusal, serve};
use hookgate::pipeline::ports::BodyError;

fn forged(source: &str, address: &str) -> Post {
    let mut request = post(source, BODY);
    request.body = Ok(b"forged".to_vec());
    request.headers.push(("cf-connecting-ip".to_owned(), address.to_owned()));
    request
}

/// From this address, but with a body that must not be read.
fn unread(source: &str, address: &str) -> Post {
    Post { body: Err(BodyError::Broken("it was read".to_owned())), ..forged(source, address) }
}

#[test]
fn past_the_limit_an_address_is_not_listened_to_for_a_minute() {
    let ports = Memory::default();
    ports.limit.set(Some(2));
    for _ in 0..3 {
        assert_eq!(refusal(&forged("queued", "203.0.113.7"), &ports), (401, "signature_mismatch"));
    }
    assert_eq!(refusal(&unread("queued", "203.0.113.7"), &ports), (429, "too_many_refusals"));
    let answer = serve(&unread("queued", "203.0.113.7"), &ports).answer;
    assert_eq!(header(&answer, "retry-after"), Some("60"));
    assert_eq!(ports.refusals.borrow().len(), 3, "which is not counted again");
    assert_eq!(ports.steps(), [""; 0]);
    // Others are, and so is it at other sources.
    assert_eq!(refusal(&forged("queued", "203.0.113.8"), &ports).0, 401);
    assert_eq!(refusal(&forged("exact", "203.0.113.7"), &ports).0, 401);
    ports.wait(60);
    assert_eq!(refusal(&forged("queued", "203.0.113.7"), &ports).0, 401);
}

#[test]
fn only_what_is_the_senders_doing_counts() {
    let ports = Memory::failing("enqueue");
    assert_eq!(refusal(&post("queued", BODY), &ports).0, 503);
    assert_eq!(refusal(&post("keyless", BODY), &ports).0, 500);
    assert_eq!(refusal(&post("nobody", BODY), &ports).0, 404);
    ports.fail.set(None);
    for _ in 0..2 {
        assert_eq!(serve(&post("queued", BODY), &ports).answer.status, 200);
    }
    assert!(ports.refusals.borrow().is_empty());
    let get = Post { method: "GET", ..post("queued", BODY) };
    assert_eq!(refusal(&get, &ports).0, 405);
    assert_eq!(refusal(&post("queued", "x".repeat(300_000)), &ports).0, 413);
    assert_eq!(refusal(&post("queued", "not json"), &ports).0, 422);
    assert_eq!(ports.refusals.borrow().len(), 3);
}
