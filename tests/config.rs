//! The configuration's border: what is taken, with which defaults, and what each mistake is told.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hookgate::config::{Bindings, Config, Dedup, Deliver, LONGEST_IN_QUEUE, Source};
use hookgate::dedup::Rings;
use hookgate_verify::Tolerance;
use hookgate_verify::presets;
use serde_json::{Value, json};
use std::time::Duration;

const ALL: Bindings = Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };
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

fn stripe(extra: &[(&str, Value)]) -> Value {
    let mut table = json!({ "provider": "stripe", "secrets": ["SECRET"] });
    table.as_object_mut().unwrap().extend(extra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    table
}

fn with_source<T>(extra: &[(&str, Value)], read: impl Fn(&Source) -> T) -> T {
    let config = parse(&stripe(extra), ALL);
    read(config.source("billing").unwrap().unwrap_or_else(|error| panic!("{error}")))
}

/// What a mistake in a Stripe source is told.
fn mistake(extra: &[(&str, Value)]) -> String {
    let error = parse(&stripe(extra), ALL).source("billing").unwrap().expect_err("a mistake").to_string();
    assert!(!error.contains(CANARY), "{error}");
    error
}

#[test]
fn two_lines_are_enough_and_the_rest_has_defaults() {
    with_source(&[], |source| {
        assert_eq!((source.name.as_str(), source.verifier.preset().name.as_str()), ("billing", "stripe"));
        assert!(
            matches!(&source.deliver, Deliver::Queue(Some(origin)) if origin.as_str() == "https://origin.example/billing")
        );
        assert_eq!((source.dedup, source.dedup_ttl), (Dedup::Kv, Duration::from_secs(7 * 86_400)));
        assert_eq!((source.max_body, source.events.is_none()), (1024 * 1024, true));
        assert!(source.verifier.current_key().is_some());
    });
}

#[test]
fn every_key_is_read() {
    let extra = [
        ("secrets", json!(["SECRET", "SECRET_OLD"])),
        ("deliver", json!("origin")),
        ("origin", json!("https://app.example.com/hooks/{source}")),
        ("dedup", json!("none")),
        ("dedup_ttl", json!("30d")),
        ("tolerance", json!("10m")),
        ("max_body", json!("5MiB")),
        ("events", json!(["invoice.*", "charge.paid"])),
    ];
    with_source(&extra, |source| {
        assert!(
            matches!(&source.deliver, Deliver::Origin(origin) if origin.as_str() == "https://app.example.com/hooks/billing")
        );
        assert_eq!((source.dedup, source.dedup_ttl), (Dedup::None, Duration::from_secs(30 * 86_400)));
        assert_eq!(source.max_body, 5 * 1024 * 1024);
        let form = source.verifier.preset().scheme.forms.first().unwrap();
        let window = Tolerance { past: Duration::from_secs(600), future: Duration::from_secs(300) };
        assert_eq!(source.verifier.window(form), Some(window));
    });
}

#[test]
fn a_mistake_names_the_key_the_value_and_what_to_do() {
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
        ("max_body", json!("26MiB"), "SOURCES.billing.max_body: \"26MiB\": must lie between 1 B and 25 MiB"),
        ("events", json!([]), "SOURCES.billing.events: lists event types"),
        ("events", json!(["*.paid"]), "SOURCES.billing.events: lists event types"),
    ] {
        let error = mistake(&[(key, value)]);
        assert!(error.starts_with(told), "{error}\nshould begin with\n{told}");
    }
}

#[test]
fn five_secrets_are_too_many_even_when_all_are_set() {
    let error = mistake(&[("secrets", json!(["SECRET", "SECRET", "SECRET", "SECRET", "SECRET"]))]);
    assert_eq!(error, "SOURCES.billing.secrets: name 1 to 4 secrets");
}

#[test]
fn a_tolerance_needs_a_signed_time() {
    let table = json!({ "provider": "github", "secrets": ["SECRET"], "tolerance": "5m" });
    let config = parse(&table, ALL);
    let error = config.source("billing").unwrap().expect_err("a mistake").to_string();
    assert!(error.contains("github signs no timestamp"), "{error}");
}

#[test]
fn a_key_is_remembered_longer_than_a_replay_is_fresh() {
    // An hour on the one side, five minutes on the other: the sender's own retries end sooner.
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
fn features_without_their_binding_say_so() {
    let error = |bindings, extra: &[(&str, Value)]| {
        parse(&stripe(extra), bindings).source("billing").unwrap().map(|_| ()).map_err(ToString::to_string)
    };
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
fn an_error_in_one_source_leaves_the_others() {
    let sources = json!({ "good": stripe(&[]), "bad": {}, "Bad Name": stripe(&[]), "health": stripe(&[]), "list": [] });
    let config = Config::parse(&sources, ALL, &lookup).unwrap();
    let usable: Vec<_> = config.sources().filter(|(_, source)| source.is_ok()).map(|(name, _)| name).collect();
    assert_eq!(usable, ["good"]);
    assert!(config.source("nobody").is_none());
}

fn parse_all(variables: &Value) -> Result<Config, String> {
    let variables = variables.as_object().expect("variables by name");
    Config::parse_all(variables, ALL, &lookup).map_err(|error| error.to_string())
}

#[test]
fn sources_of_every_variable_are_merged() {
    let config = parse_all(&json!({
        "SOURCES": { "billing": stripe(&[]) },
        "SOURCES_SHOP": { "orders": stripe(&[("dedup", json!("exact"))]), "returns": stripe(&[("dedup", json!("x"))]) },
        "SOURCES2": { "code": stripe(&[]) },
    }));
    let config = config.expect("tables");
    assert_eq!(config.sources().map(|(name, _)| name).collect::<Vec<_>>(), ["billing", "code", "orders", "returns"]);
    assert_eq!(config.source("orders").unwrap().expect("usable").dedup, Dedup::Exact);
    let error = config.source("returns").unwrap().expect_err("a mistake").to_string();
    assert_eq!(error, "SOURCES_SHOP.returns.dedup: \"x\": must be one of kv, exact, none");
    assert!(config.source("nobody").is_none());
}

#[test]
fn a_source_in_two_variables_is_an_error_of_that_source_alone() {
    let config = parse_all(&json!({
        "SOURCES": { "billing": stripe(&[]), "code": stripe(&[]) },
        "SOURCES_SHOP": { "billing": stripe(&[]) },
        "SOURCES_ZOO": { "billing": stripe(&[]) },
    }));
    let config = config.expect("tables");
    let error = config.source("billing").unwrap().expect_err("ambiguous").to_string();
    let told = "SOURCES.billing: SOURCES_SHOP has a source of the same name; take one of the two out, or rename it";
    assert_eq!(error, told);
    assert!(config.source("code").unwrap().is_ok());
    assert_eq!(config.sources().count(), 2, "each name once");
}

/// A request for a source that nobody can read is not answered 404: the source may be there.
#[test]
fn a_variable_that_is_no_table_is_an_error_of_what_it_may_hold() {
    for value in [json!(CANARY), json!(7), json!([]), json!(null), json!(true)] {
        let config = parse_all(&json!({ "SOURCES": { "billing": stripe(&[]) }, "SOURCES_SHOP": value }));
        let config = config.expect("one table");
        assert!(config.source("billing").unwrap().is_ok());
        let error = config.source("orders").expect("it may be there").expect_err("unreadable").to_string();
        assert!(error.starts_with("SOURCES_SHOP: must be a table with one table per source, as [vars.SOURCES_SHOP.b"));
        assert!(!error.contains(CANARY), "{error}");
        let listed: Vec<_> = config.sources().map(|(name, source)| (name, source.is_ok())).collect();
        assert_eq!(listed, [("billing", true), ("SOURCES_SHOP", false)]);
    }
    assert!(parse_all(&json!({ "SOURCES_SHOP": [] })).unwrap_err().starts_with("SOURCES_SHOP: must be a table"));
    assert!(parse_all(&json!({})).unwrap_err().starts_with("SOURCES: must be a table"), "no variable at all");
}

#[test]
fn three_hundred_sources_in_ten_variables_are_each_found() {
    let variable = |number: usize| {
        let source =
            |at: usize| (format!("shop-{number}-{at}"), json!({ "provider": "stripe", "secrets": ["SECRET"] }));
        (format!("SOURCES_{number}"), Value::Object((0..30).map(source).collect()))
    };
    let variables = Value::Object((0..10).map(variable).collect());
    let config = parse_all(&variables).expect("tables");
    assert_eq!(config.sources().filter(|(_, source)| source.is_ok()).count(), 300);
    for name in ["shop-0-0", "shop-4-17", "shop-9-29"] {
        assert_eq!(config.source(name).unwrap().unwrap().name.as_str(), name);
    }
}

#[test]
fn two_sources_with_one_secret_are_allowed_with_a_warning() {
    let sources = json!({ "one": stripe(&[]), "two": stripe(&[]) });
    let config = Config::parse(&sources, ALL, &lookup).unwrap();
    assert_eq!(config.warnings, ["one, two share a secret: who signs for one, signs for all"]);
    assert!(config.sources().all(|(_, source)| source.is_ok()));
}

#[test]
fn an_unusable_signing_secret_serves_nothing() {
    for text in ["", "whsec_", "whsec_?"] {
        let lookup = |name: &str| if name == "ORIGIN_SIGNING_SECRET" { Some(text.to_owned()) } else { lookup(name) };
        let error = Config::parse(&json!({}), ALL, &lookup).expect_err("unusable").to_string();
        assert!(error.starts_with("ORIGIN_SIGNING_SECRET: "), "{error}");
    }
    let error = Config::parse(&Value::Null, ALL, &lookup).expect_err("no sources").to_string();
    assert!(error.contains("[vars.SOURCES.billing]"), "{error}");
}

#[test]
fn the_number_of_claim_objects_is_a_number() {
    let rings = |shards: Option<&str>, before: Option<&str>| {
        let lookup = |name: &str| match name {
            "CLAIM_SHARDS" => shards.map(str::to_owned),
            "CLAIM_SHARDS_BEFORE" => before.map(str::to_owned),
            _ => None,
        };
        Config::parse(&json!({}), ALL, &lookup).map(|config| config.rings).map_err(|error| error.to_string())
    };
    assert_eq!(rings(None, None), Ok(Rings { current: 16, before: None }));
    assert_eq!(rings(Some("32"), Some("16")), Ok(Rings { current: 32, before: Some(16) }));
    for wrong in ["0", "-1", "many", "4097", ""] {
        let told = format!("CLAIM_SHARDS: \"{wrong}\": must be a number from 1 to 4096");
        assert_eq!(rings(Some(wrong), None), Err(told));
        assert!(rings(None, Some(wrong)).unwrap_err().starts_with("CLAIM_SHARDS_BEFORE: "));
    }
}

#[test]
fn a_secret_with_its_version_before_it_is_told_what_to_take_off() {
    let lookup = |name: &str| (name == "SECRET").then(|| "v1,whsec_Y2FuYXJ5LXNlY3JldA==".to_owned());
    let table = json!({ "x": { "provider": "standard_webhooks", "secrets": ["SECRET"], "deliver": "origin",
        "origin": "https://origin.example" } });
    let config = Config::parse(&table, ALL, &lookup).expect("a table of sources");
    let told = config.source("x").unwrap().expect_err("unusable").to_string();
    let expected = "SOURCES.x.secrets: SECRET begins with `v1,`, which is no part of the secret: take that off, \
                    so that it begins with `whsec_`";
    assert_eq!(told, expected);
}

#[test]
fn the_queues_are_as_their_variables_say() {
    let read = |name: &'static str, text: &'static str| {
        let lookup = |asked: &str| (asked == name).then(|| text.to_owned());
        let config = Config::parse(&json!({}), ALL, &lookup).map_err(|error| error.to_string());
        config.map(|config| (config.retention.as_secs(), config.dead_queue))
    };
    assert_eq!(read("OTHER", ""), Ok((86_400, None)), "the least that any plan has");
    for (text, seconds) in [("60s", 60), ("1m", 60), ("4d", 345_600), ("14d", 1_209_600)] {
        assert_eq!(read("QUEUE_RETENTION", text), Ok((seconds, None)));
    }
    for wrong in ["59s", "15d", "4", "", "d", "86400"] {
        let told = read("QUEUE_RETENTION", wrong).unwrap_err();
        assert!(told.starts_with(&format!("QUEUE_RETENTION: \"{wrong}\": must be for how long")), "{told}");
    }
    assert_eq!(read("DEAD_QUEUE", "hookgate-dead-eu"), Ok((86_400, Some("hookgate-dead-eu".to_owned()))));
    for wrong in ["", "my queue", "https://x", "dead\n"] {
        let told = read("DEAD_QUEUE", wrong).unwrap_err();
        assert!(told.starts_with("DEAD_QUEUE: ") && told.contains("must be the name of a queue"), "{told}");
    }
}

#[test]
fn the_admin_token_opens_only_by_itself_and_never_shows() {
    let lookup = |name: &str| (name == "ADMIN_TOKEN").then(|| CANARY.to_owned());
    let admin = Config::parse(&json!({}), ALL, &lookup).unwrap().admin.expect("it is long enough");
    assert!(admin.is(CANARY) && !admin.is("") && !admin.is("canary-secret-tex") && !admin.is("canary-secret-texts"));
    assert_eq!(format!("{admin:?}"), "Admin { token: HashedToken(redacted), is_example: false }");
}

#[test]
fn claims_are_remembered_for_as_long_as_the_longest_of_them_counts() {
    let longest = |ttl: &str| parse(&stripe(&[("dedup_ttl", json!(ttl))]), ALL).longest_claim();
    assert_eq!(longest("30d"), Duration::from_secs(30 * 86_400));
    assert_eq!(longest("7d"), LONGEST_IN_QUEUE);
}

#[test]
fn every_preset_knows_for_how_long_its_provider_retries() {
    // As the providers' documents add up, in seconds.
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

/// What is wrong with an own scheme that has these keys as well.
fn scheme_mistake(more: &[(&str, Value)]) -> String {
    let mut scheme = json!({ "signature": { "header": "x-s" } });
    scheme.as_object_mut().unwrap().extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let config = parse(&json!({ "secrets": ["SECRET"], "scheme": scheme }), ALL);
    config.source("billing").unwrap().map(|_| String::new()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn an_identity_that_cannot_be_meant_says_what_to_write() {
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
        let error = scheme_mistake(&keys);
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
        assert_eq!(scheme_mistake(&good), "");
    }
}

#[test]
fn a_filter_that_would_drop_everything_is_refused() {
    let source = |provider: &str, events: Value| {
        let config = parse(&json!({ "provider": provider, "secrets": ["SECRET"], "events": events }), ALL);
        config.source("billing").unwrap().map(|_| ()).map_err(ToString::to_string)
    };
    assert!(
        source("dropbox", json!(["a"]))
            .unwrap_err()
            .contains("dropbox states no type, so every event would be dropped")
    );
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

/// What a preset knows of its provider's retries may grow with a new version of the gateway.
#[test]
fn keys_are_kept_as_long_as_a_provider_s_retries_take_whatever_the_source_says() {
    let kept = with_source(&[("dedup_ttl", json!("1h"))], |source| (source.dedup_ttl, source.dedup_ttl_asked));
    assert_eq!(kept, (Duration::from_secs(3 * 24 * 3600), Some(Duration::from_secs(3600))));
}

#[test]
fn without_any_identity_duplicates_are_not_looked_for() {
    let dedup = |provider: &str| {
        let config = parse(&json!({ "provider": provider, "secrets": ["SECRET"] }), ALL);
        config.source("billing").unwrap().map(|source| source.dedup).map_err(ToString::to_string)
    };
    for provider in ["grafana", "dropbox", "doppler", "datadog"] {
        assert_eq!(dedup(provider), Ok(Dedup::None), "{provider}");
    }
    for provider in ["clickup", "ms_graph", "github", "zendesk"] {
        assert_eq!(dedup(provider), Ok(Dedup::Kv), "{provider}: some events have one");
    }
}
