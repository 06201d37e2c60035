//! `ALERTS`: the thresholds of the alerts and their receiver. No mistake there stops a source.

use super::{ALL, CANARY, stripe};
use hookgate::alert::{Format, Rules};
use hookgate::config::{Alerts, Config};
use serde_json::{Value, json};
use std::time::Duration;

const URL: &str = "https://hooks.slack.com/services/canary-secret-text";

fn configured(variable: Option<&str>) -> Config {
    let lookup = |name: &str| match name {
        "ALERTS" => variable.map(str::to_owned),
        "ALERTS_URL" => Some(URL.to_owned()),
        "PRIVATE" => Some(format!("https://10.0.0.1/{CANARY}")),
        other => super::lookup(other),
    };
    let config = Config::parse(&json!({ "billing": stripe(&[]), "code": stripe(&[]) }), ALL, &lookup);
    let config = config.expect("a table of sources");
    assert!(config.sources().all(|(_, source)| source.is_ok()), "no mistake in ALERTS stops a source");
    config
}

fn alerts(table: &Value) -> Result<Alerts, String> {
    let alerts = configured(Some(&table.to_string())).alerts.map_err(|error| error.to_string());
    assert!(!format!("{alerts:?}").contains(CANARY), "{alerts:?}");
    alerts
}

#[test]
fn without_the_variable_the_defaults_hold_and_nobody_is_told() {
    assert_eq!(configured(None).alerts, Ok(Alerts { rules: Rules::default(), to: None }));
    assert_eq!(alerts(&json!({})), Ok(Alerts::default()));
}

#[test]
fn every_key_is_read() {
    let read = alerts(&json!({
        "url": "https://ops.example.com/alerts",
        "format": "standard",
        "remind": "1d",
        "refusals": "5%",
        "failed_attempts": "100%",
        "minimum": 50,
        "dead_letters": 3,
        "backlog": "10m",
        "paused": "2h",
        "silent": "1h",
        "sources": { "billing": { "silent": "off", "refusals": "90%" } },
    }));
    let Alerts { rules, to } = read.expect("good");
    let to = to.expect("a receiver");
    assert_eq!((to.destination.as_str(), to.format), ("https://ops.example.com/alerts", Format::Standard));
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    let general = rules.of("code");
    assert_eq!((general.refusals, general.failed_attempts, general.minimum), (Some(5), Some(100), 50));
    assert_eq!((general.dead_letters, general.backlog), (Some(3), Some(Duration::from_secs(600))));
    assert_eq!((general.paused, general.silent, rules.remind), (hours(2), hours(1), hours(24)));
    let own = rules.of("billing");
    assert_eq!((own.refusals, own.silent), (Some(90), None));
    assert_eq!((own.failed_attempts, own.paused), (general.failed_attempts, general.paused), "the rest is general");
}

#[test]
fn each_rule_and_the_reminders_can_be_off() {
    let keys = ["refusals", "failed_attempts", "dead_letters", "backlog", "paused", "silent", "remind"];
    let table: Value =
        keys.iter().map(|key| ((*key).to_owned(), json!("off"))).collect::<serde_json::Map<_, _>>().into();
    let rules = alerts(&table).expect("good").rules;
    let general = &rules.general;
    assert_eq!((general.refusals, general.failed_attempts, general.dead_letters), (None, None, None));
    assert_eq!((general.backlog, general.paused, general.silent, rules.remind), (None, None, None, None));
}

/// The URL of a webhook of Slack is a secret.
#[test]
fn the_url_may_be_a_secret_and_is_never_shown() {
    let to = alerts(&json!({ "url_secret": "ALERTS_URL", "format": "slack" })).expect("good").to.expect("a receiver");
    assert_eq!((to.destination.as_str(), to.format), (URL, Format::Slack));
    assert_eq!(
        (to.host(), format!("{to:?}")),
        ("https://hooks.slack.com", "Recipient(Slack at https://hooks.slack.com)".to_owned())
    );
}

#[test]
fn each_mistake_is_named() {
    let long = format!("https://ops.example.com/{}", "x".repeat(2048));
    for (table, told) in [
        (json!([]), "ALERTS: must be a table, as [vars.ALERTS]"),
        (json!("x"), "ALERTS: must be a table"),
        (json!({ "treshold": 1 }), "ALERTS.treshold: unknown key"),
        (json!({ "refusal": "5%" }), "ALERTS.refusal: unknown key (did you mean `refusals`?)"),
        (json!({ "url": URL }), "ALERTS.format: is missing: write \"standard\""),
        (json!({ "format": "slack" }), "ALERTS.format: needs `url` or `url_secret`"),
        (json!({ "url": URL, "format": "teams" }), "ALERTS.format: \"teams\": must be one of standard, slack"),
        (json!({ "url": URL, "url_secret": "ALERTS_URL", "format": "slack" }), "ALERTS.url_secret: goes without `url`"),
        (json!({ "url": "http://ops.example.com", "format": "slack" }), "ALERTS.url: must be https"),
        (json!({ "url": "https://169.254.169.254/", "format": "slack" }), "ALERTS.url: must not be an address of a"),
        (json!({ "url": long, "format": "slack" }), "ALERTS.url: is longer than 2048 bytes"),
        (json!({ "url_secret": URL, "format": "slack" }), "ALERTS.url_secret: must be the name of a Worker secret"),
        (json!({ "url_secret": "NOBODY", "format": "slack" }), "ALERTS.url_secret: NOBODY is not set: put it into"),
        (json!({ "url_secret": "PRIVATE", "format": "slack" }), "ALERTS.url_secret: must not be an address of a"),
        (json!({ "refusals": 25 }), "ALERTS.refusals: must be a share from \"1%\" to \"100%\", or \"off\""),
        (json!({ "refusals": "0%" }), "ALERTS.refusals: \"0%\": must be a share"),
        (json!({ "refusals": "101%" }), "ALERTS.refusals: \"101%\": must be a share"),
        (json!({ "failed_attempts": "+5%" }), "ALERTS.failed_attempts: \"+5%\": must be a share"),
        (json!({ "failed_attempts": "25" }), "ALERTS.failed_attempts: \"25\": must be a share"),
        (json!({ "minimum": 1 }), "ALERTS.minimum: must be at least 2: one of one is no share"),
        (json!({ "dead_letters": 0 }), "ALERTS.dead_letters: must be a number in an hour, such as 1, or \"off\""),
        (json!({ "dead_letters": "many" }), "ALERTS.dead_letters: must be a number in an hour"),
        (json!({ "backlog": "59s" }), "ALERTS.backlog: \"59s\": must be from 1m to 30d, or \"off\""),
        (json!({ "paused": "31d" }), "ALERTS.paused: \"31d\": must be from 1m to 30d, or \"off\""),
        (json!({ "silent": 5 }), "ALERTS.silent: must be a text in quotes"),
        (json!({ "remind": "1m" }), "ALERTS.remind: \"1m\": must be from 1h to 30d, or \"off\""),
        (json!({ "sources": [] }), "ALERTS.sources: must be a table"),
        (json!({ "sources": { "biling": {} } }), "ALERTS.sources.biling: no such source (did you mean `billing`?)"),
        (json!({ "sources": { "billing": 5 } }), "ALERTS.sources.billing: must be a table"),
        (json!({ "sources": { "billing": { "url": URL } } }), "ALERTS.sources.billing.url: unknown key"),
        (
            json!({ "sources": { "billing": { "silent": "x" } } }),
            "ALERTS.sources.billing.silent: \"x\": must be a duration",
        ),
    ] {
        let error = alerts(&table).expect_err(told);
        assert!(error.starts_with(told), "{error}\nshould begin with\n{told}");
    }
}

/// Not JSON, or JSON with a very deep value: the text of a variable that was set by hand.
#[test]
fn a_text_that_is_no_table_is_a_mistake() {
    for text in [String::new(), CANARY.to_owned(), "{".to_owned(), "null".to_owned(), "[".repeat(100_000)] {
        let error = configured(Some(&text)).alerts.expect_err("a mistake").to_string();
        assert!(error.starts_with("ALERTS: must be a table") && !error.contains(CANARY), "{error}");
    }
}

#[test]
fn public_url_gives_the_links_of_notices_and_a_mistake_in_it_is_told() {
    let read = |url: &str| {
        let own =
            json!({ "provider": "stripe", "secrets": ["SECRET"], "url": "https://hooks.example.com/webhooks/billing" });
        let lookup = |name: &str| if name == "PUBLIC_URL" { Some(url.to_owned()) } else { super::lookup(name) };
        let config = Config::parse(&json!({ "billing": own }), ALL, &lookup).expect("a table of sources");
        assert!(config.source("billing").is_some_and(|source| source.is_ok()) && config.alerts.is_ok(), "{url}");
        (config.dashboard, config.mistakes.join(" "))
    };
    for url in ["https://hooks.example.com", "https://hooks.example.com/"] {
        assert_eq!(read(url), (Some("https://hooks.example.com/dashboard".to_owned()), String::new()));
    }
    assert_eq!(read("http://127.0.0.1:8787").0.as_deref(), Some("http://127.0.0.1:8787/dashboard"));
    let long = format!("https://{}", "x".repeat(512));
    for url in
        ["", "https://", "hooks.example.com", "https://a b", "https://a/#x", "https://a/?b", "https://u@a", &long]
    {
        let (dashboard, mistake) = read(url);
        assert_eq!(dashboard, None, "{url}");
        assert!(mistake.starts_with("PUBLIC_URL must be the URL of this Worker"), "{url}: {mistake}");
    }
    assert_eq!(configured(None).dashboard, None);
}
