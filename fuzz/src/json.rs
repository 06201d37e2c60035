//! What is read from a proven body, whatever that is: what an ordinary parser finds there, unless it is refused.
//!
//! The input is a letter for the form, then the body. It is signed here, so that the code behind the signature is
//! reached.

use super::common::Case;
use super::{ID, NOW, SEED, choose};
use hookgate::native::Native;
use hookgate::webhook::{IdAt, Identity, JsonPath, Step, TypeAt, UnixTime, Verifier, VerifyError};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

pub fn run(data: &[u8]) {
    let Some((case, body)) = choose(data) else { return };
    let Some(outcome) = deliver(&case, body) else { return };
    match (&outcome, serde_json::from_slice::<Value>(body)) {
        (Ok(read), Ok(value)) => {
            assert_eq!(read, &by_the_book(&case, body, &value));
            a_repeated_key_is_refused(&case, body, &value);
        }
        // Off the paths the body is only skipped: numbers may be out of range there, texts no UTF-8.
        (Ok(_), Err(_)) => assert!(!case.needs_json() || serde_json::from_slice::<IgnoredAny>(body).is_ok()),
        (Err(error), value) => match error {
            VerifyError::NotJson { .. } => assert!(case.needs_json() && value.is_err()),
            VerifyError::AmbiguousJson { .. } => assert!(!paths(&case).is_empty()),
            VerifyError::TimestampMissing { .. } | VerifyError::TimestampMalformed { .. } => {
                assert!(case.time_in_body().is_some(), "{error}");
            }
            VerifyError::IdUnreadable { .. } => assert!(matches!(case.scheme().id, IdAt::Json(..)), "{error}"),
            _ => panic!("{}: {error}", case.preset.name),
        },
    }
}

/// What a verified delivery says: who it is, its signed type, its time.
type Facts = (Identity, Option<String>, Option<UnixTime>);

/// Signs and verifies, with a window that never ends. `None` where RelayBox could not sign that.
fn deliver(case: &Case, body: &[u8]) -> Option<Result<Facts, VerifyError>> {
    let Ok(headers) = case.sign(SEED, ID, NOW, body) else {
        assert!(case.signs_the_value());
        return None;
    };
    let verifier = Verifier::new(Arc::clone(case.preset), vec![case.key(SEED)], Some(Duration::MAX)).expect("one key");
    let received = verifier.receive(&headers).expect("its own headers");
    let verified = received.verify(body, UnixTime::from_seconds(i64::MAX), &Native);
    Some(verified.map(|verified| {
        let event_type = verified.event_type().map(|event_type| event_type.name.clone());
        (verified.identity().clone(), event_type, verified.signed_at())
    }))
}

fn by_the_book(case: &Case, body: &[u8], value: &Value) -> Facts {
    let at = |path: &JsonPath| {
        path.steps().iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.as_object()?.get(key),
            Step::Each => panic!("none of these goes through an array"),
        })
    };
    let text = |path: &JsonPath| at(path).and_then(Value::as_str).map(str::to_owned);
    let identity = match &case.scheme().id {
        IdAt::SignedHeader(_) => Identity::SignedId(ID.to_owned()),
        IdAt::Nowhere => Identity::of_body(body),
        IdAt::Json(path, _) => match at(path) {
            Some(Value::String(id)) if !id.is_empty() => Identity::SignedId(id.clone()),
            Some(Value::Number(id)) if !id.is_f64() => Identity::SignedId(id.to_string()),
            _ => Identity::of_body(body),
        },
    };
    let mut types = case.scheme().event_type.iter().filter_map(|place| match place {
        TypeAt::Json(path) => text(path).filter(|name| (1..=256).contains(&name.len())),
        TypeAt::UnsignedHeader(_) => None,
    });
    let time = match case.time_in_body() {
        Some((path, unit)) => text(path).and_then(|text| UnixTime::read(unit, &text)),
        None => case.form.timestamp.as_ref().map(|_| NOW),
    };
    (identity, types.next(), time)
}

/// A key on the way to what is read, once more at the beginning: two readers would see two events.
fn a_repeated_key_is_refused(case: &Case, body: &[u8], value: &Value) {
    let Some(brace) = body.iter().position(|b| *b == b'{').filter(|_| value.is_object()) else { return };
    let first = |path: &'static JsonPath| match path.steps().first() {
        Some(Step::Key(key)) => Some(key),
        _ => None,
    };
    let there = paths(case).into_iter().filter_map(first).find(|key| value.get(key).is_some());
    let Some(key) = there else { return };
    let twice = [b"{", format!("\"{key}\":null,").as_bytes(), &body[brace + 1..]].concat();
    // RelayBox cannot even sign it.
    let refused = deliver(case, &twice).is_none_or(|outcome| matches!(outcome, Err(VerifyError::AmbiguousJson { .. })));
    assert!(refused, "{}: {key}", case.preset.name);
}

fn paths(case: &Case) -> Vec<&'static JsonPath> {
    let mut paths: Vec<&JsonPath> = Vec::new();
    paths.extend(match &case.scheme().id {
        IdAt::Json(path, _) => Some(path),
        _ => None,
    });
    paths.extend(case.time_in_body().map(|(path, _)| path));
    paths.extend(case.scheme().event_type.iter().filter_map(|place| match place {
        TypeAt::Json(path) => Some(path),
        TypeAt::UnsignedHeader(_) => None,
    }));
    paths
}
