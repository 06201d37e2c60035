#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../tests/common/canonical.rs"]
mod oracle;

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
fn an_error_shows_only_the_beginning_of_the_refused_text() {
    let number = "1".repeat(50);
    assert!(refusal(&number).contains(&format!("changes the number {}", "1".repeat(40))), "{}", refusal(&number));
    let key = "k".repeat(50);
    let twice = refusal(&format!(r#"{{"{key}":1,"{key}":2}}"#));
    assert!(twice.contains(&format!("the key \"{}\" occurs twice", "k".repeat(40))), "{twice}");
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
fn a_body_that_two_parsers_may_read_differently_is_refused() {
    assert!(refusal(r#"{"id":"a","id":"a"}"#).contains("twice"));
    assert!(refusal(r#"{"x":[{"a":1,"\u0061":1}]}"#).contains("twice"));
    refusal(r#"{"lone surrogate":"\ud800"}"#);
    assert!(refusal(&"[".repeat(100_000)).contains("recursion"));
    refusal("");
    refusal("{} {}");
}

#[test]
fn keys_with_any_letters_are_sorted() {
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
        assert_eq!(ascending, oracle::canonical(object(keys[0], keys[1]).as_bytes()).unwrap(), "{keys:?}");
        let descending = format!("{{{}:2,{}:[1,{{\"x\":\",\"}}]}}", keys[1], keys[0]);
        assert_eq!(canonical(&descending), ascending, "{keys:?}");
    }
}

#[test]
fn an_expensive_body_is_refused() {
    let grows = format!("[{}1]", "1e20,".repeat(63));
    assert!(refusal(&grows).contains("longer than the body"), "{}", refusal(&grows));
    let costly = format!("[{}1]", "1E5,".repeat(10_000));
    assert!(refusal(&costly).contains("too many numbers"), "{}", refusal(&costly));
    let shuffled = format!("{}\"{}\"{}", r#"{"b":"#.repeat(100), "x".repeat(100_000), r#","a":1}"#.repeat(100));
    assert!(refusal(&shuffled).contains("out of order"), "{}", refusal(&shuffled));
    // Honest senders send doubles of full precision, and a few levels of objects with keys in any order.
    let doubles = format!("[{}1]", "0.1234567890123456,".repeat(10_000));
    assert_eq!(canonical(&doubles), doubles);
    let levels = format!("{}\"{}\"{}", r#"{"b":"#.repeat(8), "x".repeat(100_000), r#","a":1}"#.repeat(8));
    assert!(canonical(&levels).starts_with(r#"{"a":1,"b":{"a":1,"b""#));
}

#[test]
fn nesting_has_the_bound_of_serde_json() {
    for depth in [126, 127, 128, 129] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(canonical_json_string(arrays.as_bytes()).ok(), oracle::quoted(arrays.as_bytes()), "{depth}");
    }
}

/// JSON texts with blanks, escapes, numbers and keys of every kind, in any order.
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

    #[test]
    fn the_canonical_text_equals_the_text_of_another_implementation(text in texts()) {
        prop_assert_eq!(canonical_json_string(text.as_bytes()).ok(), oracle::quoted(text.as_bytes()), "{}", text);
    }

    #[test]
    fn a_body_with_one_changed_byte_equals_the_text_of_another_implementation(
        text in texts(), place in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        prop_assert_eq!(canonical_json_string(&bytes).ok(), oracle::quoted(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }
}
