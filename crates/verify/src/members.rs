//! The digest of a JSON body without some of its members, such as a counter of attempts.

use super::{JsonPath, JsonScanner, Step, json};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 over `body` without the members at `paths`. `None` if the body is not JSON, or if a key on a path is repeated:
/// then two parsers may leave out different members.
///
/// Values outside the paths count with their bytes as received. The hashed text is unambiguous: each value begins with a
/// letter for its kind, and each text begins with its length. The recursion is as deep as the paths.
pub(super) fn digest_without(body: &[u8], paths: &[JsonPath]) -> Option<[u8; 32]> {
    json::extract(body, &[]).ok()?;
    let paths: Vec<&[Step]> = paths.iter().map(JsonPath::steps).collect();
    let mut hash = MemberHash(Sha256::new());
    write(JsonScanner::new(body).value()?, &paths, &mut hash)?;
    Some(hash.0.finalize().into())
}

/// The hash. `update` is not inlined, because its copies would add several kB to the WASM.
struct MemberHash(Sha256);

impl MemberHash {
    #[inline(never)]
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// Hashes `value`: one JSON value without blanks around it.
fn write(value: &[u8], paths: &[&[Step]], hash: &mut MemberHash) -> Option<()> {
    match value.first() {
        Some(b'{') if !paths.is_empty() => write_object(value, paths, hash),
        Some(b'[') if !paths.is_empty() => write_array(value, paths, hash),
        _ => {
            hash.update(b"v");
            write_text(value, hash);
            Some(())
        }
    }
}

fn write_text(text: &[u8], hash: &mut MemberHash) {
    hash.update(text.len().to_string().as_bytes());
    hash.update(b":");
    hash.update(text);
}

fn write_array(array: &[u8], paths: &[&[Step]], hash: &mut MemberHash) -> Option<()> {
    let rest = through(paths, |step| *step == Step::Each);
    let is_left_out = rest.iter().any(|path| path.is_empty());
    let mut scanner = JsonScanner::new(array);
    scanner.begin(b'[')?;
    hash.update(b"[");
    while !scanner.ends(b']')? {
        let item = scanner.value()?;
        if !is_left_out {
            write(item, &rest, hash)?;
        }
    }
    hash.update(b"]");
    Some(())
}

fn write_object(object: &[u8], paths: &[&[Step]], hash: &mut MemberHash) -> Option<()> {
    let mut seen: Vec<String> = Vec::new();
    let mut scanner = JsonScanner::new(object);
    scanner.begin(b'{')?;
    hash.update(b"{");
    while !scanner.ends(b'}')? {
        let Value::String(key) = serde_json::from_slice(scanner.value()?).ok()? else { return None };
        scanner.begin(b':')?;
        let value = scanner.value()?;
        let rest = through(paths, |step| matches!(step, Step::Key(wanted) if *wanted == key));
        if !rest.is_empty() && seen.contains(&key) {
            return None;
        }
        if !rest.iter().any(|path| path.is_empty()) {
            hash.update(b"k");
            write_text(key.as_bytes(), hash);
            write(value, &rest, hash)?;
        }
        if !rest.is_empty() {
            seen.push(key);
        }
    }
    hash.update(b"}");
    Some(())
}

/// The rest of each of `paths` whose first step `leads`.
fn through<'p>(paths: &[&'p [Step]], leads: impl Fn(&Step) -> bool) -> Vec<&'p [Step]> {
    let split = paths.iter().filter_map(|path| path.split_first());
    split.filter(|(step, _)| leads(step)).map(|(_, rest)| rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(body: &str, paths: &[&str]) -> Option<[u8; 32]> {
        let paths: Vec<JsonPath> = paths.iter().map(|path| JsonPath::parse(path).expect("a path")).collect();
        digest_without(body.as_bytes(), &paths)
    }

    fn same(one: &str, other: &str, paths: &[&str]) -> bool {
        digest(one, paths).expect("JSON") == digest(other, paths).expect("JSON")
    }

    #[test]
    fn members_at_the_paths_do_not_count_and_all_others_count() {
        let attempts = ["[].attemptNumber"];
        assert!(same(r#"[{"id":1,"attemptNumber":0}]"#, r#"[{"id":1,"attemptNumber":12}]"#, &attempts));
        assert!(same(r#"[{"id":1}]"#, r#"[{"id":1,"attemptNumber":12}]"#, &attempts));
        assert!(!same(r#"[{"id":1,"attemptNumber":0}]"#, r#"[{"id":2,"attemptNumber":0}]"#, &attempts));
        assert!(!same(r#"[{"id":1,"x":{"attemptNumber":0}}]"#, r#"[{"id":1,"x":{"attemptNumber":1}}]"#, &attempts));
        let deep = ["events[].deliveryContext.isRedelivery", "sent_at"];
        let line = |redelivery, sent| {
            format!(r#"{{"events":[{{"id":"a","deliveryContext":{{"isRedelivery":{redelivery}}}}}],"sent_at":{sent}}}"#)
        };
        assert!(same(&line("true", "1"), &line("false", "[2]"), &deep));
        assert!(!same(&line("true", "1"), &line("true", "1").replace("\"a\"", "\"b\""), &deep));
    }

    #[test]
    fn different_bodies_have_different_digests() {
        let paths = ["x", "a.x", "[].x"];
        let bodies = [
            "{}", "[]", "[[]]", "[{}]", "[{},{}]", r#"{"a":{}}"#, r#"{"a":[]}"#, r#"{"a":1}"#, r#"{"a":"1"}"#,
            r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"a":{"b":2}}"#, r#"{"a":"\"b\":2"}"#, "[1,2]", "[12]", "12",
            "\"12\"", "1.0", "1", "100000000000000000001", "100000000000000000002",
        ];
        for (place, one) in bodies.iter().enumerate() {
            for other in bodies.iter().skip(place + 1) {
                assert!(!same(one, other, &paths), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_body_that_is_ambiguous_or_not_json_has_no_digest() {
        for body in ["", "{", "x=1", "\u{feff}{}", "{} {}", r#"{"x":1,"x":2}"#, r#"{"x":1,"\u0078":2}"#] {
            assert_eq!(digest(body, &["x"]), None, "{body}");
        }
        assert!(digest(r#"{"y":1,"y":2}"#, &["x"]).is_some(), "outside the paths, a key may be repeated");
        let deep = format!(r#"{{"deep":{}1{},"x":1}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(digest(&deep, &["x"]).is_some(), "nesting uses no stack");
    }
}
