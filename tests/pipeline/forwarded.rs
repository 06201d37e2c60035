//! Which headers go on to the origin: those on a list, and never a secret.

use super::memory::{Memory, NOW};
use super::{ALL, BODY, Post, forward, forward_as, lookup, post, queued, refusal, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::config::{Config, ConfigError};
use hookgate_verify::presets;

use hookgate::delivery::Event;
use hookgate::forwarded::MOST_BYTES;
use hookgate::pipeline;
use hookgate_verify::native::Native;
use hookgate_verify::{Algorithm, Crypto, Hash, Head, Place};
use pollster::block_on;
use serde_json::{Value, json};

/// A delivery of `generic` with one more header.
fn with(source: &str, name: &str, value: &str) -> Post {
    let mut request = post(source, BODY);
    request.headers.push((name.to_owned(), value.to_owned()));
    request
}

/// The forward's headers of what this request leaves in the queue.
fn forwarded(request: &Post) -> Vec<(String, String)> {
    let ports = Memory::default();
    forward(&queued(request), 1, &ports);
    ports.sent.take().remove(0).headers
}

/// A source as `table` says, or what is wrong with it.
fn configured(table: Value) -> Result<Config, ConfigError> {
    let config = Config::parse(&json!({ "one": table }), ALL, &lookup)?;
    match config.source("one").unwrap() {
        Ok(_) => Ok(config),
        Err(error) => Err(error.clone()),
    }
}

#[test]
fn only_headers_on_a_list_reach_the_origin() {
    for name in ["content-encoding", "content-language", "user-agent", "traceparent", "tracestate", "x-webhook-attempt"]
    {
        let sent = forwarded(&with("queued", name, "kept"));
        assert_eq!(sent.header(name).as_deref(), Some("kept"), "{name}");
    }
    for name in [
        "x-middleware-subrequest",
        "x-http-method",
        "remote-user",
        "x-remote-user",
        "cookie",
        "authorization",
        "accept",
        "x-tenant",
        "x_webhook_attempt",
        "x-amzn-trace-id",
        "surrogate-control",
        "x-envoy-original-path",
    ] {
        let message = queued(&with("queued", name, "evil"));
        let sent = forwarded(&with("queued", name, "evil"));
        assert_eq!(sent.header(name), None, "{name}");
        assert!(!message.contains("evil"), "{name} is not stored");
    }
}

#[test]
fn a_source_lists_more_headers() {
    let table = json!({
        "provider": "generic", "secrets": ["GENERIC_SECRET"], "headers": ["x-tenant", "x-acme-*"],
    });
    let config = configured(table);
    let mut request = post("one", BODY);
    for (name, value) in [("x-tenant", "a"), ("x-acme-region", "eu"), ("x-tenants", "no"), ("x-acm", "no")] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let ports = Memory::default();
    assert_eq!(block_on(pipeline::serve(&request, &config, &ports, NOW)).answer.status, 200);
    let message = ports.queue.take().remove(0);
    forward_as(&message, &config, &ports);
    let sent = ports.sent.take().remove(0).headers;
    assert_eq!((sent.header("x-tenant").as_deref(), sent.header("x-acme-region").as_deref()), (Some("a"), Some("eu")));
    assert_eq!((sent.header("x-tenants"), sent.header("x-acm")), (None, None));
}

#[test]
fn a_source_cannot_list_a_header_that_speaks_for_the_gateway_or_carries_a_secret() {
    let refused = |provider: &str, pattern: &str| {
        let table = json!({ "provider": provider, "secrets": ["GENERIC_SECRET"], "headers": [pattern] });
        configured(table).expect_err(pattern).to_string()
    };
    for pattern in [
        "webhook-id",
        "idempotency-key",
        "hookgate-source",
        "host",
        "x-forwarded-for",
        "cf-connecting-ip",
        "x_forwarded_for",
        "cf-ray*",
        "hookgate_*",
        "remote-user",
        "x-middleware-subrequest",
    ] {
        let told = refused("generic", pattern);
        assert!(told.contains("SOURCES.one.headers") && told.contains("speaks for"), "{told}");
    }
    for pattern in ["x-*", "h*", "x-http-*"] {
        assert!(refused("generic", pattern).contains("write a longer beginning"), "{pattern}");
    }
    for (provider, name) in
        [("generic", "authorization"), ("gitlab_token", "x-gitlab-token"), ("asana", "x-hook-secret")]
    {
        assert!(refused(provider, name).contains("carries a secret"), "{name}");
    }
    for pattern in ["", "*", "X-Tenant", "x tenant", "x-*-a", &"x".repeat(65)] {
        assert!(refused("generic", pattern).contains("no header's name"), "{pattern:?}");
    }
    let many = vec!["x-tenant"; 33];
    let table = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"], "headers": many });
    assert!(configured(table).expect_err("too many").to_string().contains("32 at most"));
}

/// Every preset whose requests show a secret as it is.
#[test]
fn a_secret_in_a_header_is_neither_stored_nor_forwarded() {
    let mut seen = 0;
    for preset in presets::ALL.iter().filter(|preset| preset.scheme.algorithm == Algorithm::Token) {
        let Some(Place::Header(name)) = preset.scheme.places.first() else { continue };
        let config = configured(json!({
            "provider": preset.name, "secrets": ["GENERIC_SECRET"], "url": "https://hooks.example/webhooks/one",
        }));
        let is_basic = !preset.scheme.forms.iter().all(|form| form.encoding == hookgate_verify::Encoding::Text);
        let secret = if is_basic { "Basic dGVzdC1zZWNyZXQ=".to_owned() } else { super::SECRET.to_owned() };
        let headers = vec![(name.clone(), secret.clone())];
        let request = Post {
            method: "POST",
            host: "hooks.example.com",
            path: "/webhooks/one".to_owned(),
            query: String::new(),
            headers,
            body: Ok(b"{}".to_vec()),
        };
        let ports = Memory::default();
        let outcome = block_on(pipeline::serve(&request, &config, &ports, NOW));
        assert_eq!(outcome.answer.status, 200, "{}: {:?}", preset.name, outcome.record);
        let message = ports.queue.take().remove(0);
        assert!(!message.contains(&secret), "{}: {message}", preset.name);
        // A message of an older version holds it.
        let old = with_headers(&message, &json!([[name, secret], ["x-forwarded-for", "evil"], ["cookie", "evil"]]));
        let (_, record) = forward_as(&old, &config, &ports);
        assert_eq!(record.status, Some(200));
        let sent = ports.sent.take().remove(0).headers;
        assert!(!format!("{sent:?}").contains(&secret), "{}: {sent:?}", preset.name);
        assert!(!format!("{sent:?}").contains("evil"), "{}: {sent:?}", preset.name);
        ports.origin_status.set(Some(410));
        forward_as(&old, &config, &ports);
        let letter = ports.dead.take().remove(0);
        assert!(!letter.contains(&secret) && !letter.contains("evil"), "{}: {letter}", preset.name);
        ports.origin_status.set(None);
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
}

/// The queue message with these headers in place of its own.
fn with_headers(message: &str, headers: &Value) -> String {
    let mut message: Value = serde_json::from_str(message).unwrap();
    message["headers"] = headers.to_string().into();
    message.to_string()
}

/// Whoever makes a forward need not have called `keep_only` before.
#[test]
fn a_forward_has_no_header_that_its_source_does_not_admit_whatever_the_event_holds() {
    let config = super::config().unwrap();
    let source = config.source("queued").unwrap().unwrap();
    let held = json!([["cookie", "evil"], ["x-tenant", "evil"], ["user-agent", "kept"]]);
    let event = Event::decode(&with_headers(&queued(&post("queued", BODY)), &held)).unwrap();
    let sent = event.forward(source.forwarded(), source.deliver.origin().unwrap(), 1, None, NOW).headers;
    assert!(!sent.iter().any(|(_, value)| value == "evil"), "{sent:?}");
    assert_eq!(sent.header("user-agent").as_deref(), Some("kept"));
}

#[test]
fn a_value_that_is_not_utf_8_is_dropped_and_never_altered() {
    let request = with("queued", "x-webhook-name", "Zo\u{FFFD}");
    assert_eq!(forwarded(&request).header("x-webhook-name"), None);
    let utf8 = with("queued", "x-webhook-name", "Zoë");
    assert_eq!(forwarded(&utf8).header("x-webhook-name").as_deref(), Some("Zoë"));
    let mut signed = post("queued", BODY);
    signed.headers[0].1.push('\u{FFFD}');
    assert_eq!(refusal(&signed, &Memory::default()), (401, "signature_malformed"));
}

/// Bytes that are not UTF-8 are all shown alike, so that the signature over one text would prove another.
#[test]
fn a_signed_header_that_is_not_utf_8_is_refused() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let lookup = |name: &str| if name == "SVIX_SECRET" { Some(secret.to_owned()) } else { lookup(name) };
    let config = Config::parse(&json!({ "one": { "provider": "svix", "secrets": ["SVIX_SECRET"] } }), ALL, &lookup);
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let serve = |id: &str| {
        let (time, body) = (NOW.to_string(), "{}");
        let content = format!("{id}.{time}.{body}");
        let signature = STANDARD.encode(Native.hmac(Hash::Sha256, &key, &[content.as_bytes()]));
        let headers =
            [("svix-id", id.to_owned()), ("svix-timestamp", time), ("svix-signature", format!("v1,{signature}"))];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let request = Post { headers, body: Ok(body.into()), ..post("one", "") };
        let outcome = block_on(pipeline::serve(&request, &config, &Memory::default(), NOW));
        (outcome.answer.status, outcome.record.unwrap().reason)
    };
    assert_eq!(serve("msg_ë"), (200, None));
    assert_eq!(serve("msg_\u{FFFD}"), (401, Some("signed_header")));
}

#[test]
fn headers_that_are_too_large_are_431_and_leave_no_claim() {
    let ports = Memory::default();
    let large = with("queued", "x-webhook-note", &"x".repeat(MOST_BYTES));
    assert_eq!(refusal(&large, &ports), (431, "headers_too_large"));
    assert!(serve(&large, &ports).answer.body.contains("headers"));
    assert_eq!(ports.steps(), [""; 0]);
    assert!(ports.refusals.borrow().is_empty(), "it is authentic");
    let dropped = with("queued", "x-other", &"x".repeat(MOST_BYTES));
    assert_eq!(serve(&dropped, &ports).answer.status, 200, "what is dropped counts for nothing");
}

#[test]
fn the_webhook_id_is_always_sent_and_the_signed_event_id_beside_it() {
    let config = configured(json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"] }));
    let sent = |message: &str, unsigned: bool| {
        let lookup = |name: &str| if name == "ORIGIN_SIGNING_SECRET" && unsigned { None } else { lookup(name) };
        let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
        let config = Config::parse(&sources, ALL, &lookup);
        let ports = Memory::default();
        forward_as(message, &config, &ports);
        ports.sent.take().remove(0).headers
    };
    assert!(config.is_ok());
    let message = queued(&post("queued", BODY));
    let key = Event::decode(&message).unwrap().key().to_owned();
    for unsigned in [false, true] {
        let headers = sent(&message, unsigned);
        assert_eq!(headers.header("webhook-id"), Some(key.clone()));
        assert_eq!(headers.header("idempotency-key"), Some(key.clone()));
        assert_eq!(headers.header("hookgate-event-id").as_deref(), Some("evt_1"));
        assert_eq!(headers.header("webhook-signature").is_none(), unsigned);
    }
    let integer = message.replace("\"signed id\"", "\"signed integer id\"");
    assert_eq!(sent(&integer, true).header("hookgate-event-id").as_deref(), Some("evt_1"));
    // What no header can carry, and what is not the provider's, is left out.
    let of = |from: &str, to: &str| message.replace(from, to);
    for changed in [
        of("\"signed id\"", "\"body digest\""),
        of("\"signed id\"", "\"unsigned id\""),
        of("\"signed id\"", "\"signed content\""),
        of("evt_1", "two\\nlines"),
        of("evt_1", "a blank"),
        of("evt_1", "sha256:00"),
        of("evt_1", "Zoë"),
    ] {
        assert_eq!(sent(&changed, true).header("hookgate-event-id"), None, "{changed}");
    }
}

/// Presets whose providers send no header of their own, beside those that the scheme names.
const NO_OWN_HEADERS: &[&str] = &[
    "adyen_payments",
    "auth0",
    "braintree",
    "chargebee",
    "clickup",
    "cloudflare_notifications",
    "cloudflare_stream",
    "datadog",
    "dodo",
    "easypost",
    "fingerprint",
    "gocardless",
    "increase",
    "intercom",
    "lithic",
    "liveblocks",
    "livekit",
    "mailgun",
    "mailtrap",
    "mercado_pago",
    "monday",
    "ms_graph",
    "ms_teams",
    "okta",
    "onfido",
    "openai",
    "orb",
    "polar",
    "postmark",
    "replicate",
    "scalekit",
    "segment",
    "standard_webhooks",
    "standard_webhooks_v1a",
    "supabase",
    "telegram",
    "vonage",
    "whop",
];

#[test]
fn every_preset_says_which_headers_are_its_providers_own() {
    let without: Vec<&str> =
        presets::ALL.iter().filter(|preset| preset.headers.is_empty()).map(|preset| preset.name.as_str()).collect();
    assert_eq!(without, NO_OWN_HEADERS);
}
