//! Each rule, and each body that cannot be redacted.

use super::*;

fn rules(rules: &[&str]) -> Redactions {
    Redactions::parse(rules).unwrap_or_else(|problem| panic!("{problem}"))
}

fn whole<'b>(list: &[&str], body: &'b (impl AsRef<[u8]> + ?Sized)) -> RedactedBody<'b> {
    rules(list).body(BodyPart::Whole(body.as_ref()))
}

/// The redacted body, and the number of redacted values.
fn redacted(list: &[&str], body: &str) -> (String, usize) {
    match whole(list, body) {
        RedactedBody::Redacted { bytes, values } => (String::from_utf8(bytes).expect("UTF-8"), values),
        other => panic!("{body}: {other:?}"),
    }
}

fn text(list: &[&str], body: &str) -> String {
    redacted(list, body).0
}

fn withheld(list: &[&str], body: impl AsRef<[u8]>) -> Withheld {
    match whole(list, &body) {
        RedactedBody::Withheld(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_value_that_a_rule_names_is_replaced_and_every_other_byte_is_kept() {
    let body = "\r\n{ \"card\" :\t{\"number\" : \"4111\" , \"exp\":1.50e+1},\"é\":\"\\u00e9\\/\" }\n";
    assert_eq!(redacted(&["$.card.number"], body), (body.replace("\"4111\"", "\"[redacted]\""), 1));
    assert_eq!(text(&["$.card"], r#"{"card":{"number":[{"x":"]}"}]},"b":1}"#), r#"{"card":"[redacted]","b":1}"#);
    for value in ["null", "true", "-0.0", "1E400", "\"\"", r#""\"}\\""#, "[]", "{ }", "[[1],{\"a\":2}]"] {
        assert_eq!(text(&["$.a"], &format!("{{\"a\":{value}}}")), r#"{"a":"[redacted]"}"#);
        assert_eq!(text(&["$[1]"], &format!("[0, {value} ,2]")), r#"[0, "[redacted]" ,2]"#);
    }
}

#[test]
fn elements_and_members_are_named_one_by_one_or_all_together() {
    let items = r#"{"items":[{"card":1},{"card":[2]},{"x":{"card":3}},4]}"#;
    let all = r#"{"items":[{"card":"[redacted]"},{"card":"[redacted]"},{"x":{"card":3}},4]}"#;
    assert_eq!(redacted(&["$.items[*].card"], items), (all.to_owned(), 2));
    assert_eq!(text(&["$.items[1].card"], items), items.replace("[2]", "\"[redacted]\""));
    assert_eq!(redacted(&["$[1]", "$[*].a"], r#"[{"a":1},2,{"a":3}]"#).1, 3);
    assert_eq!(text(&["$.*"], r#"{"a":1,"b":{"c":2}}"#), r#"{"a":"[redacted]","b":"[redacted]"}"#);
    assert_eq!(text(&["$[*][*]"], "[[[1],[]],7]"), r#"[["[redacted]","[redacted]"],7]"#);
    assert_eq!(text(&["$['a b']['']"], r#"{"a b":{"":1}}"#), r#"{"a b":{"":"[redacted]"}}"#);
}

#[test]
fn a_member_is_found_by_the_meaning_of_its_name() {
    for name in [r"\u0063ard", r"\u0063\u0061\u0072\u0064", "card"] {
        let body = format!("{{\"{name}\":\"4111\"}}");
        assert_eq!(text(&["$.card"], &body), format!("{{\"{name}\":\"[redacted]\"}}"));
    }
    let crab = r#"{"\ud83e\udd80":1,"\"":2}"#;
    assert_eq!(text(&["$['\u{1f980}']", "$['\"']"], crab), r#"{"\ud83e\udd80":"[redacted]","\"":"[redacted]"}"#);
}

#[test]
fn every_member_of_a_repeated_name_is_redacted() {
    let body = r#"{"card":1,"\u0063ard":2,"card":{"card":3}}"#;
    let all = r#"{"card":"[redacted]","\u0063ard":"[redacted]","card":"[redacted]"}"#;
    assert_eq!(redacted(&["$.card"], body), (all.to_owned(), 3));
    let deep = r#"{"a":{"b":1},"a":{"b":2,"b":3},"a":4}"#;
    let all = r#"{"a":{"b":"[redacted]"},"a":{"b":"[redacted]","b":"[redacted]"},"a":4}"#;
    assert_eq!(redacted(&["$.a.b"], deep), (all.to_owned(), 3));
}

#[test]
fn of_overlapping_rules_the_outer_value_is_replaced() {
    let body = r#"{"a":{"b":{"c":1}},"d":2}"#;
    for list in [["$.a", "$.a.b.c"], ["$.a.b.c", "$.a"], ["$.*", "$.a.b"], ["$.a", "$.a"]] {
        let (text, _) = redacted(&list, body);
        assert!(text.starts_with(r#"{"a":"[redacted]","d":"#), "{list:?} {text}");
    }
    assert_eq!(text(&["$.a.b.c", "$.a.x"], body), body.replace('1', "\"[redacted]\""));
}

#[test]
fn a_body_without_a_named_value_is_kept_as_received() {
    let bodies: &[&str] = &["{}", "[]", " [ ] ", r#"{"Card":1,"card ":2}"#, r#"{"x":{"card":1}}"#, r#"["card"]"#, ""];
    for body in bodies {
        assert_eq!(whole(&["$.card", "$[1]", "$.card.x[*]"], body), RedactedBody::Exact(body.as_bytes()), "{body}");
    }
    for body in [&b"\xff"[..], b"a=b", b"{"] {
        for part in [BodyPart::Whole(body), BodyPart::Beginning(body)] {
            assert_eq!(rules(&["header:x-card"]).body(part), RedactedBody::Exact(body), "no rule is for bodies");
        }
    }
}

#[test]
fn a_body_that_cannot_be_read_with_certainty_is_withheld() {
    let card = ["$.card"];
    for body in [
        "\u{feff}{\"card\":1}", "{\"card\":1} x", "{\"card\":1}{}", "{\"card\":1", "{\"card\":1,}", "{'card':1}",
        "{card:1}", "card=4111&x=1", "<card>1</card>", " ", "{\"card\":01}", "{\"card\":NaN}", "{\"card\":\"\n\"}",
        "{\"a\":1,/**/\"card\":2}", "{\"\\ud83e\":1,\"card\":2}", "{\"\\x63ard\":1}", "[}", "{\"card\":1]", "\u{0}",
    ] {
        assert_eq!(withheld(&card, body), Withheld::NotJson, "{body}");
    }
    for body in [&b"\x1f\x8b\x08\x00"[..], b"{\"card\":\"\xff\"}", b"{\"x\":\"\xed\xa0\x80\"}", b"\xff\xfe{\0}\0"] {
        assert_eq!(withheld(&card, body), Withheld::NotUtf8);
    }
    for body in ["1", " \"card\" ", r#""{\"card\":4111}""#, "null"] {
        assert_eq!(withheld(&card, body), Withheld::SingleValue, "{body}");
    }
}

#[test]
fn a_beginning_is_withheld_even_if_it_is_json() {
    for body in ["{\"card\":41", "{}", "[1]", ""] {
        let kept = rules(&["$.card"]).body(BodyPart::Beginning(body.as_bytes()));
        assert_eq!(kept, RedactedBody::Withheld(Withheld::Cut), "{body}");
        assert_eq!((kept.bytes(), kept.beginning(9), kept.is_exact()), (None, None, false));
    }
}

#[test]
fn without_the_rules_of_its_source_nothing_is_kept() {
    let unknown = Redactions::UNKNOWN;
    for part in [BodyPart::Whole(b"{}"), BodyPart::Whole(b""), BodyPart::Beginning(b"x")] {
        assert_eq!(unknown.body(part), RedactedBody::Withheld(Withheld::UnknownRules));
    }
    assert_eq!((unknown.header("x-a", "s"), unknown.has_body_rules()), (REDACTED, true));
}

#[test]
fn a_cut_after_the_redaction_splits_no_character() {
    let kept = whole(&["$.a"], r#"{"a":1,"b":"é€🦀"}"#);
    let (bytes, text) = (kept.bytes().expect("kept"), r#"{"a":"[redacted]","b":"é€🦀"}"#);
    assert_eq!(bytes, text.as_bytes());
    for most in 0..=bytes.len() + 5 {
        let cut = std::str::from_utf8(kept.beginning(most).expect("kept")).expect("whole characters");
        assert!(text.starts_with(cut) && cut.len() <= most && cut.len() + 4 > most.min(text.len()), "{most} {cut}");
    }
    let binary = [0x80_u8; 20];
    assert_eq!(RedactedBody::Exact(&binary).beginning(10), Some(&binary[..10]));
}

#[test]
fn nesting_uses_no_stack() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
    let (lists, objects) = (deep("[", "]"), deep("{\"a\":", "}"));
    assert_eq!(text(&["$.x"], &format!("{{\"d\":{lists},\"x\":{objects}}}")).len(), lists.len() + 23);
    let sixteen = format!("${}", ".a".repeat(16));
    assert!(text(&[&sixteen], &objects).len() < 200);
    assert_eq!(redacted(&[&format!("${}", "[*]".repeat(16))], &lists).1, 1);
    assert_eq!(withheld(&["$.a"], "[".repeat(200_000)), Withheld::NotJson);
}

#[test]
fn the_number_of_replaced_values_is_bounded() {
    let list = |length: usize| format!("[{}]", vec!["1"; length].join(","));
    let (text, values) = redacted(&["$[*]"], &list(MOST_VALUES));
    assert_eq!((values, text.len()), (MOST_VALUES, list(MOST_VALUES).len() + 11 * MOST_VALUES));
    assert_eq!(withheld(&["$[*]"], list(MOST_VALUES + 1)), Withheld::TooMany);
    assert_eq!(withheld(&["$[*]"], list(1_000_000)), Withheld::TooMany);
    assert_eq!(redacted(&["$[999999]"], &list(1_000_000)).1, 1);
}

#[test]
fn a_header_is_redacted_whatever_the_case_of_its_name() {
    let kept = rules(&["header:Authorization", "header:x-acme-*", "$.a"]);
    assert_eq!((kept.header("AUTHORIZATION", "s"), kept.header("authorization", "")), (REDACTED, REDACTED));
    assert_eq!((kept.header("X-Acme-Card", "s"), kept.header("x-acme-", "s")), (REDACTED, REDACTED));
    assert_eq!((kept.header("x-authorization", "s"), kept.header("x-acm", "s")), ("s", "s"));
    assert_eq!((kept.count(), kept.has_body_rules(), rules(&["header:a"]).has_body_rules()), (3, true, false));
}

#[test]
fn the_error_of_a_rule_names_the_rule_but_no_value() {
    let refused = |list: &[&str]| Redactions::parse(list).expect_err("a mistake");
    assert_eq!(refused(&["$.a"; 33]), "lists 33 rules, of 32 at most");
    assert_eq!(refused(&["$.a", &format!("$.{}", "x".repeat(255))]), "rule 2 has 257 bytes, of 256 at most");
    assert!(refused(&["$..a"]).starts_with("\"$..a\" has `..`"));
    for header in ["header:", "header:*", "header: a", "header:a b", "header:é"] {
        assert!(refused(&[header]).starts_with(&format!("\"{header}\" names no header; write ")));
    }
    for value in ["4111111111111111", "card.number", "", " $.a", "Header:a", "authorization"] {
        let told = refused(&["$.a", value]);
        assert!(told.starts_with("rule 2 is neither a path into the body, such as \"$.card.number\""), "{told}");
        assert!(value.is_empty() || value == "card.number" || !told.contains(value), "{told}");
    }
    assert_eq!(rules(&["$.a"; 32]).count(), 32);
    assert_eq!(rules(&[]), Redactions::default());
}

#[test]
fn the_reason_codes_are_pinned() {
    use Withheld::{Cut, NotJson, NotUtf8, SingleValue, TooMany, UnknownRules};
    let codes = [Cut, NotUtf8, NotJson, SingleValue, TooMany, UnknownRules].map(Withheld::code);
    assert_eq!(codes, ["cut", "not_utf8", "not_json", "single_value", "too_many_values", "unknown_rules"]);
    assert_eq!(TooMany.to_string(), format!("the rules name more than {MOST_VALUES} values of the body"));
    assert_eq!(REDACTED, "[redacted]");
}
