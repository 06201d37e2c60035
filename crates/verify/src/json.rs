//! Reads some scalars from a JSON body without building a tree, and refuses repeated keys on the paths.

use super::identity::{MOST_TYPES, SHOWN};
use super::{JsonPath, Step};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

/// The value at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(String),
    Integer(String),
    /// A value that cannot be an id or a type: its kind, for an error text.
    Other(&'static str),
}

/// The reason why a body cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExtractError {
    NotJson(String),
    Ambiguous(String),
}

/// The scalar at each of `paths`; `None` if a path has no value. If a path goes through the elements of an array, all
/// elements must have the same scalar.
///
/// `body` must be one JSON value. Values outside the paths are skipped. Skipping does not recurse, so nesting uses no stack.
pub(super) fn extract(body: &[u8], paths: &[&JsonPath]) -> Result<Vec<Option<Scalar>>, ExtractError> {
    read(body, paths, &[], false).map(|(found, _)| found)
}

/// The scalars at `ones`, as [`extract`] reads them, and all names at each of `alls`, in one pass.
///
/// A repeated key on a path is refused. If `lenient`, a repeated key only on paths of `alls` makes their names unreadable
/// instead.
pub(super) fn read(
    body: &[u8],
    ones: &[&JsonPath],
    alls: &[&JsonPath],
    lenient: bool,
) -> Result<(Vec<Option<Scalar>>, Vec<Names>), ExtractError> {
    let paths: Vec<&JsonPath> = ones.iter().chain(alls).copied().collect();
    let found = RefCell::new(vec![None; ones.len()]);
    let names = RefCell::new(vec![Names::default(); alls.len()]);
    let ambiguous = RefCell::new(None);
    let reading = Extraction { paths: &paths, found: &found, names: &names, lenient, ambiguous: &ambiguous };
    let all: Vec<usize> = (0..paths.len()).collect();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Position { reading, depth: 0, candidates: &all }.deserialize(&mut json).and_then(|()| json.end());
    if let Some(key) = ambiguous.take() {
        return Err(ExtractError::Ambiguous(key));
    }
    read.map_err(|error| ExtractError::NotJson(error.to_string()))?;
    Ok((found.take(), names.take()))
}

/// All names at a path that may go through the elements of an array.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names {
    /// Each name once, in the order of first appearance.
    pub names: Vec<String>,
    /// The problem of a name that cannot be read.
    pub problem: Option<&'static str>,
    /// Whether the path has a value that is not null.
    pub present: bool,
    /// Whether a value on the path is not null and has another kind than the path needs.
    pub astray: bool,
}

impl Names {
    fn add(&mut self, scalar: &Scalar) {
        self.present |= *scalar != NULL;
        let name = match scalar {
            Scalar::Text(name) | Scalar::Integer(name) => name,
            Scalar::Other(what) => {
                self.problem = Some(what);
                return;
            }
        };
        match name.len() {
            0 => self.problem = Some("empty"),
            1..=SHOWN if self.names.contains(name) => {}
            1..=SHOWN if self.names.len() < MOST_TYPES => self.names.push(name.clone()),
            1..=SHOWN => self.problem = Some("more than 100 types"),
            _ => self.problem = Some("longer than 256 bytes"),
        }
    }
}

/// The state of a reading: the scalars at the first of `paths`, and the names at the other paths.
#[derive(Clone, Copy)]
struct Extraction<'r> {
    paths: &'r [&'r JsonPath],
    found: &'r RefCell<Vec<Option<Scalar>>>,
    names: &'r RefCell<Vec<Names>>,
    lenient: bool,
    ambiguous: &'r RefCell<Option<String>>,
}

impl Extraction<'_> {
    /// The index in `names` of the path `index`; `None` if the path is read as one scalar.
    fn names_at(&self, index: usize) -> Option<usize> {
        index.checked_sub(self.paths.len().saturating_sub(self.names.borrow().len()))
    }

    /// Calls `note` with the names of each of `candidates` that is read as names.
    #[expect(clippy::expect_used, reason = "`read` makes the candidates: each is an index of `paths`")]
    fn note(&self, candidates: &[usize], note: &mut dyn FnMut(&mut Names)) {
        for place in candidates.iter().filter_map(|&index| self.names_at(index)) {
            note(self.names.borrow_mut().get_mut(place).expect("there are names for each path after the first"));
        }
    }
}

/// A value `depth` steps below the root. The paths with the indices `candidates` end at the value or go through it.
#[derive(Clone, Copy)]
struct Position<'r> {
    reading: Extraction<'r>,
    depth: usize,
    candidates: &'r [usize],
}

/// The kind of step that goes on from a value.
#[derive(Clone, Copy)]
enum StepKind {
    Nowhere,
    ByElements,
    ByKeys,
}

impl StepKind {
    fn by(self, step: &Step) -> bool {
        match self {
            Self::Nowhere => false,
            Self::ByElements => *step == Step::Each,
            Self::ByKeys => *step != Step::Each,
        }
    }
}

/// Null counts as a missing value.
const NULL: Scalar = Scalar::Other("null");

impl Position<'_> {
    /// Records the value: a scalar, or the kind of array or object. `leads` is the kind of step that goes on from the value.
    #[inline(never)]
    #[expect(clippy::expect_used, reason = "`read` makes the candidates: each is an index of `paths`")]
    fn record(&self, scalar: &Scalar, leads: StepKind) {
        for &index in self.candidates {
            let path = self.reading.paths.get(index).expect("a candidate is an index of `paths`");
            match (path.steps().get(self.depth), self.reading.names_at(index)) {
                (None, None) => {
                    let mut found = self.reading.found.borrow_mut();
                    *found.get_mut(index).expect("a path that is read as one value has a slot") = Some(scalar.clone());
                }
                (None, Some(_)) => self.reading.note(&[index], &mut |names| names.add(scalar)),
                (Some(step), Some(_)) if !leads.by(step) && *scalar != NULL => {
                    self.reading.note(&[index], &mut |names| names.astray = true);
                }
                (Some(_), _) => {}
            }
        }
    }

    fn through(&self, leads: impl Fn(&Step) -> bool) -> Vec<usize> {
        let step = |index: usize| self.reading.paths.get(index).and_then(|path| path.steps().get(self.depth));
        self.candidates.iter().copied().filter(|&index| step(index).is_some_and(&leads)).collect()
    }
}

impl<'de> DeserializeSeed<'de> for Position<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Position<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.record(&Scalar::Text(text.to_owned()), StepKind::Nowhere);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.record(&Scalar::Integer(number.to_string()), StepKind::Nowhere);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.record(&Scalar::Integer(number.to_string()), StepKind::Nowhere);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.record(&Scalar::Other("a number, but no integer"), StepKind::Nowhere);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.record(&Scalar::Other("a boolean"), StepKind::Nowhere);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.record(&NULL, StepKind::Nowhere);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.record(&Scalar::Other("an array"), StepKind::ByElements);
        let candidates = self.through(|step| *step == Step::Each);
        let depth = self.depth.saturating_add(1);
        let mut first = true;
        let ones = self.reading.found.borrow().len();
        while !candidates.is_empty() {
            let found = RefCell::new(vec![None; ones]);
            let reading = Extraction { found: &found, ..self.reading };
            if items.next_element_seed(Position { reading, depth, candidates: &candidates })?.is_none() {
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
        self.record(&Scalar::Other("an object"), StepKind::ByKeys);
        let mut read: Vec<String> = Vec::new();
        while let Some(key) = entries.next_key_seed(MemberName(&self))? {
            let Some((key, candidates)) = key else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            if read.contains(&key) {
                if self.reading.lenient && candidates.iter().all(|&index| self.reading.names_at(index).is_some()) {
                    self.reading.note(&candidates, &mut |names| names.problem = Some("its key occurs twice"));
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
                *self.reading.ambiguous.borrow_mut() = Some(key);
                return Err(A::Error::custom("ambiguous"));
            }
            read.push(key);
            let depth = self.depth.saturating_add(1);
            entries.next_value_seed(Position { reading: self.reading, depth, candidates: &candidates })?;
        }
        Ok(())
    }
}

/// Reads an object's key: the key and the paths that go through it, or `None` if no path does.
struct MemberName<'a, 'r>(&'a Position<'r>);

impl<'de> DeserializeSeed<'de> for MemberName<'_, '_> {
    type Value = Option<(String, Vec<usize>)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for MemberName<'_, '_> {
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

    fn names(body: &str, path: &str) -> Names {
        let path = JsonPath::parse(path).expect("a path");
        read(body.as_bytes(), &[], &[&path], true).expect("JSON").1.remove(0)
    }

    #[test]
    fn the_names_of_all_elements_are_collected_each_once() {
        let batch = r#"[{"e":"b"},{"e":"a"},{"x":1},{"e":"b"},{"e":7}]"#;
        assert_eq!(
            names(batch, "[].e"),
            Names { names: ["b", "a", "7"].map(str::to_owned).into(), present: true, ..Names::default() }
        );
        assert_eq!(names("[]", "[].e"), Names::default());
        assert_eq!(names(r#"{"e":null}"#, "e.x"), Names::default());
    }

    #[test]
    fn an_unreadable_name_is_not_a_missing_name() {
        let problem = |body: &str, path: &str| names(body, path).problem;
        assert_eq!(problem(r#"[{"e":"b"},{"e":true}]"#, "[].e"), Some("a boolean"));
        assert_eq!(problem(r#"{"e":""}"#, "e"), Some("empty"));
        assert_eq!(problem(&format!(r#"{{"e":"{}"}}"#, "x".repeat(257)), "e"), Some("longer than 256 bytes"));
        assert_eq!(problem(r#"{"e":"a","e":"b"}"#, "e"), Some("its key occurs twice"));
        let many: Vec<String> = (0..101).map(|number| format!(r#"{{"e":"{number}"}}"#)).collect();
        assert_eq!(problem(&format!("[{}]", many[..100].join(",")), "[].e"), None);
        assert_eq!(problem(&format!("[{}]", many.join(",")), "[].e"), Some("more than 100 types"));
        for (body, path) in [(r#"{"e":"a"}"#, "[].e"), (r#"[{"e":"a"}]"#, "e"), (r#"{"e":"a"}"#, "e.x")] {
            assert!(names(body, path).astray, "{body} {path}");
        }
    }

    #[test]
    fn deep_nesting_uses_no_stack_and_long_numbers_are_skipped() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(one(&format!(r#"{{"deep":{deep},"id":"a"}}"#), "id"), Ok(text("a")));
        assert_eq!(one(&format!(r#"{{"id":{deep}}}"#), "id"), Ok(Some(Scalar::Other("an array"))));
        let objects = format!("{}1{}", r#"{"id":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(one(&objects, "id"), Ok(Some(Scalar::Other("an object"))));
        let digits = "9".repeat(10_000);
        assert_eq!(one(&format!(r#"{{"n":{digits},"id":"a"}}"#), "id"), Ok(text("a")));
        assert!(matches!(one(&digits, "id"), Ok(None) | Err(ExtractError::NotJson(_))));
    }

    #[test]
    fn a_body_that_is_not_one_json_value_is_refused() {
        for body in ["", "{", r#"{"id":"a"} x"#, r#"{"id":"a"}{"id":"b"}"#, "\u{feff}{}", "id=a"] {
            assert!(matches!(one(body, "id"), Err(ExtractError::NotJson(_))), "{body:?}");
        }
        assert!(matches!(
            extract(b"{\"id\":\"\xff\"}", &[&JsonPath::parse("id").unwrap()]),
            Err(ExtractError::NotJson(_))
        ));
    }
}
