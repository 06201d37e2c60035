//! Only headers on a list reach the origin, and a secret never does.

use super::memory::{Memory, NOW};
use super::{
    BODY, Post, configured, configured_with, forward, forward_as, post, queued, refusal, request, serve, serve_as,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::config::{Config, ConfigError};
use hookgate::forwarded_headers::MOST_BYTES;
use hookgate::message::Event;
use hookgate_verify::native::Native;
use hookgate_verify::{Algorithm, Crypto, Encoding, Hash, Head, Location, presets};
use serde_json::{Value, json};

/// The event at the source `queued`, with one more header.
fn with(name: &str, value: &str) -> Post {
    post("queued", BODY).with(name, value)
}

/// The headers of the forward of this request.
fn forwarded(request: &Post) -> Vec<(String, String)> {
    let ports = Memory::default();
    forward(&queued(request), 1, &ports);
    ports.sent.take().remove(0).headers
}

/// The source `one`, or the error in it.
fn source(table: Value) -> Result<Config, ConfigError> {
    let config = configured(json!({ "one": table }))?;
    match config.source("one").unwrap() {
        Ok(_) => Ok(config),
        Err(error) => Err(error.clone()),
    }
}

#[test]
fn only_headers_on_a_list_reach_the_origin() {
    for name in ["content-encoding", "content-language", "user-agent", "x-webhook-attempt"] {
        let sent = forwarded(&with(name, "kept"));
        assert_eq!(sent.header(name).as_deref(), Some("kept"), "{name}");
    }
    for name in "x-middleware-subrequest x-http-method remote-user x-remote-user cookie authorization accept x-tenant \
        x_webhook_attempt x-amzn-trace-id surrogate-control x-envoy-original-path"
        .split(' ')
    {
        let message = queued(&with(name, "evil"));
        let sent = forwarded(&with(name, "evil"));
        assert_eq!(sent.header(name), None, "{name}");
        assert!(!message.contains("evil"), "{name} is not stored");
    }
}

#[test]
fn a_source_may_list_more_headers() {
    let table = json!({
        "provider": "generic", "secrets": ["GENERIC_SECRET"], "headers": ["x-tenant", "x-acme-*"],
    });
    let config = source(table);
    let request = [("x-tenant", "a"), ("x-acme-region", "eu"), ("x-tenants", "no"), ("x-acm", "no")]
        .into_iter()
        .fold(post("one", BODY), |request, (name, value)| request.with(name, value));
    let ports = Memory::default();
    assert_eq!(serve_as(&request, &config, &ports).answer.status, 200);
    let message = ports.queue.take().remove(0);
    forward_as(&message, &config, &ports);
    let sent = ports.sent.take().remove(0).headers;
    assert_eq!((sent.header("x-tenant").as_deref(), sent.header("x-acme-region").as_deref()), (Some("a"), Some("eu")));
    assert_eq!((sent.header("x-tenants"), sent.header("x-acm")), (None, None));
}

#[test]
fn a_source_cannot_list_a_header_of_the_gateway_or_a_header_with_a_secret() {
    let refused = |provider: &str, pattern: &str| {
        let table = json!({ "provider": provider, "secrets": ["GENERIC_SECRET"], "headers": [pattern] });
        source(table).expect_err(pattern).to_string()
    };
    for pattern in "webhook-id idempotency-key hookgate-source host x-forwarded-for cf-connecting-ip x_forwarded_for \
        cf-ray* hookgate_* remote-user x-middleware-subrequest"
        .split(' ')
    {
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
    assert!(source(table).expect_err("too many").to_string().contains("32 at most"));
}

/// Every preset whose requests have the secret itself in a header.
#[test]
fn a_secret_in_a_header_is_neither_stored_nor_forwarded() {
    let mut seen = 0;
    for preset in presets::ALL.iter().filter(|preset| preset.scheme.algorithm == Algorithm::StaticToken) {
        let Some(Location::Header(name)) = preset.scheme.locations.first() else { continue };
        let config = source(json!({
            "provider": preset.name, "secrets": ["GENERIC_SECRET"], "url": "https://hooks.example/webhooks/one",
        }));
        let is_basic = !preset.scheme.variants.iter().all(|form| form.encoding == Encoding::Text);
        let secret = if is_basic { "Basic dGVzdC1zZWNyZXQ=".to_owned() } else { super::SECRET.to_owned() };
        let request = request("POST", "one", "", &[(name, &secret)], "{}");
        let ports = Memory::default();
        let outcome = serve_as(&request, &config, &ports);
        assert_eq!(outcome.answer.status, 200, "{}: {:?}", preset.name, outcome.record);
        let message = ports.queue.take().remove(0);
        assert!(!message.contains(&secret), "{}: {message}", preset.name);
        // A message of an older version has the secret.
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

/// The queue message with other headers.
fn with_headers(message: &str, headers: &Value) -> String {
    let mut message: Value = serde_json::from_str(message).unwrap();
    message["headers"] = headers.to_string().into();
    message.to_string()
}

/// The forward itself drops headers; it does not rely on an earlier `keep_only`.
#[test]
fn a_forward_drops_the_headers_of_an_event_that_its_source_does_not_list() {
    let config = super::config().unwrap();
    let source = config.source("queued").unwrap().unwrap();
    let held = json!([["cookie", "evil"], ["x-tenant", "evil"], ["user-agent", "kept"]]);
    let event = Event::decode(&with_headers(&queued(&post("queued", BODY)), &held)).unwrap();
    let origin = source.deliver.origin().unwrap();
    let sent = event.attempt_request(source.forwarded_headers(), origin, 1, None, 7, NOW).headers;
    assert!(!sent.iter().any(|(_, value)| value == "evil"), "{sent:?}");
    assert_eq!(sent.header("user-agent").as_deref(), Some("kept"));
}

#[test]
fn a_header_value_that_is_not_utf_8_is_dropped_and_never_altered() {
    let request = with("x-webhook-name", "Zo\u{FFFD}");
    assert_eq!(forwarded(&request).header("x-webhook-name"), None);
    let utf8 = with("x-webhook-name", "Zoë");
    assert_eq!(forwarded(&utf8).header("x-webhook-name").as_deref(), Some("Zoë"));
    let mut signed = post("queued", BODY);
    signed.headers[0].1.push('\u{FFFD}');
    assert_eq!(refusal(&signed, &Memory::default()), (401, "signature_malformed"));
}

/// The runtime shows all bytes that are not UTF-8 as one letter, so one signature would prove many texts.
#[test]
fn a_signed_header_that_is_not_utf_8_is_refused() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let source = json!({ "one": { "provider": "svix", "secrets": ["SVIX_SECRET"] } });
    let config = configured_with(source, "SVIX_SECRET", Some(secret));
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let serve = |id: &str| {
        let (time, body) = (NOW.to_string(), "{}");
        let content = format!("{id}.{time}.{body}");
        let signature = STANDARD.encode(Native.hmac(Hash::Sha256, &key, &[content.as_bytes()]));
        let signature = format!("v1,{signature}");
        let headers = [("svix-id", id), ("svix-timestamp", &time), ("svix-signature", &signature)];
        let outcome = serve_as(&request("POST", "one", "", &headers, body), &config, &Memory::default());
        (outcome.answer.status, outcome.record.unwrap().reason)
    };
    assert_eq!(serve("msg_ë"), (200, None));
    assert_eq!(serve("msg_\u{FFFD}"), (401, Some("signed_header")));
}

#[test]
fn headers_that_are_too_large_are_431_and_leave_no_claim() {
    let ports = Memory::default();
    let large = with("x-webhook-note", &"x".repeat(MOST_BYTES));
    assert_eq!(refusal(&large, &ports), (431, "headers_too_large"));
    assert!(serve(&large, &ports).answer.body.contains("headers"));
    assert_eq!(ports.steps(), [""; 0]);
    assert!(ports.refusals.borrow().is_empty(), "the request is authentic");
    let dropped = with("x-other", &"x".repeat(MOST_BYTES));
    assert_eq!(serve(&dropped, &ports).answer.status, 200, "a dropped header does not count");
}

#[test]
fn the_webhook_id_and_the_signed_event_id_are_always_sent() {
    let sent = |message: &str, unsigned: bool| {
        let sources = json!({ "queued": { "provider": "generic", "secrets": ["GENERIC_SECRET"] } });
        let config = configured_with(sources, "ORIGIN_SIGNING_SECRET", (!unsigned).then_some(super::SIGNING));
        let ports = Memory::default();
        forward_as(message, &config, &ports);
        ports.sent.take().remove(0).headers
    };
    let message = queued(&post("queued", BODY));
    let key = Event::decode(&message).unwrap().key().to_string();
    for unsigned in [false, true] {
        let headers = sent(&message, unsigned);
        assert_eq!(headers.header("webhook-id"), Some(key.clone()));
        assert_eq!(headers.header("idempotency-key"), Some(key.clone()));
        assert_eq!(headers.header("hookgate-event-id").as_deref(), Some("evt_1"));
        assert_eq!(headers.header("webhook-signature").is_none(), unsigned);
    }
    let integer = message.replace("\"signed id\"", "\"signed integer id\"");
    assert_eq!(sent(&integer, true).header("hookgate-event-id").as_deref(), Some("evt_1"));
    // An id that does not fit into a header, or that the provider did not sign, is left out.
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

/// Presets whose providers send no headers except those in the scheme.
const NO_OWN_HEADERS: &str = "\
    adyen_payments auth0 braintree chargebee clickup cloudflare_notifications cloudflare_stream datadog dodo \
    easypost fingerprint gocardless increase intercom lithic liveblocks livekit mailgun mailtrap mercado_pago \
    monday ms_graph ms_teams okta onfido openai orb polar postmark replicate scalekit segment \
    standard_webhooks standard_webhooks_v1a supabase telegram vonage whop";

#[test]
fn every_preset_says_which_headers_are_its_providers_own() {
    let without: Vec<&str> =
        presets::ALL.iter().filter(|preset| preset.headers.is_empty()).map(|preset| preset.name.as_str()).collect();
    let advice = "write a preset's own headers into its `headers`; a preset without any has its name in NO_OWN_HEADERS";
    assert_eq!(without.join(" "), NO_OWN_HEADERS, "{advice}");
}
