//! Redaction: an ordinary parser finds the redacted body equal to the body but for the named values, and every other byte is
//! as received.
//!
//! The input is one rule a line, an empty line, and the body.

use hookgate::redact::{BodyPart, RedactedBody, Redactions, Withheld};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

pub fn run(data: &[u8]) {
    let Some(end) = data.windows(2).position(|pair| pair == b"\n\n") else { return };
    let (Ok(rules), body) = (std::str::from_utf8(&data[..end]), &data[end + 2..]) else { return };
    let rules: Vec<&str> = rules.lines().collect();
    let Ok(redactions) = Redactions::parse(&rules) else { return };
    let paths: Vec<Vec<Step>> = rules.iter().filter(|rule| rule.starts_with('$')).map(|rule| steps(rule)).collect();
    assert_eq!(redactions.has_body_rules(), !paths.is_empty());

    let beginning = redactions.body(BodyPart::Beginning(body));
    assert!(paths.is_empty() || beginning == RedactedBody::Withheld(Withheld::Cut));
    let kept = redactions.body(BodyPart::Whole(body));
    for most in [0, 7, 100, usize::MAX] {
        let cut = kept.beginning(most);
        assert!(cut.is_none_or(|cut| cut.len() <= most && kept.bytes().is_some_and(|bytes| bytes.starts_with(cut))));
    }
    match kept {
        RedactedBody::Exact(bytes) if paths.is_empty() || body.is_empty() => assert_eq!(bytes, body),
        RedactedBody::Exact(bytes) => {
            assert_eq!(bytes, body);
            assert_eq!(by_the_book(body, &paths).map_or(0, |(_, values)| values), 0);
        }
        RedactedBody::Redacted { bytes, values } => {
            is_exact_around_the_values(body, &bytes, values);
            serde_json::from_slice::<IgnoredAny>(&bytes).expect("JSON");
            // The tree cannot have half of a surrogate pair, a number that no float can have, or deep nesting.
            let Some((tree, named)) = by_the_book(body, &paths) else { return };
            assert_eq!(values, named);
            assert_eq!(serde_json::from_slice::<Tree>(&bytes).expect("a tree"), tree);
            let again = redactions.body(BodyPart::Whole(&bytes));
            assert_eq!(again.bytes(), Some(&*bytes), "a second redaction finds nothing new");
        }
        RedactedBody::Withheld(reason) => match reason {
            Withheld::Cut | Withheld::UnknownRules => panic!("the body is whole, and the rules are known"),
            Withheld::NotUtf8 => assert!(std::str::from_utf8(body).is_err()),
            Withheld::NotJson => assert!(serde_json::from_slice::<Tree>(body).is_err()),
            Withheld::SingleValue => {
                assert!(!body.trim_ascii().starts_with(b"{") && !body.trim_ascii().starts_with(b"["))
            }
            Withheld::TooMany => assert!(body.len() > 100_000),
        },
    }
}

/// Checks that `redacted` is `body` with `values` pieces replaced. A body that has the text itself is left to the tree.
fn is_exact_around_the_values(body: &[u8], redacted: &[u8], values: usize) {
    let (body, redacted) = (std::str::from_utf8(body).expect("UTF-8"), std::str::from_utf8(redacted).expect("UTF-8"));
    if body.contains("[redacted]") {
        return;
    }
    let pieces: Vec<&str> = redacted.split("\"[redacted]\"").collect();
    assert_eq!(pieces.len(), values + 1);
    let (first, last) = (pieces[0], pieces[values]);
    let mut rest =
        body.strip_prefix(first).and_then(|body| body.strip_suffix(last)).expect("the same beginning and end");
    for piece in &pieces[1..values] {
        // A replaced value has at least one byte.
        let mut next = rest.chars();
        next.next().expect("a replaced value");
        let at = next.as_str().find(piece).expect("the piece between two values");
        rest = &next.as_str()[at + piece.len()..];
    }
    assert!(!rest.is_empty(), "the last replaced value");
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
    All,
}

/// The steps of a rule that hookgate accepted.
fn steps(rule: &str) -> Vec<Step> {
    let (mut rest, mut steps) = (&rule[1..], Vec::new());
    while !rest.is_empty() {
        let (step, after) = if let Some(name) = rest.strip_prefix('.') {
            let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            (if name == "*" { Step::All } else { Step::Member(name.to_owned()) }, after)
        } else if let Some(after) = rest.strip_prefix("[*]") {
            (Step::All, after)
        } else if rest.starts_with("['") || rest.starts_with("[\"") {
            let (name, after) = rest[2..].split_once(&rest[1..2]).expect("a quote");
            (Step::Member(name.to_owned()), after.strip_prefix(']').expect("a bracket"))
        } else {
            let (place, after) = rest[1..].split_once(']').expect("a bracket");
            (Step::Element(place.parse().expect("a place")), after)
        };
        steps.push(step);
        rest = after;
    }
    steps
}

/// The tree of `body` with the named values replaced, and their number. `None` if an ordinary parser refuses the body.
fn by_the_book(body: &[u8], paths: &[Vec<Step>]) -> Option<(Tree, usize)> {
    let mut tree: Tree = serde_json::from_slice(body).ok()?;
    for path in paths {
        tree.mark(path);
    }
    let values = tree.replace();
    Some((tree, values))
}

/// A JSON value with every member of an object, also those with the same name.
#[derive(Debug, PartialEq)]
enum Tree {
    Marked,
    Null,
    Flag(bool),
    Natural(u64),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn mark(&mut self, path: &[Step]) {
        match (path, self) {
            ([], tree) => *tree = Self::Marked,
            ([Step::Member(wanted), rest @ ..], Self::Object(members)) => {
                members.iter_mut().filter(|(name, _)| name == wanted).for_each(|(_, tree)| tree.mark(rest));
            }
            ([Step::All, rest @ ..], Self::Object(members)) => members.iter_mut().for_each(|(_, tree)| tree.mark(rest)),
            ([Step::All, rest @ ..], Self::List(items)) => items.iter_mut().for_each(|tree| tree.mark(rest)),
            ([Step::Element(place), rest @ ..], Self::List(items)) => {
                items.get_mut(*place).into_iter().for_each(|tree| tree.mark(rest));
            }
            _ => {}
        }
    }

    fn replace(&mut self) -> usize {
        match self {
            Self::Marked => {
                *self = Self::Text("[redacted]".to_owned());
                1
            }
            Self::List(items) => items.iter_mut().map(Self::replace).sum(),
            Self::Object(members) => members.iter_mut().map(|(_, tree)| tree.replace()).sum(),
            _ => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Natural(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
