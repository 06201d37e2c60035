//! Test events: requests that the operator sends to a source, signed as its provider signs.

use super::memory::Memory;
use super::{ALL, Post, SECRET, TOKEN, forward, forward_as, header, json_of, request, serve_as};
use hookgate::config::{Config, ConfigError};
use hookgate::record::{Record, Verdict};
use hookgate_verify::{Algorithm, IdLocation, Preset, SecretEncoding, Weakness, presets};
use serde_json::{Value, json};

type Configured = Result<Config, ConfigError>;

const OLD: &str = "an-older-secret";

fn call(source: &str, body: &str) -> Post {
    let bearer = format!("Bearer {TOKEN}");
    let path = format!("/api/sources/{source}/test");
    Post { path, ..request("POST", "", "", &[("authorization", &bearer)], body) }
}

fn test(source: &str, wanted: &Value, config: &Configured, ports: &Memory) -> (u16, Value, Record) {
    let outcome = serve_as(&call(source, &wanted.to_string()), config, ports);
    (outcome.answer.status, json_of(&outcome.answer), outcome.record.unwrap())
}

/// The sources of these tests. The secret of the source `preset` has the encoding of its scheme.
fn configured(sources: &Value) -> Configured {
    Config::parse(sources, ALL, &|name| {
        let text = match name {
            "HEX_SECRET" => hex(SECRET),
            "BASE64_SECRET" => "dGVzdC1zZWNyZXQ=".to_owned(),
            "OLD_SECRET" => OLD.to_owned(),
            name => return super::lookup(name),
        };
        Some(text)
    })
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn generic(more: &Value) -> Configured {
    let mut source = json!({ "provider": "generic", "secrets": ["GENERIC_SECRET"] });
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    configured(&json!({ "shop": source }))
}

/// A source of `preset` with everything that its provider may sign.
fn source_of(preset: &Preset) -> Configured {
    let secret = match &preset.scheme.secret {
        SecretEncoding::Utf8 | SecretEncoding::Sha1 | SecretEncoding::Html => "GENERIC_SECRET",
        SecretEncoding::Hex => "HEX_SECRET",
        SecretEncoding::Base64AfterPrefix(_) => "BASE64_SECRET",
    };
    let url = "https://hooks.example.com/webhooks/shop";
    configured(&json!({ "shop": { "provider": preset.name, "secrets": [secret], "url": url, "account": "somebody" } }))
}

/// The only request of a test.
fn only(report: &Value) -> &Value {
    let requests = report["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), 1, "{report}");
    &requests[0]
}

#[test]
fn each_preset_with_a_shared_secret_can_be_tested() {
    let (mut tested, mut timed, mut identified) = (0, 0, 0);
    for preset in presets::names().map(|name| presets::find(name).unwrap()) {
        let name = preset.name.as_str();
        if matches!(preset.scheme.algorithm, Algorithm::Public(_)) {
            continue;
        }
        let config = source_of(&preset);
        assert!(config.as_ref().unwrap().source("shop").unwrap().is_ok(), "{name}: {config:?}");
        let ports = Memory::default();
        let run = |kind: &str| {
            let (status, report, _) = test("shop", &json!({ "kind": kind }), &config, &ports);
            assert_eq!(status, 200, "{name}: {report}");
            report
        };
        let good = run("good");
        assert_eq!((&good["as_expected"], only(&good)["status"].as_u64()), (&json!(true), Some(200)), "{name}: {good}");
        if !matches!(preset.scheme.id, IdLocation::Nowhere) {
            assert!(only(&good)["id"].as_str().unwrap().starts_with("hookgate-test-"), "{name}: {good}");
        }
        let typed = ports.queue.borrow()[0].contains(r#""type":"hookgate.test""#);
        assert_eq!(typed, !preset.scheme.event_type.is_empty(), "{name}: {}", ports.queue.borrow()[0]);
        // Two tests are two events.
        let again = run("good");
        assert_eq!(again["as_expected"], true, "{name}: {again}");
        let forged = run("forged");
        assert_eq!((&forged["as_expected"], &only(&forged)["status"]), (&json!(true), &json!(401)), "{name}: {forged}");
        let warned = forged["notes"].to_string().contains("cannot detect");
        let open = matches!(preset.scheme.weakness(), Some(Weakness::Unsigned | Weakness::Partial));
        assert_eq!(warned, open, "{name}: {forged}");
        let stale = run("stale");
        let signs_time = preset.scheme.variants[0].timestamp.is_some();
        if signs_time {
            assert_eq!(stale["as_expected"], true, "{name}: {stale}");
            assert_eq!((&only(&stale)["status"], &only(&stale)["reason"]), (&json!(401), &json!("too_old")), "{name}");
        } else {
            assert!(stale["impossible"].as_str().unwrap().contains("signs no time"), "{name}: {stale}");
            assert_eq!((stale.get("as_expected"), &stale["requests"]), (None, &json!([])), "{name}");
        }
        let repeated = run("repeated");
        if preset.scheme.identifies() {
            assert_eq!(repeated["as_expected"], true, "{name}: {repeated}");
            let verdicts = [0, 1].map(|number| repeated["requests"][number]["verdict"].as_str().unwrap());
            assert_eq!(verdicts, ["accepted", "duplicate"], "{name}");
        } else {
            assert!(repeated["impossible"].as_str().unwrap().contains("no identity"), "{name}: {repeated}");
        }
        let accepted = ports.queue.borrow().len();
        assert_eq!(accepted, if preset.scheme.identifies() { 3 } else { 2 }, "{name}");
        tested += 1;
        timed += usize::from(signs_time);
        identified += usize::from(preset.scheme.identifies());
    }
    assert!(tested > 100 && timed > 30 && identified > 80, "{tested} {timed} {identified}");
}

#[test]
fn a_provider_with_a_private_key_cannot_be_tested() {
    let ports = Memory::default();
    let config = configured(&json!({ "shop": { "provider": "fal", "dedup": "none" } }));
    let (status, problem, _) = test("shop", &json!({ "kind": "good" }), &config, &ports);
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("which only the provider has"), "{problem}");
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn a_source_that_waits_for_its_secret_cannot_be_tested() {
    let config = configured(&json!({ "shop": { "provider": "asana", "handshake": "armed", "dedup": "none" } }));
    let (status, problem, _) = test("shop", &json!({ "kind": "good" }), &config, &Memory::default());
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("no secret yet"), "{problem}");
}

#[test]
fn a_test_event_is_marked_from_the_queue_to_the_destination_and_in_the_log() {
    let ports = Memory::default();
    let config = generic(&json!({}));
    let (_, report, record) = test("shop", &json!({ "kind": "good" }), &config, &ports);
    let id = only(&report)["id"].as_str().unwrap();
    assert!(id.starts_with("hookgate-test-"), "{report}");
    assert_eq!((record.verdict, record.detail.as_deref()), (Verdict::Tested, Some("good: as expected")));
    assert_eq!(record.source.as_deref(), Some("shop"));
    let [request] = record.requests.as_slice() else { panic!("{record:?}") };
    assert_eq!((request.verdict, request.test, request.status), (Verdict::Accepted, true, Some(200)));
    assert!(request.line().contains(r#""test":true"#), "{}", request.line());
    let message = ports.queue.borrow()[0].clone();
    assert!(message.contains(r#""test":true"#), "{message}");
    let (_, record) = forward_as(&message, &config, &ports);
    assert_eq!((record.verdict, record.test), (Verdict::Delivered, true));
    let sent = ports.sent.borrow();
    assert!(sent[0].headers.contains(&("hookgate-test".to_owned(), "1".to_owned())), "{:?}", sent[0].headers);
}

#[test]
fn no_other_event_is_marked() {
    let ports = Memory::default();
    let post = super::post("queued", super::BODY).with("hookgate-test", "1");
    let record = super::serve(&post, &ports).record.unwrap();
    assert!(!record.test && !record.line().contains("test"), "{}", record.line());
    let message = ports.queue.borrow()[0].clone();
    assert!(!message.contains("\"test\"") && !message.contains("hookgate-test"), "{message}");
    forward(&message, 1, &ports);
    assert!(!ports.sent.borrow()[0].headers.iter().any(|(name, _)| name == "hookgate-test"));
}

#[test]
fn a_test_event_goes_to_the_destination_of_a_direct_source() {
    let ports = Memory::default();
    let config = generic(&json!({ "deliver": "origin" }));
    let (_, report, _) = test("shop", &json!({ "kind": "good" }), &config, &ports);
    assert_eq!(report["as_expected"], true, "{report}");
    assert!(ports.sent.borrow()[0].headers.contains(&("hookgate-test".to_owned(), "1".to_owned())));
    ports.origin_status.set(Some(500));
    let (status, report, _) = test("shop", &json!({ "kind": "good" }), &config, &ports);
    let failed = only(&report);
    assert_eq!((status, &report["as_expected"]), (200, &json!(false)));
    assert_eq!((&failed["status"], &failed["reason"]), (&json!(503), &json!("origin_failed")), "{report}");
    assert_eq!(failed["detail"], "the origin answered 500");
}

#[test]
fn the_filter_of_the_source_drops_a_test_event_and_the_answer_says_so() {
    let ports = Memory::default();
    let config = generic(&json!({ "events": ["invoice.*"] }));
    let (_, report, _) = test("shop", &json!({ "kind": "good" }), &config, &ports);
    assert_eq!((&report["as_expected"], &only(&report)["verdict"]), (&json!(false), &json!("filtered")));
    assert!(report["notes"][0].as_str().unwrap().contains("does not want the type \"hookgate.test\""), "{report}");
    assert!(ports.queue.borrow().is_empty());
    let (_, report, _) = test("shop", &json!({ "kind": "good", "type": "invoice.paid" }), &config, &ports);
    assert_eq!(report["as_expected"], true, "{report}");
    assert!(ports.queue.borrow()[0].contains(r#""type":"invoice.paid""#));
}

#[test]
fn a_secret_is_chosen_by_its_name() {
    let config = generic(&json!({ "secrets": ["OLD_SECRET", "GENERIC_SECRET"] }));
    let run = |wanted: Value| test("shop", &wanted, &config, &Memory::default());
    assert_eq!(run(json!({ "kind": "good" })).1["secret"], "OLD_SECRET");
    let (_, report, _) = run(json!({ "kind": "good", "secret": "GENERIC_SECRET" }));
    assert_eq!((&report["secret"], &report["as_expected"]), (&json!("GENERIC_SECRET"), &json!(true)));
    // An operator may write a secret in place of its name.
    let (status, problem, record) = run(json!({ "kind": "good", "secret": OLD }));
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("OLD_SECRET, GENERIC_SECRET"), "{problem}");
    assert!(!problem.to_string().contains(OLD) && !record.line().contains(OLD));
    for kind in ["good", "forged", "stale", "repeated"] {
        let (_, report, record) = run(json!({ "kind": kind }));
        let lines: String = record.requests.iter().map(Record::line).collect();
        for secret in [OLD, SECRET] {
            assert!(!report.to_string().contains(secret) && !lines.contains(secret), "{report}");
        }
    }
}

#[test]
fn a_static_token_is_not_shown() {
    let config = configured(&json!({ "shop": { "provider": "gitlab_token", "secrets": ["GENERIC_SECRET"] } }));
    let ports = Memory::default();
    for kind in ["good", "forged"] {
        let (_, report, record) = test("shop", &json!({ "kind": kind }), &config, &ports);
        assert_eq!(report["as_expected"], true, "{report}");
        let lines: String = record.requests.iter().map(Record::line).collect();
        assert!(!format!("{report}{lines}").contains(&SECRET[..SECRET.len() - 1]), "{report}{lines}");
    }
    assert!(!ports.queue.borrow()[0].contains(SECRET));
}

#[test]
fn a_refused_test_event_does_not_count_towards_a_limit() {
    let ports = Memory::default();
    ports.limit.set(Some(0));
    for _ in 0..3 {
        let (_, report, _) = test("shop", &json!({ "kind": "forged" }), &generic(&json!({})), &ports);
        assert_eq!((&report["as_expected"], &only(&report)["status"]), (&json!(true), &json!(401)), "{report}");
    }
    assert!(ports.refusals.borrow().is_empty());
}

#[test]
fn a_source_without_deduplication_cannot_show_a_duplicate() {
    let ports = Memory::default();
    let (status, report, record) =
        test("shop", &json!({ "kind": "repeated" }), &generic(&json!({ "dedup": "none" })), &ports);
    assert_eq!((status, &report["requests"]), (200, &json!([])));
    assert!(report["impossible"].as_str().unwrap().contains("dedup"), "{report}");
    assert_eq!(record.detail.as_deref(), Some("repeated: impossible"));
    assert!(ports.queue.borrow().is_empty());
    let (_, report, _) = test("shop", &json!({ "kind": "repeated" }), &generic(&json!({ "dedup": "exact" })), &ports);
    assert_eq!(report["as_expected"], true, "{report}");
}

#[test]
fn a_stale_request_is_older_than_the_tolerance_of_the_source() {
    for tolerance in ["1s", "366d"] {
        let config = configured(&json!({
            "shop": { "provider": "stripe", "secrets": ["GENERIC_SECRET"], "tolerance": tolerance },
        }));
        let (_, report, _) = test("shop", &json!({ "kind": "stale" }), &config, &Memory::default());
        assert_eq!(report["as_expected"], true, "{report}");
        assert!(
            only(&report)["detail"].as_str().unwrap().starts_with("the request is too old: its signed time is 202"),
            "{report}"
        );
    }
}

#[test]
fn a_failure_of_a_store_is_in_the_answer() {
    for (step, reason) in [("enqueue", "enqueue_failed"), ("claim", "claim_failed")] {
        let ports = Memory::failing(step);
        let (status, report, record) =
            test("shop", &json!({ "kind": "good" }), &generic(&json!({ "dedup": "exact" })), &ports);
        assert_eq!((status, &report["as_expected"]), (200, &json!(false)));
        assert_eq!((&only(&report)["status"], &only(&report)["reason"]), (&json!(503), &json!(reason)), "{report}");
        assert_eq!(record.requests[0].verdict, Verdict::Failed);
    }
}

#[test]
fn a_small_body_limit_refuses_a_test_event_as_any_other() {
    let (_, report, _) =
        test("shop", &json!({ "kind": "good" }), &generic(&json!({ "max_body": "8B" })), &Memory::default());
    assert_eq!((&only(&report)["status"], &only(&report)["reason"]), (&json!(413), &json!("body_too_large")));
}

#[test]
fn a_mistake_of_the_operator_is_named_and_sends_nothing() {
    let config = configured(&json!({
        "shop": { "provider": "generic", "secrets": ["GENERIC_SECRET"] },
        "broken": { "provider": "generic", "secrets": ["MISSING_SECRET"] },
    }));
    let ports = Memory::default();
    let ask = |source: &str, body: &str| serve_as(&call(source, body), &config, &ports).answer;
    let long = "x".repeat(257);
    for (body, word) in [
        ("", "kind"),
        ("{}", "kind"),
        ("[]", "object"),
        (r#"["good"]"#, "object"),
        (r#"{"kind":"bad"}"#, "good"),
        (r#"{"kind":"good","colour":"blue"}"#, "colour"),
        (r#"{"kind":"good","kind":"stale"}"#, "kind"),
        (r#"{"kind":"good","type":""}"#, "type"),
        (&format!(r#"{{"kind":"good","type":"{long}"}}"#), "type"),
        (r#"{"kind":"good","type":"a\nhookgate-source: b"}"#, "type"),
    ] {
        let answer = ask("shop", body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
        assert!(json_of(&answer)["detail"].as_str().unwrap().contains(word), "{body}: {}", answer.body);
    }
    let good = r#"{"kind":"good"}"#;
    assert_eq!(ask("nothing", good).status, 404);
    assert_eq!(ask("broken", good).status, 500);
    assert_eq!(ask("shop/x", good).status, 404);
    assert_eq!(ask("shop", &format!("{good}{}", " ".repeat(16 * 1024))).status, 413);
    let got = serve_as(&Post { method: "GET", ..call("shop", good) }, &config, &ports).answer;
    assert_eq!((got.status, header(&got, "allow")), (405, Some("POST")));
    let unproven = Post { headers: Vec::new(), ..call("shop", good) };
    assert_eq!(serve_as(&unproven, &config, &ports).answer.status, 401);
    assert_eq!((ports.steps(), ports.queue.borrow().len()), (Vec::new(), 0));
}

#[test]
fn an_own_scheme_that_no_sample_fits_is_refused_with_the_reason() {
    let scheme = json!({
        "signature": { "json": "event.signature" },
        "content": "{json:event}",
        "identity": "none",
    });
    let config = configured(&json!({ "shop": { "scheme": scheme, "secrets": ["GENERIC_SECRET"] } }));
    let source = config.as_ref().unwrap().source("shop").unwrap();
    assert!(source.is_ok(), "{source:?}");
    let (status, problem, _) = test("shop", &json!({ "kind": "good" }), &config, &Memory::default());
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("cannot be signed"), "{problem}");
}
