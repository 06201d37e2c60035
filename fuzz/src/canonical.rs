//! The signed content of RelayBox is the canonical form of the body, checked against another implementation. The canonical
//! form of a canonical body is the body itself. The input is the body.

use super::common::case;
use super::{ID, NOW, SEED};
use hookgate_verify::native::Native;
use serde_json::Value;

pub fn run(body: &[u8]) {
    let case = case("relaybox");
    let sign = |body: &[u8]| case.sign(SEED, ID, NOW, body).ok().and_then(|mut headers| headers.pop());
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        assert_eq!(sign(body), None, "a body that is not JSON was signed");
        return;
    };
    let canonical = serde_json_canonicalizer::to_string(&value).expect("canonical JSON");
    let quoted = serde_json::to_vec(&canonical).expect("one JSON string");
    let right = Some((case.header().to_owned(), case.encode(&case.key(SEED).mac(&[quoted.as_slice()], &Native))));
    assert_eq!(sign(canonical.as_bytes()), right, "{canonical}");

    // A body that two parsers may read differently is refused. An accepted body loses no member.
    if let Some(signature) = sign(body) {
        assert_eq!(Some(signature), right, "{canonical}");
        let again = serde_json::from_str(&canonical).expect("JSON");
        assert!(same(&value, &again), "{canonical}");
        assert_eq!(keys_in(body), keys(&again), "a key was dropped");
    }
}

/// Whether two values are equal. 1 and 1.0 are equal; two different integers are not.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(keys).sum(),
        Value::Object(map) => map.len() + map.values().map(keys).sum::<usize>(),
        _ => 0,
    }
}

/// The number of keys in a JSON text: the number of colons outside its strings.
fn keys_in(json: &[u8]) -> usize {
    let (mut count, mut in_string, mut bytes) = (0, false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => drop(bytes.next()),
            b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}
