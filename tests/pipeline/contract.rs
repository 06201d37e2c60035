//! `docs/log.md` names every field, verdict and reason code that the code has, and no other.

use hookgate::record::{LONGEST_LINE, Record, Verdict};
use hookgate::trace::Trace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the tables under the heading `heading`, up to the next heading of this or a higher level: the name in the
/// first column, and the other columns.
fn rows(heading: &str) -> BTreeMap<String, Vec<String>> {
    let document = text(&root().join("docs/log.md"));
    let level = heading.split(' ').next().unwrap().len();
    let is_end = |line: &&str| line.starts_with('#') && line.split(' ').next().unwrap().len() <= level;
    let lines = document.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !is_end(line));
    let mut rows = BTreeMap::new();
    for line in lines.filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let name = cells.next().unwrap().trim_matches('`').to_owned();
        rows.entry(name).or_insert_with(|| cells.collect());
    }
    assert!(!rows.is_empty(), "docs/log.md has no table under \"{heading}\"");
    rows
}

fn names(heading: &str) -> BTreeSet<String> {
    rows(heading).into_keys().collect()
}

/// Compares the names in the code with the names in the document.
fn assert_documented(heading: &str, code: &BTreeSet<String>) {
    let document = names(heading);
    let missing: Vec<_> = code.difference(&document).collect();
    let gone: Vec<_> = document.difference(code).collect();
    assert!(missing.is_empty(), "docs/log.md, \"{heading}\": add a row for {missing:?}");
    assert!(gone.is_empty(), "docs/log.md, \"{heading}\": no code has {gone:?}, so remove the rows");
}

/// A record with every field. A new field does not compile here.
fn full(long: &str) -> Record {
    let text = || Some(long.to_owned());
    Record {
        by: text(),
        test: true,
        requests: Vec::new(),
        verdict: Verdict::Accepted,
        reason: Some("reason"),
        detail: text(),
        trouble: text(),
        source: text(),
        id: text(),
        event_type: text(),
        type_unsigned: text(),
        type_unreadable: Some("unreadable"),
        key: text(),
        provenance: Some("signed id"),
        strength: Some("weak"),
        body_bytes: Some(1),
        trace: Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").map(Trace::id),
        count: Some(2),
        status: Some(200),
        attempt: Some(1),
        ms: 1,
        entry: None,
        body: None,
    }
}

#[test]
fn every_field_of_a_line_is_documented_with_its_type_and_bound() {
    let long = "x".repeat(2 * LONGEST_LINE);
    let line: Value = serde_json::from_str(&full(&long).line()).unwrap();
    let fields = line.as_object().unwrap();
    assert_documented("## Fields", &fields.keys().cloned().collect());
    for (name, columns) in rows("## Fields") {
        let (kind, bound) = (&columns[0], &columns[1]);
        let (told, length) = match &fields[&name] {
            Value::String(text) => ("text", text.len()),
            Value::Number(_) => ("number", 0),
            Value::Bool(_) => ("boolean", 0),
            other => panic!("{name}: {other}"),
        };
        assert_eq!(kind, told, "{name}");
        match bound.parse::<usize>() {
            Ok(bound) => assert!(length <= bound && length + 4 > bound, "{name}: {length} bytes, documented {bound}"),
            Err(_) => assert!(bound.is_empty() && length < 64, "{name}: {length} bytes, without a bound"),
        }
    }
}

/// The source texts of the Worker, without their unit tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs" || extension == "js") {
                let whole = text(&entry);
                let code = whole.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((entry, code));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &mut found);
    let errors = root().join("crates/verify/src/error.rs");
    found.push((errors.clone(), text(&errors)));
    found
}

/// The text after each `opening`, up to the bracket that closes it.
fn after<'t>(code: &'t str, opening: &str) -> Vec<&'t str> {
    let rest = code.match_indices(opening).map(|(at, _)| &code[at + opening.len()..]);
    rest.map(|rest| {
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(matches!(c, '(' | '{')) - i32::from(matches!(c, ')' | '}'));
            depth == 0
        });
        &rest[..end.unwrap_or(rest.len())]
    })
    .collect()
}

/// The texts in quotes that may be a code: words of small letters with `_` between.
fn codes(code: &str) -> impl Iterator<Item = String> {
    let plain = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    code.split('"').skip(1).step_by(2).filter(plain).map(str::to_owned)
}

/// The first text in quotes after each `opening`, if it may be a code.
fn first_code<'t>(code: &'t str, opening: &str) -> impl Iterator<Item = String> {
    let parts: Vec<&'t str> = code.split(opening).skip(1).collect();
    parts.into_iter().filter(|rest| rest.trim_start().starts_with('"')).filter_map(|rest| codes(rest).next())
}

#[test]
fn every_verdict_is_documented() {
    let record = text(&root().join("src/record.rs"));
    let variants = record.split("pub enum Verdict {").nth(1).unwrap().split('}').next().unwrap();
    let words = variants.lines().map(str::trim).filter(|line| !line.starts_with("//") && line.ends_with(','));
    let verdicts: BTreeSet<_> = words.map(|line| line.trim_end_matches(',').to_lowercase()).collect();
    assert!(verdicts.contains("accepted") && verdicts.len() >= 15, "{verdicts:?}");
    assert_documented("## Verdicts", &verdicts);
}

#[test]
fn every_reason_code_is_documented() {
    let mut found = BTreeSet::new();
    for (path, code) in sources() {
        for call in [".refused(", "fn code(&self) -> &'static str {"] {
            found.extend(after(&code, call).into_iter().flat_map(codes));
        }
        for call in ["Refusal::failed(", "Failure::of(", "reason: ", "complaint(", "trouble(", "code: "] {
            found.extend(first_code(&code, call));
        }
        // A reason with a name.
        if path.ends_with("refusal.rs") {
            found.extend(first_code(&code, ": &str ="));
        }
    }
    for known in ["busy", "too_old", "enqueue_failed", "origin_refused", "dead_letter", "panic", "mark_failed", "sweep"]
    {
        assert!(found.contains(known), "the search does not find {known}: {found:?}");
    }
    assert_documented("## Reasons", &found);
}

#[test]
fn every_row_says_what_it_means() {
    for heading in ["## Fields", "## Verdicts", "## Reasons"] {
        let columns = match heading {
            "## Fields" => 4,
            _ => 1,
        };
        for (name, cells) in rows(heading) {
            assert!(cells.len() >= columns && cells.last().is_some_and(|cell| !cell.is_empty()), "{name}: {cells:?}");
        }
    }
}
