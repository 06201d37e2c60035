//! The configuration: no error or warning shows a secret, and an accepted source can be served.
//!
//! The input is a byte for the bindings and variables of the deployment, then `SOURCES` as JSON. In `secrets`, a `$` at the
//! beginning of a text stands for a secret that was written in place of its name.

use super::configure;
use hookgate::config::{Dedup, Destination};
use hookgate_verify::Tolerance;
use hookgate_verify::grammar::span;
use serde_json::Value;

/// The secret is base64, so every provider accepts it.
const CANARY: &str = "Y2FuYXJ5LXNlY3JldA==";

pub fn run(data: &[u8]) {
    let Some((choice, json)) = data.split_first() else { return };
    let (bound, origin, signing) = (choice & 1 == 1, choice >> 1 & 3, choice >> 3 & 3);
    let Ok(mut sources) = serde_json::from_slice::<Value>(json) else { return };
    if sources.to_string().contains(CANARY) {
        return;
    }
    for table in sources.as_object_mut().into_iter().flat_map(|tables| tables.values_mut()) {
        table.get_mut("secrets").map(misplace);
    }
    let lookup = |name: &str| variable(name, origin, signing);
    let config = match configure(&sources, bound, &lookup) {
        Ok(config) => config,
        Err(error) => return assert!(!error.contains(CANARY), "{error}"),
    };
    let told = format!("{config:?} {:?}", config.warnings);
    assert!(!told.contains(CANARY), "{told}");

    for (name, source) in config.sources() {
        let source = match source {
            Ok(source) => source,
            Err(error) => {
                assert!(!error.to_string().contains(CANARY), "{error}");
                continue;
            }
        };
        assert_eq!(name, source.name.as_str());
        assert!(name != "health" && !name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-'));
        let keyless = source.armed || source.verifier.preset().scheme.public_keys.is_some();
        assert!(keyless || source.verifier.current_key().is_some());
        assert!((1..=25 << 20).contains(&source.max_body));
        assert!(source.log.bodies.is_none_or(|kept| (1..=30).contains(&(kept.as_secs() / 86_400))));
        assert!(bound || source.dedup == Dedup::None);
        assert_eq!(span::parse(&span::shown(source.dedup_ttl)), Some(source.dedup_ttl));
        for form in &source.verifier.preset().scheme.variants {
            assert!(source.dedup_ttl >= source.verifier.window(form).map(Tolerance::span).unwrap_or_default());
        }
        if let Some(origin) = source.deliver.origin() {
            assert_eq!(Destination::parse(origin.as_str()).as_ref(), Ok(origin));
            let (scheme, rest) = origin.as_str().split_once("://").expect("a URL");
            assert!(scheme == "https" || (scheme == "http" && origin.is_loopback()));
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
            assert!(authority.bytes().all(plain), "{origin}: another parser of URLs may read the host differently");
        }
    }
}

/// The value of a variable of the deployment. `origin` and `signing` choose `ORIGIN` and `ORIGIN_SIGNING_SECRET`.
fn variable(name: &str, origin: u8, signing: u8) -> Option<String> {
    match (name, origin, signing) {
        ("ORIGIN", 0, _) | ("ORIGIN_SIGNING_SECRET", _, 0) => None,
        ("ORIGIN", 1, _) => Some("https://origin.example/{source}".to_owned()),
        ("ORIGIN", 2, _) => Some("http://127.0.0.1:9000".to_owned()),
        ("ORIGIN", ..) => Some("http://origin.example".to_owned()),
        ("ORIGIN_SIGNING_SECRET", _, 1) => Some(format!("whsec_{CANARY}")),
        ("ORIGIN_SIGNING_SECRET", _, 2) => Some(format!("whsec_{CANARY}!")),
        ("DEAD_QUEUE" | "QUEUE_RETENTION", ..) => None, // no secrets
        ("CLAIM_SHARDS" | "CLAIM_SHARDS_BEFORE", ..) => Some(origin.to_string()),
        _ if name.ends_with("UNSET") => None,
        _ if name.ends_with("EMPTY") => Some(String::new()),
        _ if name.ends_with("NEWLINE") => Some(format!("{CANARY}\n")),
        _ if name.ends_with("TEXT") => Some(format!("{CANARY}, no base64")),
        _ => Some(CANARY.to_owned()),
    }
}

fn misplace(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with('$') => *text = text.replacen('$', CANARY, 1),
        Value::Array(items) => items.iter_mut().for_each(misplace),
        Value::Object(map) => map.values_mut().for_each(misplace),
        _ => {}
    }
}
