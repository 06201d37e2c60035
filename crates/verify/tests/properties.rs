//! Properties of every preset: a signed request verifies, a changed request does not, and no input causes a panic.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

mod common;

use common::{Case, Headers, every_form, with};
use hookgate_verify::native::Native;
use hookgate_verify::{
    Encoding, EventId, IdLocation, Identity, JsonPath, SignError, Step, TypeLocation, UnixTime, VerifyError, WithoutId,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;
use serde_json::{Map, Number, Value};

/// The number of cases lets all tests take seconds in a debug build. A failing case is shrunk and printed.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn seeds() -> impl Strategy<Value = String> {
    "[!-~]{1,80}"
}

/// Texts that every scheme accepts as an id. Twitch accepts only the characters of a word.
fn ids() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_+/=-]{1,40}"
}

/// Times from 2001 to 2286. Some contents need ten digits of seconds or thirteen digits of milliseconds.
fn times() -> impl Strategy<Value = UnixTime> {
    (1_000_000_000..=9_999_999_999_i64).prop_map(UnixTime::from_seconds)
}

fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        (-9_007_199_254_740_992_i64..=9_007_199_254_740_992).prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(any::<String>(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn fields() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(any::<String>(), json(), 0..4).prop_map(|map| map.into_iter().collect())
}

/// An event at a provider.
#[derive(Debug, Clone)]
struct Event {
    seed: String,
    id: String,
    at: UnixTime,
    extra: Map<String, Value>,
}

fn events() -> impl Strategy<Value = Event> {
    (seeds(), ids(), times(), fields()).prop_map(|(seed, id, at, extra)| Event { seed, id, at, extra })
}

impl Event {
    fn value(&self, case: &Case) -> Value {
        case.body(&self.id, self.at, "a.type", self.extra.clone())
    }

    fn body(&self, case: &Case) -> Vec<u8> {
        self.value(case).to_string().into_bytes()
    }

    fn signed(&self, case: &Case, body: &[u8]) -> Headers {
        case.sign(&self.seed, &self.id, self.at, body).unwrap_or_else(|error| panic!("{}: {error:?}", case.preset.name))
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_signed_request_verifies(
        event in events(),
        decoys in vec(seeds(), 0..4),
        place in any::<Index>(),
        skew in -300..=300_i64,
    ) {
        for case in every_form() {
            let body = event.body(&case);
            let mut headers = event.signed(&case, &body);
            let mut seeds: Vec<&str> = decoys.iter().map(String::as_str).collect();
            seeds.insert(place.index(seeds.len() + 1), &event.seed);
            let unsigned_type = case.scheme().event_type.iter().find_map(|place| match place {
                TypeLocation::UnsignedHeader(name) => Some(name),
                TypeLocation::Json(_) => None,
            });
            headers.extend(unsigned_type.map(|name| (name.clone(), "a.type".to_owned())));
            let now = UnixTime::from_seconds(event.at.seconds() + skew);

            let verifier = case.verifier(&seeds);
            let verified = verifier.receive(&headers).and_then(|received| received.verify(&body, now, &Native));

            let verified = verified.map_err(|error| TestCaseError::fail(format!("{}: {error}", case.preset.name)))?;
            prop_assert!(std::ptr::eq(verified.body(), body.as_slice()), "the very bytes");
            prop_assert_eq!(verified.identity(), &case.identity(&event.id, &body, verified.identity()));
            prop_assert_eq!(verified.signed_at(), case.form.timestamp.as_ref().map(|_| event.at));
            let types = verified.event_types();
            let event_type = types.shown().map(|name| (name, types.unsigned.is_none()));
            let told = (!case.scheme().event_type.is_empty()).then_some(("a.type".to_owned(), unsigned_type.is_none()));
            prop_assert_eq!(event_type, told);
        }
    }

    #[test]
    fn any_bytes_verify_if_nothing_is_read_from_the_body(event in events(), body in vec(any::<u8>(), 0..600)) {
        let mut seen = 0;
        for case in every_form().filter(|case| !case.needs_json()) {
            let headers = event.signed(&case, &body);
            let verified = case.verify(&event.seed, &headers, &body, event.at);
            // A body that looks like a challenge is refused if the provider's handshake signs challenges.
            if matches!(&verified, Err(error) if error.code() == "challenge_replayed") {
                continue;
            }
            let verified = verified.map_err(|error| TestCaseError::fail(format!("{}: {error}", case.preset.name)))?;
            prop_assert!(std::ptr::eq(verified.body(), body.as_slice()), "the very bytes");
            seen += 1;
        }
        prop_assert!(seen >= 5, "GitHub, Shopify, Slack, Standard Webhooks and LRDefender's variant with a time");
    }

    #[test]
    fn another_secret_verifies_nothing(event in events(), other in seeds()) {
        prop_assume!(other != event.seed);
        for case in every_form() {
            let body = event.body(&case);
            let headers = event.signed(&case, &body);
            let error = case.verify(&other, &headers, &body, event.at).expect_err("signed under another secret");
            let place = case.header().to_owned();
            prop_assert_eq!(error, VerifyError::SignatureMismatch { place, candidates: 1, secrets: 1 });
        }
    }

    #[test]
    fn a_changed_bit_of_the_body_is_refused(event in events(), place in any::<Index>(), bit in 0..8_u32) {
        for case in every_form() {
            let body = event.body(&case);
            let headers = event.signed(&case, &body);
            let mut changed = body.clone();
            changed[place.index(body.len())] ^= 1 << bit;

            let outcome = case.verify(&event.seed, &headers, &changed, event.at);

            let code = outcome.as_ref().err().map(VerifyError::code);
            if case.signs_the_value() && denotes_the_same(&body, &changed) {
                // The signature covers the value, so a tab may replace a return. A number with too many digits is refused.
                prop_assert!(matches!(code, None | Some("not_canonical")), "{code:?}");
                if let Ok(verified) = outcome {
                    prop_assert_eq!(verified.identity(), &case.identity(&event.id, &body, verified.identity()));
                }
            } else if case.signs_the_value() {
                prop_assert!(matches!(code, Some("signature_mismatch" | "not_canonical")), "{code:?}");
            } else {
                prop_assert_eq!(code, Some("signature_mismatch"), "{}", case.preset.name);
            }
        }
    }

    #[test]
    fn a_changed_bit_of_a_signed_header_is_refused(event in events(), place in any::<Index>(), bit in 0..8_u32) {
        for case in every_form() {
            let body = event.body(&case);
            let headers = event.signed(&case, &body);
            for (name, value) in &headers {
                let letters: Vec<char> = value.chars().collect();
                let at = place.index(letters.len());
                let Some(letter) = char::from_u32(u32::from(letters[at]) ^ 1 << bit) else { continue };
                let changed: String = letters[..at].iter().chain([&letter]).chain(&letters[at + 1..]).collect();

                let outcome = case.verify(&event.seed, &with(&headers, name, &changed), &body, event.at);

                let is_hex = name == case.header() && case.form.encoding == Encoding::Hex;
                let is_digit = is_hex && at + case.digits() >= letters.len();
                if is_digit && changed.eq_ignore_ascii_case(value) {
                    // A hex digit may be in upper case. The signature and the event stay the same.
                    let verified = outcome.map_err(|error| TestCaseError::fail(error.to_string()))?;
                    prop_assert_eq!(verified.identity(), &case.identity(&event.id, &body, verified.identity()));
                    continue;
                }
                let code = outcome.expect_err("changed").code();
                let right: &[&str] = if name == case.header() {
                    &["signature_malformed", "timestamp_malformed", "signature_mismatch"]
                } else if case.time_in_header() == Some(name) {
                    &["timestamp_malformed", "signature_mismatch"]
                } else {
                    &["signed_header", "signature_mismatch"]
                };
                prop_assert!(right.contains(&code), "{}: {name}: {changed:?}: {code}", case.preset.name);
            }
        }
    }
}

/// Texts that are similar to the headers of schemes, and other texts.
fn hostile_texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(t=|v1=|v0=|v1,|sha256=|[0-9]{1,13}|[0-9a-fA-F]{62,66}|[A-Za-z0-9+/_-]{42,44}=?|[,. =\u{0}é]){0,12}",
        "t=[0-9+-]{0,14}(,v1=[0-9a-f]{64}){0,10}",
        "(sha256=|v0=|)[0-9a-f]{64}",
        "(v1|v1a|v2),[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=( v1,[A-Za-z0-9+/]{42}A=){0,9}",
    ]
}

/// Bodies of any bytes, of JSON, and of broken JSON with the keys that schemes read.
fn hostile_bodies() -> impl Strategy<Value = Vec<u8>> {
    let tokens = "(\\{|\\}|\\[|\\]|:|,| |\"id\":|\"event_id\":|\"timestamp\":|\"created_at\":|\"data\":\\{|\"event\":|\
                  \"type\":|\"\\\\u0069d\":|\"a\":|\"x\"|\"\"|7|-1|1.5|1e400|9007199254740993|null|true|\
                  \"2026-01-15T12:00:00Z\"|\"\\\\ud800\"){0,24}";
    let members = "\\{(\"(id|event_id|timestamp|created_at|data|event|type|a)\":(\"x\"|\"\"|7|-1|1.5|null|\\[\\]|\
                   \\{\"timestamp\":\"2026-01-15T12:00:00Z\",\"type\":\"t\"\\}|\"2026-01-15T12:00:00Z\"),){0,6}\
                   \"created_at\":\"2026-01-15T12:00:00Z\",\"timestamp\":\"2026-01-15T12:00:00Z\"\\}";
    prop_oneof![
        vec(any::<u8>(), 0..400),
        json().prop_map(|value| value.to_string().into_bytes()),
        tokens.prop_map(String::into_bytes),
        members.prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn forged_headers_are_refused_without_a_panic(
        texts in vec(hostile_texts(), 4),
        body in hostile_bodies(),
        now in any::<i64>(),
    ) {
        for case in every_form() {
            let mut texts = texts.iter().cloned();
            let mut headers: Headers = vec![(case.header().to_owned(), texts.next().unwrap())];
            if let Some(name) = case.time_in_header() {
                headers.push((name.to_owned(), texts.next().unwrap()));
            }
            if let IdLocation::SignedHeader(name) = &case.scheme().id {
                headers.push((name.to_owned(), texts.next().unwrap()));
            }
            let outcome = case.verify("the-secret", &headers, &body, UnixTime::from_seconds(now));
            let code = outcome.expect_err("a forged signature").code();
            let right = [
                "signature_malformed",
                "too_many_signatures",
                "signature_mismatch",
                "signed_header",
                "timestamp_missing",
                "timestamp_malformed",
                "not_canonical",
            ];
            prop_assert!(right.contains(&code), "{}: {code}", case.preset.name);
        }
    }

    #[test]
    fn the_facts_of_a_signed_body_are_the_facts_of_an_ordinary_parser(body in hostile_bodies()) {
        let now = UnixTime::from_rfc3339("2026-01-15T12:00:00Z").unwrap();
        for case in every_form() {
            let headers = match case.sign("the-secret", "msg_1", now, &body) {
                Ok(headers) => headers,
                Err(SignError::Body(VerifyError::NotCanonical { .. })) if case.signs_the_value() => continue,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            match case.verify("the-secret", &headers, &body, now) {
                Ok(verified) => {
                    prop_assert_eq!(verified.identity(), &identity_by_the_book(&case, &body, verified.identity()));
                    prop_assert!(!case.needs_json() || serde_json::from_slice::<IgnoredAny>(&body).is_ok());
                }
                Err(error) => {
                    let code = error.code();
                    let facts = ["timestamp_missing", "timestamp_malformed", "too_old", "too_new"];
                    // If another variant signs a time and a dot before the body, a body must not begin so.
                    let begins_as_a_time = body.first().is_some_and(u8::is_ascii_digit) && body.contains(&b'.');
                    if code == "form_ambiguous" && begins_as_a_time {
                        continue;
                    }
                    // A body must not look like a challenge if the provider's handshake signs challenges.
                    if code == "challenge_replayed" && !case.preset.handshakes.is_empty() {
                        continue;
                    }
                    let right = error.is_authentic() || (case.needs_json() && facts.contains(&code));
                    prop_assert!(right, "{}: {error}", case.preset.name);
                    prop_assert!(code != "not_json" || case.needs_json(), "{}: {error}", case.preset.name);
                }
            }
        }
    }
}

/// Whether two bodies have the same JSON value for an ordinary parser, which reads numbers as doubles.
fn denotes_the_same(one: &[u8], other: &[u8]) -> bool {
    fn same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                let same_at = |(key, one): (&String, &Value)| other.get(key).is_some_and(|other| same(one, other));
                one.len() == other.len() && one.iter().all(same_at)
            }
            _ => one == other,
        }
    }
    let parse = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
    parse(one).zip(parse(other)).is_some_and(|(one, other)| same(&one, &other))
}

/// The identity of a proven body, by an ordinary parser.
fn identity_by_the_book(case: &Case, body: &[u8], found: &Identity) -> Identity {
    let at = |path: &JsonPath| {
        let value = serde_json::from_slice::<Value>(body).ok()?;
        match path.steps().iter().try_fold(&value, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Each => value.as_array()?.first(), // no body here is an array with more than one element
        })? {
            Value::String(id) if !id.is_empty() => Some(EventId::Text(id.clone())),
            Value::Number(id) if id.is_i64() || id.is_u64() => Some(EventId::Integer(id.to_string())),
            _ => None,
        }
    };
    match &case.scheme().id {
        IdLocation::SignedHeader(_) => Identity::signed("msg_1"),
        IdLocation::UnsignedHeader(name, _) => panic!("{name}: this test has no unsigned ids"),
        IdLocation::Json { path, missing: WithoutId::Refuse, .. } => {
            Identity::SignedId(at(path).expect("an id, or it would be refused"))
        }
        IdLocation::Json { path, when: None, missing: WithoutId::ByRule } => {
            at(path).map_or_else(|| case.identity_by_rule(body, found), Identity::SignedId)
        }
        IdLocation::Json { when: Some(_), .. } | IdLocation::Nowhere => case.identity_by_rule(body, found),
    }
}
