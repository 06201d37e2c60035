//! The Worker's variables: sources in several variables, and the settings beside the sources.

use super::{ALL, CANARY, lookup, parse, stripe};
use hookgate::config::{Config, Dedup, LONGEST_IN_QUEUE};
use hookgate::dedup::Rings;
use serde_json::{Value, json};
use std::time::Duration;

fn parse_all(variables: &Value) -> Result<Config, String> {
    let variables = variables.as_object().expect("variables by name");
    Config::parse_all(variables, ALL, &lookup).map_err(|error| error.to_string())
}

#[test]
fn the_sources_of_all_variables_are_merged() {
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
fn a_source_in_two_variables_is_an_error_only_of_that_source() {
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

/// The unreadable variable may contain the source, so a request for the source is not answered 404.
#[test]
fn a_variable_that_is_no_table_is_an_error_of_every_unknown_source() {
    for value in [json!(CANARY), json!(7), json!([]), json!(null), json!(true)] {
        let config = parse_all(&json!({ "SOURCES": { "billing": stripe(&[]) }, "SOURCES_SHOP": value }));
        let config = config.expect("one table");
        assert!(config.source("billing").unwrap().is_ok());
        let error = config.source("orders").expect("the variable may have it").expect_err("unreadable").to_string();
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
fn with_an_unusable_signing_secret_no_source_is_served() {
    for text in ["", "whsec_", "whsec_?"] {
        let lookup = |name: &str| if name == "ORIGIN_SIGNING_SECRET" { Some(text.to_owned()) } else { lookup(name) };
        let error = Config::parse(&json!({}), ALL, &lookup).expect_err("unusable").to_string();
        assert!(error.starts_with("ORIGIN_SIGNING_SECRET: "), "{error}");
    }
    let error = Config::parse(&Value::Null, ALL, &lookup).expect_err("no sources").to_string();
    assert!(error.contains("[vars.SOURCES.billing]"), "{error}");
}

#[test]
fn the_number_of_claim_objects_must_be_from_1_to_4096() {
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
fn the_variables_of_the_queues_are_read() {
    let read = |name: &'static str, text: &'static str| {
        let lookup = |asked: &str| (asked == name).then(|| text.to_owned());
        let config = Config::parse(&json!({}), ALL, &lookup).map_err(|error| error.to_string());
        config.map(|config| (config.retention.as_secs(), config.dead_queue))
    };
    assert_eq!(read("OTHER", ""), Ok((86_400, None)), "the smallest retention of any plan");
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
fn the_longest_claim_is_the_longest_ttl_or_the_longest_time_in_the_queue() {
    let longest = |ttl: &str| parse(&stripe(&[("dedup_ttl", json!(ttl))]), ALL).longest_claim();
    assert_eq!(longest("30d"), Duration::from_secs(30 * 86_400));
    assert_eq!(longest("7d"), LONGEST_IN_QUEUE);
}
