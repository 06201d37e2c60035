//! The queue message: a message that was read is written unchanged, and its forward has no header that only the gateway may
//! set. The input is the text of a message. If it is no message, it is a body whose first line is a header.

use super::common::case;
use super::{ID, NOW, SEED, configure};
use hookgate::config::{Config, Destination};
use hookgate::dedup::{Acceptance, ClaimToken, DedupKey};
use hookgate::message::Event;
use hookgate::trace::TraceContext;
use hookgate_verify::VerificationKey;
use hookgate_verify::native::Native;
use serde_json::json;
use std::sync::LazyLock;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let sources = json!({ "repo": { "provider": "github", "secrets": ["SECRET"] } });
    configure(&sources, true, &|name| (name == "SECRET").then(|| SEED.to_owned())).expect("sources")
});

pub fn run(data: &[u8]) {
    match str::from_utf8(data).map(Event::decode) {
        Ok(Ok(event)) => {
            survives_the_queue(&event);
            forwards(&event);
        }
        _ => comes_in(data),
    }
}

fn comes_in(data: &[u8]) {
    let case = case("github");
    let source = CONFIG.source("repo").and_then(Result::ok).expect("a source");
    let (name, value) = header(data);
    let mut headers = case.sign(SEED, ID, NOW, data).expect("signed bytes");
    headers.extend([
        (name, value.clone()),
        ("content-type".to_owned(), value.clone()),
        ("x-github-event".to_owned(), value),
    ]);
    let verified =
        source.verifier.receive(&headers).and_then(|received| received.verify(data, NOW, &Native)).expect("verified");
    let key = DedupKey::new(&source.name, verified.identity()).expect("an identity");
    let lines = headers.iter().collect();
    let context = TraceContext::of(&lines).unwrap_or_else(|| TraceContext::begin(&key, 7));
    let event = Event::new(source, &verified, (&key, Acceptance::Drawn(ClaimToken(7))), &lines, context, NOW);
    survives_the_queue(&event);
    forwards(&event);
    assert_eq!((event.body(), event.source()), (data, "repo"));
}

/// The first line as a header: the name, `:`, and the value. The runtime hands names over in lower case.
fn header(data: &[u8]) -> (String, String) {
    let line = data.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let (name, value) = line.split_once(':').unwrap_or(("x-line", &line));
    (name.to_ascii_lowercase(), value.to_owned())
}

fn survives_the_queue(event: &Event<'_>) {
    let Ok(message) = event.encode() else { return };
    let again = Event::decode(&message.clone().into_text()).expect("our own message");
    assert_eq!(&again, event);
    assert_eq!(again.encode().as_ref(), Ok(&message));
    if let Ok(dead) = again.dead("refused").encode_again() {
        assert_eq!(Event::decode(&dead.into_text()).expect("our own message").dead_reason(), Some("refused"));
    }
}

fn forwards(event: &Event<'_>) {
    let standard = case("standard_webhooks");
    let source = CONFIG.source("repo").and_then(Result::ok).expect("a source");
    let origin = Destination::parse("https://origin.example/").expect("an origin");
    let VerificationKey::HmacSha256(signing) = standard.key(SEED) else { panic!("of SHA-256") };
    let forward = event.attempt_request(source.forwarded_headers(), &origin, 1, Some(&signing), 7, NOW);
    assert_eq!((forward.origin, forward.body), (&origin, event.body()));
    for ours in ["idempotency-key", "hookgate-source", "hookgate-attempt", "webhook-id", "webhook-signature"] {
        let alike = |name: &str| name.replace('_', "-").eq_ignore_ascii_case(ours);
        assert_eq!(forward.headers.iter().filter(|(name, _)| alike(name)).count(), 1, "{ours}");
    }
    for traced in ["traceparent", "tracestate"] {
        let values = forward.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(traced));
        assert!(event.trace().is_none() || values.count() <= 1, "{traced}");
    }
    for foreign in
        ["host", "connection", "content-length", "x-forwarded-for", "cf-connecting-ip", "authorization", "remote-user"]
    {
        assert!(!forward.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(foreign)), "{foreign}");
    }
    assert!(!forward.headers.iter().any(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)), "altered");
    let refused = standard.verify(SEED, &forward.headers, forward.body, NOW).err();
    assert!(refused.is_none_or(|error| error.is_authentic()), "our own signature");
}
