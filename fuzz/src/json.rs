//! The values read from an authentic body: an ordinary parser finds the same values, or the body is refused.
//!
//! The input is a letter for the variant, then the body. The target signs the body, so that the code behind the signature is
//! reached.

use super::common::Case;
use super::{ID, NOW, SEED, choose};
use hookgate_verify::native::Native;
use hookgate_verify::{
    EventId, IdLocation, Identity, JsonPath, Step, TypeLocation, TypesFound, UnixTime, Verifier, VerifyError,
};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

pub fn run(data: &[u8]) {
    let Some((case, body)) = choose(data) else { return };
    let Some(outcome) = deliver(&case, body) else { return };
    match (&outcome, serde_json::from_slice::<Value>(body)) {
        (Ok(read), Ok(value)) => {
            let (identity, types, time) = by_the_book(&case, body, &value, &read.0);
            // An ordinary parser does not report a key that occurs twice.
            let twice = read.1 == TypesFound::Unreadable("its key occurs twice") && !case.needs_json();
            assert_eq!(read, &(identity, if twice { read.1.clone() } else { types }, time));
            a_repeated_key_is_refused(&case, body, &value);
        }
        // Values outside the paths are skipped: a number may be out of range, and a text may not be UTF-8.
        (Ok(_), Err(_)) => assert!(!case.needs_json() || serde_json::from_slice::<IgnoredAny>(body).is_ok()),
        (Err(error), value) => match error {
            VerifyError::NotJson { .. } => assert!(case.needs_json() && value.is_err()),
            VerifyError::AmbiguousJson { .. } => assert!(!strict_paths(&case).is_empty()),
            VerifyError::TimestampMissing { .. } | VerifyError::TimestampMalformed { .. } => {
                assert!(case.time_in_body().is_some(), "{error}");
            }
            VerifyError::IdUnreadable { .. } => assert!(matches!(case.scheme().id, IdLocation::Json { .. }), "{error}"),
            _ => panic!("{}: {error}", case.preset.name),
        },
    }
}

/// The facts of a verified request: its identity, its types, its time.
type Facts = (Identity, TypesFound, Option<UnixTime>);

/// Signs and verifies a request, without a limit on its age. `None` if RelayBox could not sign the body.
fn deliver(case: &Case, body: &[u8]) -> Option<Result<Facts, VerifyError>> {
    let Ok(headers) = case.sign(SEED, ID, NOW, body) else {
        assert!(case.signs_the_value());
        return None;
    };
    let verifier = Verifier::new(Arc::clone(case.preset), vec![case.key(SEED)], Some(Duration::MAX)).expect("one key");
    let received = verifier.receive(&headers).expect("its own headers");
    let verified = received.verify(body, UnixTime::from_seconds(i64::MAX), &Native);
    Some(
        verified
            .map(|verified| (verified.identity().clone(), verified.event_types().found.clone(), verified.signed_at())),
    )
}

fn by_the_book(case: &Case, body: &[u8], value: &Value, found: &Identity) -> Facts {
    let at = |path: &JsonPath| {
        path.steps().iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.as_object()?.get(key),
            Step::Each => panic!("none of these paths goes through an array"),
        })
    };
    let text = |path: &JsonPath| at(path).and_then(Value::as_str).map(str::to_owned);
    let identity = match &case.scheme().id {
        IdLocation::SignedHeader(_) => Identity::signed(ID),
        IdLocation::Json { path, when: None, .. } => match at(path) {
            Some(Value::String(id)) if !id.is_empty() => Identity::signed(id),
            Some(Value::Number(id)) if !id.is_f64() => Identity::SignedId(EventId::Integer(id.to_string())),
            _ => case.identity_by_rule(body, found),
        },
        IdLocation::Nowhere | IdLocation::UnsignedHeader(..) | IdLocation::Json { when: Some(_), .. } => {
            case.identity_by_rule(body, found)
        }
    };
    let time = match case.time_in_body() {
        Some((path, unit)) => text(path).and_then(|text| UnixTime::read(unit, &text)),
        None => case.form.timestamp.as_ref().map(|_| NOW),
    };
    (identity, types_by_the_book(case, value), time)
}

/// The first location with a type counts. A value that is no type, or that blocks the path to a type, makes the type
/// unreadable.
fn types_by_the_book(case: &Case, value: &Value) -> TypesFound {
    let (mut astray, mut in_body) = (false, false);
    for place in &case.scheme().event_type {
        let TypeLocation::Json(path) = place else { continue };
        in_body = true;
        let mut here = Some(value);
        for step in path.steps() {
            let Step::Key(key) = step else { panic!("none of these paths goes through an array") };
            astray |= here.is_some_and(|here| !here.is_object() && !here.is_null());
            here = here.and_then(|here| here.as_object()?.get(key));
        }
        match here {
            None => {}
            Some(Value::String(name)) if name.is_empty() => return TypesFound::Unreadable("empty"),
            Some(Value::String(name)) if name.len() > 256 => return TypesFound::Unreadable("longer than 256 bytes"),
            Some(Value::String(name)) => return TypesFound::Named(vec![name.clone()]),
            Some(Value::Number(name)) if !name.is_f64() => return TypesFound::Named(vec![name.to_string()]),
            Some(Value::Null) => return TypesFound::Unreadable("null"),
            Some(Value::Bool(_)) => return TypesFound::Unreadable("a boolean"),
            Some(Value::Number(_)) => return TypesFound::Unreadable("a number, but no integer"),
            Some(Value::Array(_)) => return TypesFound::Unreadable("an array"),
            Some(Value::Object(_)) => return TypesFound::Unreadable("an object"),
        }
    }
    match in_body {
        true if astray => TypesFound::Unreadable("another value is on the way to it"),
        true => TypesFound::Absent,
        false if case.scheme().event_type.is_empty() => TypesFound::Absent,
        false => TypesFound::Unreadable("the header is missing, or is not UTF-8"),
    }
}

/// Checks that a body with a repeated key on a path is refused: two parsers would read two events.
fn a_repeated_key_is_refused(case: &Case, body: &[u8], value: &Value) {
    let Some(brace) = body.iter().position(|b| *b == b'{').filter(|_| value.is_object()) else { return };
    let first = |path: &'static JsonPath| match path.steps().first() {
        Some(Step::Key(key)) => Some(key),
        _ => None,
    };
    let there = strict_paths(case).into_iter().filter_map(first).find(|key| value.get(key).is_some());
    let Some(key) = there else { return };
    let twice = [b"{", format!("\"{key}\":null,").as_bytes(), &body[brace + 1..]].concat();
    // RelayBox cannot even sign such a body.
    let refused = deliver(case, &twice).is_none_or(|outcome| matches!(outcome, Err(VerifyError::AmbiguousJson { .. })));
    assert!(refused, "{}: {key}", case.preset.name);
}

/// The paths whose keys may not occur twice: the id, the time, and the types if a body that is not JSON is refused.
fn strict_paths(case: &Case) -> Vec<&'static JsonPath> {
    let mut paths: Vec<&JsonPath> = Vec::new();
    paths.extend(match &case.scheme().id {
        IdLocation::Json { path, .. } => Some(path),
        _ => None,
    });
    paths.extend(case.time_in_body().map(|(path, _)| path));
    if !case.needs_json() {
        return paths;
    }
    paths.extend(case.scheme().event_type.iter().filter_map(|place| match place {
        TypeLocation::Json(path) => Some(path),
        TypeLocation::UnsignedHeader(_) => None,
    }));
    paths
}
