//! The threat model's section on identity and deduplication: which event a delivery is.

use crate::*;
use hookgate_verify::{EventId, TypeAt, TypesFound};
use std::collections::BTreeSet;

fn id_in_body(without: WithoutId) -> impl Iterator<Item = (Case, &'static str)> {
    every_form().filter_map(move |case| match &case.scheme().id {
        IdAt::Json { path, missing, when: None } if *missing == without => Some((case, first_key(path))),
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
    for case in every_form() {
        let good = good(&case);
        let plain = case.verify(SEED, &good.headers, &good.body, NOW).expect("good").identity().clone();
        for other in ["first", "second"] {
            let read = |name: &&str| good.headers.iter().any(|(n, _)| n == name);
            let unsigned = names.iter().filter(|name| !read(name));
            let unsigned = unsigned.map(|name| ((*name).to_owned(), other.to_owned()));
            let headers: Headers = good.headers.iter().cloned().chain(unsigned).collect();
            let verified = case.verify(SEED, &headers, &good.body, NOW).expect("good");
            assert_eq!(verified.identity(), &plain, "{}", case.preset.name);
        }
    }
    for name in ["github", "relock", "chekt", "lrdefender"] {
        let case = case(name);
        let good = good(&case);
        let verified = case.verify(SEED, &good.headers, &good.body, NOW).unwrap();
        assert_eq!(verified.identity().provenance(), "body digest", "{name}");
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
fn an_odd_id_is_taken_as_it_stands() {
    let long = "x".repeat(10 * 1024);
    for case in every_form().filter(|case| matches!(case.scheme().id, IdAt::Json { when: None, .. })) {
        let IdAt::Json { path, .. } = &case.scheme().id else { panic!("in the body") };
        let key = first_key(path);
        for id in [long.as_str(), "\0", "a\0b", "🎉", "\u{202e}", "../../etc", "a:b", " ", "\r\nx: y", "0"] {
            let body = body_with_id(&case, key, Some(id.into()));
            let verified = case.verify(SEED, &signed(&case, &body), &body, NOW).expect("authentic");
            assert_eq!(verified.identity(), &Identity::signed(id), "{}", case.preset.name);
        }
        for integer in ["7", "-7", "0", "9007199254740992"] {
            let body = body_with_id(&case, key, Some(serde_json::from_str(integer).unwrap()));
            let verified = case.verify(SEED, &signed(&case, &body), &body, NOW).expect("authentic");
            let id = EventId::Integer(integer.to_owned());
            assert_eq!(verified.identity(), &Identity::SignedId(id), "{}", case.preset.name);
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

/// What names no event, and what it is called.
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
fn an_unusable_id_is_refused_where_the_provider_always_sends_one() {
    let mut seen = 0;
    for (case, key) in id_in_body(WithoutId::Refuse) {
        for (id, problem) in unusable() {
            let body = body_with_id(&case, key, id);
            let error = case.verify(SEED, &signed(&case, &body), &body, NOW).expect_err(problem);
            assert_eq!(error, VerifyError::IdUnreadable { place: format!("$.{key}"), problem });
            assert!(error.is_authentic(), "a 422, not a 401");
        }
        seen += 1;
    }
    assert!(seen >= 3, "generic, RelayBox, Stripe");
}

#[test]
fn an_unusable_id_gives_way_to_the_rule_where_events_have_none() {
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
fn a_key_that_is_read_may_not_stand_twice() {
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
                        // It is a type's alone: the event is good, and nobody knows its type. Slack's `event.type` counts
                        // before `type`, so that one may stand twice.
                        let verified = found.expect("authentic");
                        let types = &verified.event_types().found;
                        let is_first =
                            matches!(&case.scheme().event_type[0], TypeAt::Json(path) if first_key(path) == key);
                        let hidden = TypesFound::Unreadable("its key stands twice");
                        assert_eq!(
                            types,
                            &if is_first { hidden } else { TypesFound::Named(vec!["a.type".to_owned()]) }
                        );
                        continue;
                    }
                    let error = found.expect_err("ambiguous");
                    assert_eq!(error, VerifyError::AmbiguousJson { key: key.to_owned() }, "{twice}");
                    assert!(error.is_authentic(), "a 422, not a 401");
                }
            }
        }
    }
    assert!(seen >= 60, "{seen} bodies");
}

/// Whether an id or a time stands under that outermost key.
fn identifies(case: &Case, key: &str) -> bool {
    let is_id = matches!(&case.scheme().id, IdAt::Json { path, .. } if first_key(path) == key);
    is_id || case.time_in_body().is_some_and(|(path, _)| first_key(path) == key)
}

/// The outermost keys under which something is read from the body.
fn keys_read(case: &Case) -> BTreeSet<&'static str> {
    let types = case.scheme().event_type.iter().filter_map(|place| match place {
        TypeAt::Json(path) => Some(first_key(path)),
        TypeAt::UnsignedHeader(_) => None,
    });
    let id = match &case.scheme().id {
        IdAt::Json { path, .. } => Some(first_key(path)),
        IdAt::SignedHeader(_) | IdAt::UnsignedHeader(..) | IdAt::Nowhere => None,
    };
    let time = case.time_in_body().map(|(path, _)| first_key(path));
    types.chain(id).chain(time).collect()
}

#[test]
fn where_the_value_is_signed_no_key_may_stand_twice() {
    for case in every_form().filter(Case::signs_the_value) {
        let good = good(&case);
        let text = String::from_utf8(good.body.clone()).unwrap();
        for twice in [
            text.replacen('{', "{\"id\":\"evil\",", 1),
            text.replacen('{', "{\"\\u0069d\":\"evil\",", 1),
            text.replacen('{', "{\"other\":1,\"other\":1,", 1),
            text.replacen('{', "{\"deep\":[{\"a\":1,\"a\":1}],", 1),
        ] {
            // Under the signature of what a parser that keeps the last makes of it.
            let last_wins = serde_json::from_str::<Value>(&twice).unwrap().to_string();
            let headers = signed(&case, last_wins.as_bytes());
            assert!(case.verify(SEED, &headers, last_wins.as_bytes(), NOW).is_ok());
            let error = case.verify(SEED, &headers, twice.as_bytes(), NOW).expect_err("ambiguous");
            assert!(matches!(error, VerifyError::NotCanonical { .. }), "{twice}: {error:?}");
            assert!(!error.is_authentic(), "nothing is proven: a 401");
        }
    }
}

#[test]
fn nesting_and_long_numbers_cost_no_stack_and_change_no_identity() {
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
                let Err(SignError::Body(signing)) = sign else { panic!("no double holds it") };
                let headers = signed(&case, plain.as_bytes());
                let error = case.verify(SEED, &headers, body.as_bytes(), NOW).expect_err("hostile");
                assert!(matches!(error, VerifyError::NotCanonical { .. }), "{error:?}");
                assert_eq!(error, signing);
                continue;
            }
            let verified = case.verify(SEED, &sign.unwrap(), body.as_bytes(), NOW).expect("authentic");
            assert_eq!(
                verified.identity(),
                &case.identity(ID, body.as_bytes(), verified.identity()),
                "{}",
                case.preset.name
            );
        }
    }
}

#[test]
fn nesting_where_something_is_read_costs_no_stack() {
    let arrays = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"id\":".repeat(100_000), "}".repeat(100_000));
    let (open_arrays, open_objects) = ("[".repeat(100_000), "{\"id\":".repeat(100_000));
    for case in every_form() {
        let good = good(&case);
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
            assert_eq!(code, right, "{}", case.preset.name);
        }
    }
}

#[test]
fn a_number_that_a_double_blurs_is_no_id() {
    // 2^53 and 2^53 + 1 are one double: where the value is signed, one signature would stand for two events.
    let case = case("relaybox");
    let body = |id: &str| String::from_utf8(case.plain_body("@", NOW)).unwrap().replace("\"@\"", id);
    let headers = signed(&case, body("9007199254740992").as_bytes());
    let neighbour = body("9007199254740993");
    let error = case.verify(SEED, &headers, neighbour.as_bytes(), NOW).expect_err("blurred");
    assert!(matches!(error, VerifyError::NotCanonical { .. }), "{error:?}");
    // Another text of the same number has the same signature; it must not be another event.
    let headers = signed(&case, body("100").as_bytes());
    for other in ["100.0", "1e2", "1E+2", "1000e-1"] {
        let error = case.verify(SEED, &headers, body(other).as_bytes(), NOW).expect_err(other);
        let problem = "a number, but no integer";
        assert_eq!(error, VerifyError::IdUnreadable { place: "$.id".to_owned(), problem }, "{other}");
    }
}
