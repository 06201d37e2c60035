//! The configuration: accepted settings, their defaults, and the error for each mistake.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alerts;
mod secrets;
mod tokens;
mod variables;

use hookgate::config::{Bindings, Config, Dedup, Deliver, LogPolicy, Source};
use hookgate::redact::Redactions;
use hookgate_verify::Tolerance;
use hookgate_verify::presets;
use serde_json::{Value, json};
use std::time::Duration;

const ALL: Bindings = Bindings::ALL;
const CANARY: &str = "canary-secret-text";

fn lookup(name: &str) -> Option<String> {
    match name {
        "SECRET" | "SECRET_OLD" => Some(CANARY.to_owned()),
        "EMPTY" => Some(String::new()),
        "NEWLINE" => Some(format!("{CANARY}\n")),
        "ORIGIN" => Some("https://origin.example/{source}".to_owned()),
        _ => None,
    }
}

fn parse(table: &Value, bindings: Bindings) -> Config {
    Config::parse(&json!({ "billing": table }), bindings, &lookup).expect("a table of sources")
}

fn with(mut table: Value, more: &[(&str, Value)]) -> Value {
    table.as_object_mut().unwrap().extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    table
}

fn stripe(extra: &[(&str, Value)]) -> Value {
    with(json!({ "provider": "stripe", "secrets": ["SECRET"] }), extra)
}

fn with_source<T>(extra: &[(&str, Value)], read: impl Fn(&Source) -> T) -> T {
    let config = parse(&stripe(extra), ALL);
    read(config.source("billing").unwrap().unwrap_or_else(|error| panic!("{error}")))
}

/// The error of the source `billing`; `Ok` if it is usable.
fn usable(table: &Value, bindings: Bindings) -> Result<(), String> {
    parse(table, bindings).source("billing").unwrap().map(|_| ()).map_err(ToString::to_string)
}

/// The error of a Stripe source with these settings.
fn mistake(extra: &[(&str, Value)]) -> String {
    let error = usable(&stripe(extra), ALL).expect_err("a mistake");
    assert!(!error.contains(CANARY), "{error}");
    error
}

#[test]
fn two_lines_are_enough_and_all_other_settings_have_defaults() {
    with_source(&[], |source| {
        assert_eq!((source.name.as_str(), source.verifier.preset().name.as_str()), ("billing", "stripe"));
        assert!(
            matches!(&source.deliver, Deliver::Queue(Some(origin)) if origin.as_str() == "https://origin.example/billing")
        );
        assert_eq!((source.dedup, source.dedup_ttl), (Dedup::Kv, Duration::from_secs(7 * 86_400)));
        assert_eq!((source.max_body, source.events.is_none()), (1024 * 1024, true));
        assert!(source.verifier.current_key().is_some());
        assert_eq!(
            source.log,
            LogPolicy { bodies: Some(Duration::from_secs(7 * 86_400)), redactions: Redactions::default() }
        );
    });
}

#[test]
fn every_setting_is_read() {
    let extra = [
        ("secrets", json!(["SECRET", "SECRET_OLD"])),
        ("deliver", json!("origin")),
        ("origin", json!("https://app.example.com/hooks/{source}")),
        ("dedup", json!("none")),
        ("dedup_ttl", json!("30d")),
        ("tolerance", json!("10m")),
        ("max_body", json!("5MiB")),
        ("events", json!(["invoice.*", "charge.paid"])),
        ("log_bodies", json!("36h")),
        ("redact", json!(["$.card.number", "header:Authorization"])),
    ];
    with_source(&extra, |source| {
        assert!(
            matches!(&source.deliver, Deliver::Direct(origin) if origin.as_str() == "https://app.example.com/hooks/billing")
        );
        assert_eq!((source.dedup, source.dedup_ttl), (Dedup::None, Duration::from_secs(30 * 86_400)));
        assert_eq!(source.max_body, 5 * 1024 * 1024);
        let form = source.verifier.preset().scheme.variants.first().unwrap();
        let window = Tolerance { past: Duration::from_secs(600), future: Duration::from_secs(300) };
        assert_eq!(source.verifier.window(form), Some(window));
        let redactions = Redactions::parse(&["$.card.number", "header:authorization"]).unwrap();
        assert_eq!(source.log, LogPolicy { bodies: Some(Duration::from_secs(36 * 3600)), redactions });
    });
}

#[test]
fn the_error_of_a_mistake_names_the_key_the_value_and_the_right_text() {
    for (key, value, told) in [
        ("dedupe", json!("kv"), "SOURCES.billing.dedupe: unknown key (did you mean `dedup`?)"),
        ("colour", json!("red"), "SOURCES.billing.colour: unknown key; known are provider, scheme, secrets, url,"),
        ("provider", json!("strpe"), "SOURCES.billing.provider: \"strpe\": no such provider (did you mean `stripe`?)"),
        ("provider", json!(7), "SOURCES.billing.provider: must be a text in quotes"),
        ("secrets", json!([]), "SOURCES.billing.secrets: name 1 to 4 secrets"),
        ("secrets", json!(["A", "B", "C", "D", "E"]), "SOURCES.billing.secrets: A is not set"),
        ("secrets", json!("SECRET"), "SOURCES.billing.secrets: must be a list of texts"),
        ("secrets", json!([CANARY]), "SOURCES.billing.secrets: lists the names of Worker secrets"),
        ("secrets", json!(["EMPTY"]), "SOURCES.billing.secrets: EMPTY is empty"),
        ("secrets", json!(["NEWLINE"]), "SOURCES.billing.secrets: NEWLINE begins or ends with white space"),
        ("deliver", json!("mail"), "SOURCES.billing.deliver: \"mail\": must be one of queue, origin"),
        (
            "origin",
            json!("http://app.example.com"),
            "SOURCES.billing.origin: \"http://app.example.com\": must be https",
        ),
        ("dedup", json!("exactly"), "SOURCES.billing.dedup: \"exactly\": must be one of kv, exact, none"),
        ("dedup_ttl", json!("7"), "SOURCES.billing.dedup_ttl: \"7\": must be a duration with its unit"),
        ("dedup_ttl", json!("400d"), "SOURCES.billing.dedup_ttl: \"400d\": must be at most 366d"),
        ("tolerance", json!("0s"), "SOURCES.billing.tolerance: \"0s\": must lie between 1s and 366d"),
        ("max_body", json!("1024"), "SOURCES.billing.max_body: \"1024\": must be a size with its unit"),
        (
            "max_body",
            json!("8589934592B"),
            "SOURCES.billing.max_body: \"8589934592B\": must lie between 1 B and 25 MiB",
        ),
        ("max_body", json!("0B"), "SOURCES.billing.max_body: \"0B\": must lie between 1 B and 25 MiB"),
        ("max_body", json!("26MiB"), "SOURCES.billing.max_body: \"26MiB\": must lie between 1 B and 25 MiB"),
        ("events", json!([]), "SOURCES.billing.events: lists event types"),
        ("events", json!(["*.paid"]), "SOURCES.billing.events: lists event types"),
        ("log_bodies", json!("23h"), "SOURCES.billing.log_bodies: \"23h\": must be \"none\", or a time from \"1d\" to"),
        ("log_bodies", json!("31d"), "SOURCES.billing.log_bodies: \"31d\": must be \"none\", or a time from"),
        ("log_bodies", json!("None"), "SOURCES.billing.log_bodies: \"None\": must be \"none\", or a time from"),
        ("log_bodies", json!("7"), "SOURCES.billing.log_bodies: \"7\": must be \"none\", or a time from"),
        ("log_bodies", json!(false), "SOURCES.billing.log_bodies: must be a text in quotes"),
        ("log_bodys", json!("7d"), "SOURCES.billing.log_bodys: unknown key (did you mean `log_bodies`?)"),
        ("redact", json!("$.card"), "SOURCES.billing.redact: must be a list of texts"),
        ("redact", json!(["$..card"]), "SOURCES.billing.redact: \"$..card\" has `..`, which is not supported"),
        ("redact", json!(["$"]), "SOURCES.billing.redact: \"$\" is the whole body; to keep no bodies, set log_bodies"),
        ("redact", json!(["$.a", CANARY]), "SOURCES.billing.redact: rule 2 is neither a path into the body"),
        ("redact", json!(["header:*"]), "SOURCES.billing.redact: \"header:*\" names no header"),
        ("redact", json!(vec!["$.a"; 33]), "SOURCES.billing.redact: lists 33 rules, of 32 at most"),
    ] {
        let error = mistake(&[(key, value)]);
        assert!(error.starts_with(told), "{error}\nshould begin with\n{told}");
    }
}

#[test]
fn the_log_may_keep_no_bodies_or_keep_them_for_a_day_to_thirty_days() {
    let bodies =
        |text: &str| with_source(&[("log_bodies", json!(text)), ("redact", json!([]))], |source| source.log.bodies);
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!([bodies("none"), bodies("1d"), bodies("24h"), bodies("30d")], [None, days(1), days(1), days(30)]);
}

#[test]
fn of_a_source_that_is_removed_or_misconfigured_the_log_keeps_nothing() {
    let sources = json!({ "good": stripe(&[]), "bad": stripe(&[("redact", json!(["$..card"]))]) });
    let config = Config::parse(&sources, ALL, &lookup).unwrap();
    assert_eq!(config.log_policy("good"), &LogPolicy::default());
    for name in ["bad", "removed"] {
        assert_eq!(config.log_policy(name), &LogPolicy { bodies: None, redactions: Redactions::UNKNOWN }, "{name}");
    }
}

#[test]
fn five_secrets_are_too_many_even_if_all_are_set() {
    let error = mistake(&[("secrets", json!(["SECRET", "SECRET", "SECRET", "SECRET", "SECRET"]))]);
    assert_eq!(error, "SOURCES.billing.secrets: more than 4 secrets");
}

#[test]
fn an_account_without_a_name_is_refused() {
    for provider in ["aws_sns", "livekit", "braintree"] {
        for account in ["", "  "] {
            let secrets = if provider == "aws_sns" { json!([]) } else { json!(["SECRET"]) };
            let table = json!({ "provider": provider, "secrets": secrets, "account": account });
            let told = format!("SOURCES.billing.account: \"{account}\": is empty; write your name at the provider");
            assert_eq!(usable(&table, ALL), Err(told), "{provider}");
        }
    }
}

#[test]
fn a_source_without_the_account_for_its_handshake_has_a_warning() {
    let warnings = |extra: &[(&str, Value)]| {
        parse(&with(json!({ "provider": "braintree", "secrets": ["SECRET"] }), extra), ALL).warnings
    };
    let told = "SOURCES.billing.account is missing: without it, the provider's test of the endpoint gets no answer";
    assert_eq!(warnings(&[]), [told]);
    assert_eq!(warnings(&[("account", json!("public_key"))]), [""; 0]);
}

#[test]
fn a_tolerance_needs_a_signed_time() {
    let table = json!({ "provider": "github", "secrets": ["SECRET"], "tolerance": "5m" });
    let error = usable(&table, ALL).expect_err("a mistake");
    assert!(error.contains("github signs no timestamp"), "{error}");
}

#[test]
fn a_key_is_remembered_for_longer_than_a_replay_is_fresh() {
    // A replay is fresh for an hour and five minutes. The sender retries for only six minutes.
    let own = |ttl: &str| {
        let scheme = json!({
            "signature": { "header": "x-signature" },
            "content": "{timestamp}.{body}",
            "timestamp": { "header": "x-time" },
            "retry_span": "6m",
        });
        let table = json!({ "scheme": scheme, "secrets": ["SECRET"], "tolerance": "1h", "dedup_ttl": ttl });
        parse(&table, ALL).source("billing").unwrap().map(|source| source.dedup_ttl).map_err(ToString::to_string)
    };
    assert!(own("1h 4m").unwrap_err().contains("use at least \"1h 5m\""));
    assert_eq!(own("1h 5m"), Ok(Duration::from_secs(3900)));
}

#[test]
fn a_setting_without_its_binding_is_an_error_that_names_the_binding() {
    let error = |bindings, extra: &[(&str, Value)]| usable(&stripe(extra), bindings);
    let no_kv = Bindings { dedup: false, ..ALL };
    assert!(error(no_kv, &[]).unwrap_err().contains("needs the binding DEDUP"));
    assert_eq!(error(no_kv, &[("dedup", json!("none"))]), Ok(()));
    let no_objects = Bindings { claims: false, ..ALL };
    assert_eq!(error(no_objects, &[]), Ok(()));
    assert!(error(no_objects, &[("dedup", json!("exact"))]).unwrap_err().contains("needs the binding CLAIMS"));
    let armed = error(no_objects, &[("handshake", json!("armed"))]).unwrap_err();
    assert!(armed.starts_with("SOURCES.billing.handshake: ") && armed.contains("needs the binding CLAIMS"), "{armed}");
    assert_eq!(error(ALL, &[("handshake", json!("armed"))]), Ok(()));
    let off = |bindings| parse(&stripe(&[]), bindings).off;
    assert_eq!(off(ALL), [""; 0]);
    for (bindings, binding) in [
        (Bindings { payloads: false, ..ALL }, "PAYLOADS: "),
        (Bindings { log: false, ..ALL }, "LOG: "),
        (Bindings { rejects: false, ..ALL }, "REJECTS: "),
    ] {
        assert!(off(bindings).concat().starts_with(binding), "{binding}");
    }
    let no_queue = Bindings { events: false, ..ALL };
    assert!(error(no_queue, &[]).unwrap_err().contains("needs the binding EVENTS"));
    assert_eq!(error(no_queue, &[("deliver", json!("origin"))]), Ok(()));
}

#[test]
fn an_error_in_one_source_leaves_the_other_sources_usable() {
    let sources = json!({ "good": stripe(&[]), "bad": {}, "Bad Name": stripe(&[]), "health": stripe(&[]), "list": [] });
    let config = Config::parse(&sources, ALL, &lookup).unwrap();
    let usable: Vec<_> = config.sources().filter(|(_, source)| source.is_ok()).map(|(name, _)| name).collect();
    assert_eq!(usable, ["good"]);
    assert!(config.source("nobody").is_none());
}

#[test]
fn the_error_of_a_secret_with_a_version_prefix_says_to_remove_the_prefix() {
    let lookup = |name: &str| (name == "SECRET").then(|| "v1,whsec_Y2FuYXJ5LXNlY3JldA==".to_owned());
    let table = json!({ "x": { "provider": "standard_webhooks", "secrets": ["SECRET"], "deliver": "origin",
        "origin": "https://origin.example" } });
    let config = Config::parse(&table, ALL, &lookup).expect("a table of sources");
    let told = config.source("x").unwrap().expect_err("unusable").to_string();
    let expected = "SOURCES.x.secrets: SECRET begins with `v1,`, which is not part of the secret: \
                    remove `v1,`, so that the secret begins with `whsec_`";
    assert_eq!(told, expected);
}

#[test]
fn every_preset_states_for_how_long_its_provider_retries() {
    // The sums of the delays in the providers' documentation, in seconds.
    let spans = [
        ("chekt", 335),
        ("generic", 9330),
        ("github", 259_200),
        ("lrdefender", 381),
        ("relaybox", 41),
        ("relock", 86_400),
        ("shopify", 14_400),
        ("slack", 90_000),
        ("standard_webhooks", 272_105),
        ("stripe", 259_200),
    ];
    for (name, seconds) in spans {
        assert_eq!(presets::find(name).expect(name).retry_span.as_secs(), seconds, "{name}");
    }
}

/// The error of an own scheme with these settings.
fn scheme_mistake(more: &[(&str, Value)]) -> Result<(), String> {
    let scheme = with(json!({ "signature": { "header": "x-s" } }), more);
    usable(&json!({ "secrets": ["SECRET"], "scheme": scheme }), ALL)
}

#[test]
fn the_error_of_an_identity_rule_without_effect_names_the_right_text() {
    let token = ("algorithm", json!("token"));
    for (keys, told) in [
        (
            vec![("identity", json!("digest"))],
            "scheme.identity: \"digest\": must be \"content\", \"none\", or { digest =",
        ),
        (vec![("identity", json!({}))], "scheme.identity: must be \"content\", \"none\", or { digest ="),
        (vec![("identity", json!({ "digest": " " }))], "scheme.identity.digest: \" \": name the field that makes"),
        (vec![("identity", json!({ "split": "x-topic" }))], "scheme.identity.digest: is missing"),
        (vec![("identity", json!({ "none": "x", "digest": "x" }))], "scheme.identity: must be"),
        (
            vec![("identity", json!({ "digest": "x", "without": "a..b" }))],
            "scheme.identity.without: \"a..b\": is not a path",
        ),
        (vec![("identity", json!({ "digest": "x", "when": vec!["a"; 9] }))], "scheme.identity.when: has more than 8"),
        (vec![("identity", json!("none")), ("repeats", json!(true))], "scheme.repeats: says the same as"),
        (vec![("identity", json!("content")), token.clone()], "scheme.identity: \"content\": nothing is signed here"),
        (
            vec![("identity", json!("none")), ("id", json!({ "json": "id", "missing": "refuse" }))],
            "scheme.id.missing: \"refuse\": an event without an id is refused",
        ),
        (
            vec![
                ("content", json!("{header:x-id}.{body_sha256}")),
                ("id", json!({ "header": "x-id" })),
                ("identity", json!("none")),
            ],
            "scheme.identity: \"none\": a request without a header that is signed is refused",
        ),
        (vec![("id", json!({ "header": "x-id" }))], "scheme.id: the signature does not cover x-id"),
        (
            vec![("id", json!({ "header": "x-id", "when": "v" })), token.clone()],
            "scheme.id.when: \"v\": goes with an id in",
        ),
        (
            vec![("content", json!("{json:a}")), ("identity", json!({ "digest": "a", "without": "b" }))],
            "scheme.identity: reads a body whose bytes are not signed",
        ),
    ] {
        let error = scheme_mistake(&keys).expect_err(told);
        assert!(error.starts_with(&format!("SOURCES.billing.{told}")), "{error}\nshould begin with\n{told}");
    }
    for good in [
        vec![("identity", json!("content"))],
        vec![("identity", json!({ "digest": "created_at" }))],
        vec![("identity", json!({ "digest": "id", "when": ["a", "b[].c"], "without": "[].n", "split": "x-topic" }))],
        vec![("id", json!({ "json": "id", "when": "version" }))],
        vec![("id", json!({ "header": "x-id" })), ("identity", json!("none")), token.clone()],
        vec![("id", json!({ "json": "id" })), token],
        vec![("repeats", json!(true))],
    ] {
        assert_eq!(scheme_mistake(&good), Ok(()));
    }
}

#[test]
fn a_filter_that_would_drop_every_event_is_refused() {
    let source = |provider: &str, events: Value| {
        usable(&json!({ "provider": provider, "secrets": ["SECRET"], "events": events }), ALL)
    };
    let error = source("dropbox", json!(["a"])).unwrap_err();
    assert!(error.contains("dropbox states no type, so every event would be dropped"), "{error}");
    assert_eq!(source("dropbox", json!(["*"])), Ok(()));
    for (pattern, told) in [
        ("invoice.**", "write \"invoice.\" or \"invoice.*\""),
        ("*x", "write \"x\" or \"x*\""),
        ("", "write \"*\" for all"),
    ] {
        let error = source("stripe", json!([pattern])).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

/// The retry span of a preset may grow with a new version of the gateway.
#[test]
fn keys_are_kept_for_as_long_as_a_provider_retries_even_if_the_source_says_less() {
    let kept = with_source(&[("dedup_ttl", json!("1h"))], |source| (source.dedup_ttl, source.dedup_ttl_asked));
    assert_eq!(kept, (Duration::from_secs(3 * 24 * 3600), Some(Duration::from_secs(3600))));
}

#[test]
fn a_provider_without_any_identity_has_no_deduplication() {
    let dedup = |provider: &str| {
        let config = parse(&json!({ "provider": provider, "secrets": ["SECRET"] }), ALL);
        config.source("billing").unwrap().map(|source| source.dedup).map_err(ToString::to_string)
    };
    for provider in ["grafana", "dropbox", "doppler", "datadog"] {
        assert_eq!(dedup(provider), Ok(Dedup::None), "{provider}");
    }
    for provider in ["clickup", "ms_graph", "github", "zendesk"] {
        assert_eq!(dedup(provider), Ok(Dedup::Kv), "{provider}: some events have an identity");
    }
}
