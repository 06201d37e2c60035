//! Reads a few scalars out of a JSON body without building a tree, and refuses ambiguity at the keys it reads.

use super::{JsonPath, Step};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(String),
    Integer(String),
    /// Anything that names no event: what it is instead.
    Other(&'static str),
}

/// Why nothing was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExtractError {
    NotJson(String),
    Ambiguous(String),
}

/// The scalars at `paths`, `None` where a path leads nowhere. Where a path goes through every element of an array, it is
/// what all of them have there.
///
/// The whole of `body` must be one JSON value. Values off the paths are skipped, not built, and skipping does not
/// recurse, so that nesting costs no stack.
pub(super) fn extract(body: &[u8], paths: &[&JsonPath]) -> Result<Vec<Option<Scalar>>, ExtractError> {
    let found = RefCell::new(vec![None; paths.len()]);
    let reading = Reading { paths, found: &found, ambiguous: &RefCell::new(None) };
    let all: Vec<usize> = (0..paths.len()).collect();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = At { reading, depth: 0, candidates: &all }.deserialize(&mut json).and_then(|()| json.end());
    if let Some(key) = reading.ambiguous.take() {
        return Err(ExtractError::Ambiguous(key));
    }
    read.map_err(|error| ExtractError::NotJson(error.to_string()))?;
    Ok(found.take())
}

#[derive(Clone, Copy)]
struct Reading<'r> {
    paths: &'r [&'r JsonPath],
    found: &'r RefCell<Vec<Option<Scalar>>>,
    ambiguous: &'r RefCell<Option<String>>,
}

/// A value `depth` steps below the root, which the paths `candidates` (indices) lead to or through.
#[derive(Clone, Copy)]
struct At<'r> {
    reading: Reading<'r>,
    depth: usize,
    candidates: &'r [usize],
}

impl At<'_> {
    fn record(&self, scalar: &Scalar) {
        let mut found = self.reading.found.borrow_mut();
        for &index in self.candidates {
            let ends_here = self.reading.paths.get(index).is_some_and(|path| path.steps().len() == self.depth);
            if let (true, Some(slot)) = (ends_here, found.get_mut(index)) {
                *slot = Some(scalar.clone());
            }
        }
    }

    fn through(&self, leads: impl Fn(&Step) -> bool) -> Vec<usize> {
        let step = |index: usize| self.reading.paths.get(index).and_then(|path| path.steps().get(self.depth));
        self.candidates.iter().copied().filter(|&index| step(index).is_some_and(&leads)).collect()
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.record(&Scalar::Text(text.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.record(&Scalar::Integer(number.to_string()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.record(&Scalar::Integer(number.to_string()));
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.record(&Scalar::Other("a number, but no integer"));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.record(&Scalar::Other("a boolean"));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.record(&Scalar::Other("null"));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.record(&Scalar::Other("an array"));
        let candidates = self.through(|step| *step == Step::Each);
        let depth = self.depth.saturating_add(1);
        let mut first = true;
        while !candidates.is_empty() {
            let found = RefCell::new(vec![None; self.reading.paths.len()]);
            let reading = Reading { found: &found, ..self.reading };
            if items.next_element_seed(At { reading, depth, candidates: &candidates })?.is_none() {
                return Ok(());
            }
            let (element, mut agreed) = (found.take(), self.reading.found.borrow_mut());
            for &index in &candidates {
                let (Some(slot), Some(scalar)) = (agreed.get_mut(index), element.get(index)) else { continue };
                if first {
                    slot.clone_from(scalar);
                } else if slot != scalar {
                    *slot = Some(Scalar::Other("not the same in every element"));
                }
            }
            first = false;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.record(&Scalar::Other("an object"));
        let mut read: Vec<String> = Vec::new();
        while let Some(key) = entries.next_key_seed(Key(&self))? {
            let Some((key, candidates)) = key else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            if read.contains(&key) {
                *self.reading.ambiguous.borrow_mut() = Some(key);
                return Err(A::Error::custom("ambiguous"));
            }
            read.push(key);
            let depth = self.depth.saturating_add(1);
            entries.next_value_seed(At { reading: self.reading, depth, candidates: &candidates })?;
        }
        Ok(())
    }
}

/// An object's key: with the paths that go through it, or `None` where none does.
struct Key<'a, 'r>(&'a At<'r>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<(String, Vec<usize>)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<(String, Vec<usize>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let candidates = self.0.through(|step| matches!(step, Step::Key(wanted) if wanted == key));
        Ok((!candidates.is_empty()).then(|| (key.to_owned(), candidates)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(body: &str, path: &str) -> Result<Option<Scalar>, ExtractError> {
        let path = JsonPath::parse(path).expect("a path");
        extract(body.as_bytes(), &[&path]).map(|mut found| found.remove(0))
    }

    fn text(value: &str) -> Option<Scalar> {
        Some(Scalar::Text(value.to_owned()))
    }

    #[test]
    fn several_paths_are_read_in_one_pass() {
        let body = br#"{"x":[{"id":"no"}],"data":{"id":"inner","timestamp":"t"},"event":{"type":"e"},"id":7}"#;
        let paths = ["id", "data.timestamp", "event", "event.type", "gone"].map(|path| JsonPath::parse(path).unwrap());
        let found = extract(body, &paths.each_ref()).expect("JSON");
        let integer = Some(Scalar::Integer("7".to_owned()));
        assert_eq!(found, [integer, text("t"), Some(Scalar::Other("an object")), text("e"), None]);
    }

    #[test]
    fn a_repeated_key_on_a_path_is_ambiguous_even_when_escaped() {
        let ambiguous = |body, path| assert!(matches!(one(body, path), Err(ExtractError::Ambiguous(_))), "{body}");
        ambiguous(r#"{"id":"a","id":"b"}"#, "id");
        ambiguous(r#"{"id":"a","\u0069d":"b"}"#, "id");
        ambiguous(r#"{"data":{"id":"a"},"data":{}}"#, "data.id");
        ambiguous(r#"{"data":{"id":"a","id":"a"}}"#, "data.id");
        assert_eq!(one(r#"{"id":"a","other":1,"other":2}"#, "id"), Ok(text("a")));
    }

    #[test]
    fn every_element_of_an_array_must_agree() {
        let disagree = Ok(Some(Scalar::Other("not the same in every element")));
        assert_eq!(one(r#"{"value":[{"id":"a"}]}"#, "value[].id"), Ok(text("a")));
        assert_eq!(one(r#"[{"id":"a","x":1},{"id":"a"}]"#, "[].id"), Ok(text("a")));
        assert_eq!(one(r#"{"value":[{"id":"a"},{"id":"b"}]}"#, "value[].id"), disagree);
        assert_eq!(one(r#"{"value":[{"id":"a"},{}]}"#, "value[].id"), disagree);
        assert_eq!(one(r#"{"value":[{},{"id":"a"}]}"#, "value[].id"), disagree);
        assert_eq!(one(r#"{"value":[{"id":"a"},"a"]}"#, "value[].id"), disagree);
        assert_eq!(one(r#"{"value":[]}"#, "value[].id"), Ok(None));
        assert_eq!(one(r#"{"value":{"id":"a"}}"#, "value[].id"), Ok(None));
    }

    #[test]
    fn hostile_shapes_cost_no_stack() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(one(&format!(r#"{{"deep":{deep},"id":"a"}}"#), "id"), Ok(text("a")));
        assert_eq!(one(&format!(r#"{{"id":{deep}}}"#), "id"), Ok(Some(Scalar::Other("an array"))));
        let digits = "9".repeat(10_000);
        assert_eq!(one(&format!(r#"{{"n":{digits},"id":"a"}}"#), "id"), Ok(text("a")));
        assert!(matches!(one(&digits, "id"), Ok(None) | Err(ExtractError::NotJson(_))));
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for body in ["", "{", r#"{"id":"a"} x"#, r#"{"id":"a"}{"id":"b"}"#, "\u{feff}{}", "id=a"] {
            assert!(matches!(one(body, "id"), Err(ExtractError::NotJson(_))), "{body:?}");
        }
        assert!(matches!(
            extract(b"{\"id\":\"\xff\"}", &[&JsonPath::parse("id").unwrap()]),
            Err(ExtractError::NotJson(_))
        ));
    }
}
