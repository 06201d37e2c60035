//! The text RelayBox signs: the body's RFC 8785 canonical form, quoted once more as a JSON string.
//!
//! That signature is over the *parsed* value, so a body that two parsers may read differently proves nothing. Refused
//! are therefore: repeated keys, numbers that a double cannot hold as written, lone surrogates, and nesting beyond
//! 128 levels.

use super::VerifyError;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// `JSON.stringify(canonicalize(JSON.parse(body)))`.
///
/// # Errors
/// [`VerifyError::NotCanonical`] where the body is not JSON, or is ambiguous as said above.
pub(super) fn canonical_json_string(body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let refused = |problem: String| VerifyError::NotCanonical { problem };
    let Unambiguous(value) = serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
    if let Some(number) = first_number_not_held_by_a_double(body) {
        return Err(refused(format!("the number {} does not survive a double", beginning(number))));
    }
    let canonical = serde_json_canonicalizer::to_string(&value).map_err(|error| refused(error.to_string()))?;
    serde_json::to_vec(&canonical).map_err(|error| refused(error.to_string()))
}

/// As much of a text as an error shows: what is not proven must not fill the log.
fn beginning(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The first number literal that changes its value on the way through a double. `json` is known to be valid JSON.
fn first_number_not_held_by_a_double(json: &[u8]) -> Option<&str> {
    let mut rest = json;
    let mut in_string = false;
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            b'-' | b'0'..=b'9' if !in_string => {
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = rest.iter().take_while(|b| is_part(b)).count();
                let (literal, tail) = rest.split_at_checked(length)?;
                let literal = str::from_utf8(literal).ok()?;
                if !survives_a_double(literal) {
                    return Some(literal);
                }
                rest = tail;
                continue;
            }
            _ => {}
        }
        rest = tail;
    }
    None
}

/// Whether ECMAScript would print the number that `literal` denotes with the same value.
fn survives_a_double(literal: &str) -> bool {
    let number = serde_json::from_slice::<Value>(literal.as_bytes()).unwrap_or_default();
    let Some(double) = number.as_f64() else { return false };
    Decimal::parse(literal)
        .is_some_and(|value| Decimal::parse(ryu_js::Buffer::new().format_finite(double)) == Some(value))
}

/// A decimal number with one form per value: `0.{digits} × 10^exponent`, no zero at either end of `digits`.
/// The sign is left out: both sides of a comparison have the same one.
#[derive(PartialEq, Eq)]
struct Decimal {
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading_zeros = i64::try_from(all.len().checked_sub(significant.len())?).ok()?;
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { digits, exponent: 0 });
        }
        let whole = i64::try_from(whole.len()).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(whole)?.checked_sub(leading_zeros)?;
        Some(Self { digits, exponent })
    }
}

/// A JSON value without repeated keys; `serde_json` alone would keep the last one silently.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Tree).map(Self)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Unambiguous(value))) = entries.next_entry::<String, _>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key \"{}\" stands twice", beginning(&key))));
            }
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(body: &str) -> String {
        let quoted = canonical_json_string(body.as_bytes()).expect("canonical");
        serde_json::from_slice(&quoted).expect("one JSON string")
    }

    fn refusal(body: &str) -> String {
        canonical_json_string(body.as_bytes()).expect_err(body).to_string()
    }

    #[test]
    fn the_canonical_text_is_quoted_again() {
        let body =
            r#"{"id":"123","event":"room:publish","data":{"b":1,"a":"x"},"timestamp":"2024-10-22T13:15:08.913Z"}"#;
        let expected = concat!(
            r#""{\"data\":{\"a\":\"x\",\"b\":1},\"event\":\"room:publish\",\"id\":\"123\","#,
            r#"\"timestamp\":\"2024-10-22T13:15:08.913Z\"}""#
        );
        assert_eq!(canonical_json_string(body.as_bytes()), Ok(expected.as_bytes().to_vec()));
    }

    #[test]
    fn keys_sort_by_utf16_code_units() {
        // RFC 8785, 3.2.3: U+1F600 is D83D DE00 in UTF-16, so it sorts before U+FB33, which is larger than D83D.
        let body = r#"{"€":5,"\r":1,"\ufb33":7,"1":2,"😀":6,"\u0080":3,"ö":4}"#;
        assert_eq!(canonical(body), "{\"\\r\":1,\"1\":2,\"\u{80}\":3,\"ö\":4,\"€\":5,\"😀\":6,\"\u{fb33}\":7}");
    }

    #[test]
    fn numbers_are_printed_as_ecmascript_prints_them() {
        let body = "[1.0,-0,1e21,1E-7,0.000001,1e2,333333333.3333333,4.50,9007199254740992,5e-324]";
        let expected = "[1,0,1e+21,1e-7,0.000001,100,333333333.3333333,4.5,9007199254740992,5e-324]";
        assert_eq!(canonical(body), expected);
    }

    #[test]
    fn an_error_shows_the_beginning_of_what_is_refused() {
        let number = "1".repeat(50);
        assert!(refusal(&number).contains(&format!("the number {} does not", "1".repeat(40))), "{}", refusal(&number));
        let key = "k".repeat(50);
        let twice = refusal(&format!(r#"{{"{key}":1,"{key}":2}}"#));
        assert!(twice.contains(&format!("the key \"{}\" stands twice", "k".repeat(40))), "{twice}");
    }

    #[test]
    fn numbers_a_double_cannot_hold_are_refused() {
        for number in
            ["9007199254740993", "12345678901234567890", "1e400", "-1e400", "0.10000000000000000001", "1e-400"]
        {
            assert!(refusal(&format!(r#"{{"n":{number}}}"#)).contains("number"), "{number}");
        }
        let in_a_string = r#"{"text":"9007199254740993 \" 9007199254740993"}"#;
        assert_eq!(canonical(in_a_string), in_a_string);
    }

    #[test]
    fn what_two_parsers_may_read_differently_is_refused() {
        assert!(refusal(r#"{"id":"a","id":"a"}"#).contains("twice"));
        assert!(refusal(r#"{"x":[{"a":1,"\u0061":1}]}"#).contains("twice"));
        refusal(r#"{"lone surrogate":"\ud800"}"#);
        assert!(refusal(&"[".repeat(100_000)).contains("recursion"));
        refusal("");
        refusal("{} {}");
    }
}
