#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::canonical_json_string;
use proptest::prelude::*;

fn canonical(body: &str) -> String {
    let quoted = canonical_json_string(body.as_bytes()).expect("canonical");
    serde_json::from_slice(&quoted).expect("one JSON string")
}

fn refusal(body: &str) -> String {
    canonical_json_string(body.as_bytes()).expect_err(body).to_string()
}

#[test]
fn the_canonical_text_is_quoted_again() {
    let body = r#"{"id":"123","event":"room:publish","data":{"b":1,"a":"x"},"timestamp":"2024-10-22T13:15:08.913Z"}"#;
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
    for number in ["9007199254740993", "12345678901234567890", "1e400", "-1e400", "0.10000000000000000001", "1e-400"] {
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

#[test]
fn the_order_of_keys_is_found_whatever_stands_in_them() {
    for keys in [
        [r#""""#, r#""a""#], // the empty key comes first
        [r#""a""#, r#""a\u0000""#],
        [r#""\n""#, r#""\"""#],
        [r#""\\""#, r#""\u005d""#],
        [r#""a\u001f""#, r#""a ""#],
        [r#""\ud83d\ude00""#, r#""\ue000""#],
        [r#""\ud7ff""#, r#""\ud83d\ude00""#],
    ] {
        let object = |one, other| format!("{{{one}:[1,{{\"x\":\",\"}}],{other}:2}}");
        let ascending = canonical(&object(keys[0], keys[1]));
        assert_eq!(ascending, oracle::canonical(&object(keys[0], keys[1])).unwrap(), "{keys:?}");
        let descending = format!("{{{}:2,{}:[1,{{\"x\":\",\"}}]}}", keys[1], keys[0]);
        assert_eq!(canonical(&descending), ascending, "{keys:?}");
    }
}

#[test]
fn what_no_honest_body_needs_is_refused_before_it_costs_anything() {
    let grows = format!("[{}1]", "1e20,".repeat(63));
    assert!(refusal(&grows).contains("longer than the body"), "{}", refusal(&grows));
    let costly = format!("[{}1]", "1E5,".repeat(10_000));
    assert!(refusal(&costly).contains("too many numbers"), "{}", refusal(&costly));
    let shuffled = format!("{}\"{}\"{}", r#"{"b":"#.repeat(100), "x".repeat(100_000), r#","a":1}"#.repeat(100));
    assert!(refusal(&shuffled).contains("out of order"), "{}", refusal(&shuffled));
    // And what honest senders do is not: doubles of full precision, and a few levels of objects in any order.
    let doubles = format!("[{}1]", "0.1234567890123456,".repeat(10_000));
    assert_eq!(canonical(&doubles), doubles);
    let levels = format!("{}\"{}\"{}", r#"{"b":"#.repeat(8), "x".repeat(100_000), r#","a":1}"#.repeat(8));
    assert!(canonical(&levels).starts_with(r#"{"a":1,"b":{"a":1,"b""#));
}

#[test]
fn nesting_has_the_same_bound_as_before() {
    for depth in [126, 127, 128, 129] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical_json_string(arrays.as_bytes()).ok(), oracle::quoted(arrays.as_bytes()).ok(), "{depth}");
    }
}

/// A JSON text as no sender would write it: blanks, escapes, numbers and keys of every kind, in any order.
fn texts() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        "-?[0-9]{0,2}\\.0{0,8}[0-9]{1,12}",
    ];
    let character = prop_oneof![
        8 => "[a-c0-2]",
        1 => "\\PC",
        1 => Just("\\n".to_owned()),
        1 => Just("\\\\".to_owned()),
        1 => Just("\\\"".to_owned()),
        1 => Just("\\/".to_owned()),
        1 => "\\\\u[0-9a-fA-F]{4}",
        1 => "\\\\ud83[d-f]\\\\udc[0-9]{2}",
    ];
    let string = proptest::collection::vec(character, 0..4).prop_map(|text| format!("\"{}\"", text.concat()));
    let blank = "[ \n\t\r]{0,1}";
    let scalar = prop_oneof![
        number,
        string.clone(),
        prop_oneof![Just("true"), Just("false"), Just("null"), Just("tru"), Just("NaN")].prop_map(str::to_owned),
    ];
    scalar.prop_recursive(4, 40, 6, move |inner| {
        let item = (blank, inner.clone(), blank).prop_map(|(one, value, other)| format!("{one}{value}{other}"));
        let member =
            (blank, string.clone(), blank, inner).prop_map(|(one, key, two, value)| format!("{one}{key}{two}:{value}"));
        prop_oneof![
            proptest::collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Equal to another implementation, wherever that gives anything; and refused where it refuses.
    #[test]
    fn it_is_the_form_of_another_implementation(text in texts()) {
        let (ours, theirs) = (canonical_json_string(text.as_bytes()), oracle::quoted(text.as_bytes()));
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{}: {:?} and {:?}", text, ours, theirs),
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_as_another_implementation_reads_them(
        mut text in texts(), place in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = std::mem::take(&mut text).into_bytes();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert_eq!(canonical_json_string(&bytes).ok(), oracle::quoted(&bytes).ok(), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

/// The same with a tree of values, a decimal number for each literal, and the crate `serde_json_canonicalizer`.
mod oracle {
    use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
    use serde_json::{Map, Number, Value};
    use std::fmt;

    pub fn quoted(body: &[u8]) -> Result<Vec<u8>, String> {
        let Unambiguous(value) = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if let Some(number) = first_number_not_held_by_a_double(body) {
            return Err(format!("the number {number}"));
        }
        let canonical = serde_json_canonicalizer::to_string(&value).map_err(|error| error.to_string())?;
        serde_json::to_vec(&canonical).map_err(|error| error.to_string())
    }

    pub fn canonical(body: &str) -> Result<String, String> {
        quoted(body.as_bytes()).map(|quoted| serde_json::from_slice(&quoted).unwrap())
    }

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
}
