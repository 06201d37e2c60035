//! `/api/sources`: what it shows of a source, of its secrets and of a handshake.

use super::memory::{Memory, NOW};
use super::numbers::{ask, ask_as, deliver, event, get, texts};
use super::{BODY, SECRET, configured, json_of, post, serve, serve_as};
use hookgate::pipeline;
use pollster::block_on;
use serde_json::{Value, json};

#[test]
fn an_armed_source_says_whether_a_secret_waits_and_never_shows_it() {
    let sources: serde_json::Map<String, Value> = (0..10)
        .map(|number| (format!("s{number}"), json!({ "provider": "asana", "handshake": "armed", "dedup": "none" })))
        .chain([("plain".to_owned(), json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"] }))])
        .collect();
    let config = super::configured(Value::Object(sources));
    let ports = Memory::default();
    ports.claims.borrow_mut().install("s1", "a-secret-that-waits", ports.now());
    let read = |path: &str| ask_as(path, &config, &ports).body;
    let handshake = |path: &str| serde_json::from_str::<Value>(&read(path)).unwrap()["handshake"].clone();
    assert_eq!(handshake("sources/s0"), "armed");
    assert_eq!(handshake("sources/s1"), "secret_waits");
    assert_eq!(handshake("sources/plain"), Value::Null);
    assert_eq!(handshake("sources/s9"), "armed");
    ports.steps();
    let list = read("sources");
    let asked = ports.steps().into_iter().filter(|step| *step == "installed").count();
    assert_eq!(
        (asked, list.matches(r#""handshake":"unknown""#).count()),
        (8, 2),
        "the calls of objects are bounded: {list}"
    );
    assert!(!list.contains("a-secret-that-waits") && !read("sources/s1").contains("a-secret-that-waits"));
    ports.fail.set(Some("installed"));
    assert_eq!(handshake("sources/s1"), "unknown", "a failed object does not hide the source");
}

#[test]
fn a_source_is_shown_with_its_settings_its_numbers_and_its_secrets() {
    let ports = Memory::default();
    deliver(1, 200, &ports);
    serve(&post("queued", event(1)), &ports);
    serve(&post("queued", BODY).forged(), &ports);
    ports.wait(300);
    let all = get("sources", &ports);
    let names = texts(&all["sources"], "name");
    assert!(names.contains(&"keyless") && names.len() == 10, "{names:?}");
    let of = |name: &str| get(&format!("sources/{name}"), &ports);
    let queued = of("queued");
    assert!(all["sources"].as_array().unwrap().contains(&queued));
    let settings = json!({
        "provider": "generic", "strength": "strong", "weakness": null, "deliver": "queue",
        "destination": "https://origin.example/queued", "dedup": "kv", "dedup_ttl_seconds": 604_800,
        "max_body_bytes": 200_000, "events": null, "log_bodies_seconds": 604_800, "redact_rules": 0,
    });
    assert_eq!(queued["settings"], settings);
    assert_eq!((&queued["usable"], &queued["error"]), (&json!(true), &Value::Null));
    assert_eq!(queued["last_event"], "2026-01-15T12:30:00Z");
    let day = json!({
        "verdicts": { "accepted": 1, "duplicate": 1, "rejected": 1 }, "reasons": { "signature_mismatch": 1 },
        "delivered": 1, "dead": 0, "failed_attempts": 0,
    });
    assert_eq!(queued["last_24h"], day);
    let secret = &queued["secrets"][0];
    assert_eq!((&secret["secret"], &secret["state"]), (&json!("GENERIC_SECRET"), &json!("in_use")), "{secret}");
    assert_eq!(of("picky")["settings"]["events"], json!(["invoice.*"]));
    let broken = of("keyless");
    assert_eq!((&broken["usable"], &broken["settings"]), (&json!(false), &Value::Null));
    assert!(broken["error"].as_str().unwrap().contains("MISSING_SECRET"), "{broken}");
    assert_eq!(ask("sources/nobody", &ports).status, 404);
    assert!(!all.to_string().contains(SECRET));
}

#[test]
fn a_secret_that_no_request_needs_is_safe_to_delete() {
    let secrets = |names: Value| configured(json!({ "shop": { "provider": "generic", "secrets": names } }));
    let ports = Memory::default();
    let both = json!(["GENERIC_SECRET", "ORIGIN_SIGNING_SECRET"]);
    serve_as(&post("shop", BODY), &secrets(both.clone()), &ports);
    block_on(pipeline::write_log(&ports));
    // The other secret is the one that matched long ago, and the log watches the source since then.
    let old = NOW.seconds() - 80 * 3600;
    ports.database.query("DELETE FROM secrets WHERE name = ''");
    for name in ["", "ORIGIN_SIGNING_SECRET"] {
        ports.database.query(&format!("INSERT INTO secrets VALUES ('shop', '{name}', {old})"));
    }
    let source = json_of(&ask_as("sources/shop", &secrets(both), &ports));
    let told = source["secrets"].as_array().unwrap();
    assert_eq!((&told[0]["state"], &told[1]["state"]), (&json!("in_use"), &json!("unused")), "{source}");
    assert!(told[1]["text"].as_str().unwrap().contains("safe to delete"), "{source}");
}

#[test]
fn without_a_database_the_sources_are_shown_and_the_numbers_are_off() {
    let ports = Memory::without("LOG");
    let source = get("sources/queued", &ports);
    assert_eq!((&source["last_24h"], &source["secrets"][0]["state"]), (&Value::Null, &json!("unknown")));
    for path in ["stats", "refused", "metrics"] {
        assert_eq!(ask(path, &ports).status, 501, "{path}");
    }
    let failing = Memory::failing("log");
    for path in ["stats", "refused", "metrics", "sources"] {
        assert_eq!(ask(path, &failing).status, 503, "{path}");
    }
}
