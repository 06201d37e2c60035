//! The threat model's rows on identity and deduplication: which event a request is about.

use crate::*;
use hookgate_verify::{EventId, TypeLocation, TypesFound};
use std::collections::BTreeSet;

fn id_in_body(without: WithoutId) -> impl Iterator<Item = (Case, &'static str)> {
    every_form().filter_map(move |case| match &case.scheme().id {
        IdLocation::Json { path, missing, when: None } if *missing == without => Some((case, first_key(path))),
        _ => None,
    })
}

fn body_with_id(case: &Case, key: &str, id: Option<Value>) -> Vec<u8> {
    let mut body = case.body("removed", NOW, "a.type", Map::new());
    let object = body.as_object_mut().unwrap();
    object.remove(key);
    object.extend(id.map(|id| (key.to_owned(), id)));
    body.to_string().into_bytes()
}

#[test]
fn an_id_in_an_unsigned_header_is_never_the_key() {
    let names = [
        "x-webhook-id",
        "webhook-id",
        "x-github-delivery",
        "x-shopify-webhook-id",
        "x-shopify-event-id",
        "x-relaybox-webhook-id",
        "x-request-id",
        "idempotency-key",
        "svix-id",
        "x-slack-retry-num",
        "x-event-id",
    ];
    let identity = |good: &Good, headers: &Headers| good.verify(headers).expect("good").identity().clone();
    for good in every_good() {
        for other in ["first", "second"] {
            let headers = good.with_more(names.map(|name| (name, other)));
            assert_eq!(identity(&good, &headers), identity(&good, &good.headers), "{good}");
        }
    }
    for name in ["github", "relock", "chekt", "lrdefender"] {
        let good = Good::new(case(name));
        assert_eq!(identity(&good, &good.headers).provenance(), "body digest", "{name}");
    }
}

#[test]
fn a_webhook_id_that_names_the_endpoint_names_no_event() {
    for (name, key) in [("chekt", "webhook_id"), ("lrdefender", "webhookId")] {
        for case in every_form().filter(|case| case.preset.name == name) {
            let [one, two] = ["one", "two"].map(|event| {
                let extra = Map::from_iter([(key.to_owned(), "wh_1".into()), ("n".to_owned(), event.into())]);
                let body = case.body(ID, NOW, "a.type", extra).to_string().into_bytes();
                case.verify(SEED, &signed(&case, &body), &body, NOW).expect("good").identity().clone()
            });
            assert_ne!(one, two, "{name}: two events of one endpoint");
        }
    }
}

#[test]
fn an_unusual_id_is_kept_unchanged() {
    let long = "x".repeat(10 * 1024);
    for case in every_form().filter(|case| matches!(case.scheme().id, IdLocation::Json { when: None, .. })) {
        let IdLocation::Json { path, .. } = &case.scheme().id else { panic!("in the body") };
        let key = first_key(path);
        let texts = [long.as_str(), "\0", "a\0b", "🎉", "\u{202e}", "../../etc", "a:b", " ", "\r\nx: y", "0"];
        let integers = ["7", "-7", "0", "9007199254740992"];
        let texts = texts.map(|id| (id.into(), Identity::signed(id)));
        let integers =
            integers.map(|id| (serde_json::from_str(id).unwrap(), Identity::SignedId(EventId::Integer(id.to_owned()))));
        for (id, identity) in texts.into_iter().chain(integers) {
            let body = body_with_id(&case, key, Some(id));
            let verified = case.verify(SEED, &signed(&case, &body), &body, NOW).expect("authentic");
            assert_eq!(verified.identity(), &identity, "{}", case.preset.name);
        }
    }
    let case = case("standard_webhooks");
    let body = b"{}";
    for id in [long.as_str(), "\0", "🎉", " ", "a:b"] {
        let headers = case.sign(SEED, id, NOW, body).unwrap();
        let verified = case.verify(SEED, &headers, body, NOW).expect("authentic");
        assert_eq!(verified.identity(), &Identity::signed(id));
    }
}

#[test]
fn an_id_of_ten_kilobytes_is_shown_by_its_digest() {
    let shown = Identity::signed(&"x".repeat(10 * 1024)).shown().unwrap();
    assert_eq!(shown, "sha256:04f8f86af2cd14ffe9bbe8da1518ce9c980ae13fba87feb386b103544e9c4c6b");
    assert_eq!(Identity::signed(&"x".repeat(256)).shown(), Some("x".repeat(256)));
}

/// Values that are no event id, and the problem that the error names.
fn unusable() -> Vec<(Option<Value>, &'static str)> {
    let json = |text: &str| Some(serde_json::from_str(text).unwrap());
    vec![
        (None, "missing"),
        (json("\"\""), "empty"),
        (json("null"), "null"),
        (json("true"), "a boolean"),
        (json("[\"a\"]"), "an array"),
        (json("{\"id\":\"a\"}"), "an object"),
        (json("1.5"), "a number, but no integer"),
        (json("1e3"), "a number, but no integer"),
    ]
}

#[test]
fn an_unusable_id_is_refused_if_the_provider_always_sends_an_id() {
    let mut seen = 0;
    for (case, key) in id_in_body(WithoutId::Refuse) {
        for (id, problem) in unusable() {
            let body = body_with_id(&case, key, id);
            let error = case.verify(SEED, &signed(&case, &body), &body, NOW).expect_err(problem);
            assert_eq!(error, VerifyError::IdUnreadable { place: format!("$.{key}"), problem });
            assert!(error.is_authentic(), "the answer is 422, not 401");
        }
        seen += 1;
    }
    assert!(seen >= 3, "generic, RelayBox, Stripe");
}

#[test]
fn an_unusable_id_is_replaced_by_the_identity_rule_if_some_events_have_no_id() {
    let mut seen = 0;
    for (case, key) in id_in_body(WithoutId::ByRule) {
        for (id, problem) in unusable() {
            let body = body_with_id(&case, key, id);
            let verified = case.verify(SEED, &signed(&case, &body), &body, NOW).expect(problem);
            let by_rule = case.identity_by_rule(&body, verified.identity());
            assert_eq!(verified.identity(), &by_rule, "{}: {problem}", case.preset.name);
        }
        seen += 1;
    }
    assert!(seen >= 1, "Slack");
}

#[test]
fn a_member_that_is_read_may_not_occur_twice() {
    let mut seen = 0;
    for case in every_form().filter(|case| !case.signs_the_value()) {
        let good = String::from_utf8(case.plain_body(ID, NOW)).unwrap();
        for key in keys_read(&case) {
            let escaped = format!("\\u{:04x}{}", u32::from(key.as_bytes()[0]), &key[1..]);
            for written in [key, escaped.as_str()] {
                let before = good.replacen('{', &format!("{{\"{written}\":\"evil\","), 1);
                let after = format!("{},\"{written}\":{{}}}}", good.strip_suffix('}').unwrap());
                for twice in [before, after] {
                    let found = case.verify(SEED, &signed(&case, twice.as_bytes()), twice.as_bytes(), NOW);
                    seen += 1;
                    if !case.needs_json() && !identifies(&case, key) {
                        // The member holds only a type: the event is good and its type is unknown. Slack's `event.type`
                        // counts before `type`, so Slack's `type` may occur twice.
                        let verified = found.expect("authentic");
                        let types = &verified.event_types().found;
                        let is_first =
                            matches!(&case.scheme().event_type[0], TypeLocation::Json(path) if first_key(path) == key);
                        let hidden = TypesFound::Unreadable("its key stands twice");
                        assert_eq!(
                            types,
                            &if is_first { hidden } else { TypesFound::Named(vec!["a.type".to_owned()]) }
                        );
                        continue;
                    }
                    let error = found.expect_err("ambiguous");
                    assert_eq!(error, VerifyError::AmbiguousJson { key: key.to_owned() }, "{twice}");
                    assert!(error.is_authentic(), "the answer is 422, not 401");
                }
            }
        }
    }
    assert!(seen >= 60, "{seen} bodies");
}

/// Whether the outermost key holds an id or a time.
fn identifies(case: &Case, key: &str) -> bool {
    let is_id = matches!(&case.scheme().id, IdLocation::Json { path, .. } if first_key(path) == key);
    is_id || case.time_in_body().is_some_and(|(path, _)| first_key(path) == key)
}

/// The outermost keys of the members that are read from the body.
fn keys_read(case: &Case) -> BTreeSet<&'static str> {
    let types = case.scheme().event_type.iter().filter_map(|place| match place {
        TypeLocation::Json(path) => Some(first_key(path)),
        TypeLocation::UnsignedHeader(_) => None,
    });
    let id = match &case.scheme().id {
        IdLocation::Json { path, .. } => Some(first_key(path)),
        IdLocation::SignedHeader(_) | IdLocation::UnsignedHeader(..) | IdLocation::Nowhere => None,
    };
    let time = case.time_in_body().map(|(path, _)| first_key(path));
    types.chain(id).chain(time).collect()
}

#[test]
fn no_member_may_occur_twice_if_the_parsed_body_is_signed() {
    for good in every_good().filter(|good| good.case.signs_the_value()) {
        let case = &good.case;
        let text = String::from_utf8(good.body.clone()).unwrap();
        for twice in [
            text.replacen('{', "{\"id\":\"evil\",", 1),
            text.replacen('{', "{\"\\u0069d\":\"evil\",", 1),
            text.replacen('{', "{\"other\":1,\"other\":1,", 1),
            text.replacen('{', "{\"deep\":[{\"a\":1,\"a\":1}],", 1),
        ] {
            // A parser that keeps the last member reads this body as `last_wins`. The signature is over `last_wins`.
            let last_wins = serde_json::from_str::<Value>(&twice).unwrap().to_string();
            let headers = signed(case, last_wins.as_bytes());
            assert!(case.verify(SEED, &headers, last_wins.as_bytes(), NOW).is_ok());
            let error = case.verify(SEED, &headers, twice.as_bytes(), NOW).expect_err("ambiguous");
            assert!(matches!(error, VerifyError::NotCanonical { .. }), "{twice}: {error:?}");
            assert!(!error.is_authentic(), "the signature proves nothing: the answer is 401");
        }
    }
}

#[test]
fn deep_nesting_and_long_numbers_use_no_stack_and_change_no_identity() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_objects = format!("{}1{}", "{\"id\":".repeat(100_000), "}".repeat(100_000));
    let digits = "9".repeat(10_000);
    let fraction = format!("0.{digits}");
    let exponent = format!("1e{digits}");
    for case in every_form() {
        let plain = String::from_utf8(case.plain_body(ID, NOW)).unwrap();
        for hostile in [&deep, &deep_objects, &digits, &fraction, &exponent] {
            let body = plain.replacen('{', &format!("{{\"x\":{hostile},"), 1);
            let sign = case.sign(SEED, ID, NOW, body.as_bytes());
            if case.signs_the_value() {
                let Err(SignError::Body(signing)) = sign else { panic!("no double holds this number") };
                let headers = signed(&case, plain.as_bytes());
                let error = case.verify(SEED, &headers, body.as_bytes(), NOW).expect_err("hostile");
                assert!(matches!(error, VerifyError::NotCanonical { .. }), "{error:?}");
                assert_eq!(error, signing);
                continue;
            }
            let verified = case.verify(SEED, &sign.unwrap(), body.as_bytes(), NOW).expect("authentic");
            let right = case.identity(ID, body.as_bytes(), verified.identity());
            assert_eq!(verified.identity(), &right, "{}", case.preset.name);
        }
    }
}

#[test]
fn deep_nesting_in_a_member_that_is_read_uses_no_stack() {
    let arrays = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"id\":".repeat(100_000), "}".repeat(100_000));
    let (open_arrays, open_objects) = ("[".repeat(100_000), "{\"id\":".repeat(100_000));
    for good in every_good() {
        let case = &good.case;
        for (body, closed) in [(&arrays, true), (&objects, true), (&open_arrays, false), (&open_objects, false)] {
            let body = body.as_bytes();
            let headers = case.sign(SEED, ID, NOW, body).unwrap_or_else(|_| good.headers.clone());
            let code = case.verify(SEED, &headers, body, NOW).map(|_| "verified").unwrap_or_else(|e| e.code());
            let right = if case.signs_the_value() {
                "not_canonical"
            } else if !case.needs_json() {
                "verified"
            } else if !closed {
                "not_json"
            } else if case.time_in_body().is_some() {
                "timestamp_missing"
            } else {
                "id_unreadable"
            };
            assert_eq!(code, right, "{good}");
        }
    }
}

#[test]
fn a_number_that_a_double_cannot_hold_is_no_id() {
    // 2^53 and 2^53 + 1 are the same double. If the parsed body is signed, one signature would fit two events.
    let case = case("relaybox");
    let body = |id: &str| String::from_utf8(case.plain_body("@", NOW)).unwrap().replace("\"@\"", id);
    let headers = signed(&case, body("9007199254740992").as_bytes());
    let neighbour = body("9007199254740993");
    let error = case.verify(SEED, &headers, neighbour.as_bytes(), NOW).expect_err("the same double");
    assert!(matches!(error, VerifyError::NotCanonical { .. }), "{error:?}");
    // Another spelling of the same number has the same signature. The spelling must not make another event.
    let headers = signed(&case, body("100").as_bytes());
    for other in ["100.0", "1e2", "1E+2", "1000e-1"] {
        let error = case.verify(SEED, &headers, body(other).as_bytes(), NOW).expect_err(other);
        let problem = "a number, but no integer";
        assert_eq!(error, VerifyError::IdUnreadable { place: "$.id".to_owned(), problem }, "{other}");
    }
}
