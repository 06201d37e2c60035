//! Flaws that must not slip in unnoticed: each is put into a copy of the source, and some test must fail. That takes
//! minutes, so `make flaws` alone does it. `NAME=text` tries the flaws whose name contains this text. Every run of the tests
//! checks that each flaw still has its place in the source.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is tried is a copy: the checkout stays as it is.
const COPIED: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "bench/native",
    "clippy.toml",
    "presets",
    "src",
    "tests",
    "examples",
    "wrangler.toml",
    ".dev.vars.example",
];
/// The quick ones first: most flaws go no further.
const TESTS: &[&[&str]] = &[
    &["--lib", "--test", "pipeline", "--test", "config", "--test", "schemes", "--test", "threats"],
    &["--test", "catalogue", "--test", "vectors", "--test", "shifts", "--test", "simulation"],
];

#[derive(Deserialize)]
struct Flaws {
    flaw: Vec<Flaw>,
}

#[derive(Deserialize)]
struct Flaw {
    name: String,
    file: PathBuf,
    find: String,
    put: String,
}

impl Flaw {
    /// What is wrong with the flaw's place in `root`.
    fn misplaced(&self, root: &Path) -> Option<String> {
        let problem = match fs::read_to_string(root.join(&self.file)) {
            Ok(whole) => match whole.matches(&self.find).count() {
                1 => return None,
                count => format!("its `find` stands {count} times there, and must stand once"),
            },
            Err(error) => error.to_string(),
        };
        Some(format!("\"{}\" in {}: {problem}", self.name, self.file.display()))
    }
}

fn flaws(root: &Path) -> Vec<Flaw> {
    let Flaws { flaw } = toml::from_str(&fs::read_to_string(root.join("tests/flaws/flaws.toml")).unwrap()).unwrap();
    flaw
}

#[test]
fn every_flaw_has_one_place_in_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let flaws = flaws(root);
    assert!(!flaws.is_empty());
    let misplaced: Vec<String> = flaws.iter().filter_map(|flaw| flaw.misplaced(root)).collect();
    assert!(
        misplaced.is_empty(),
        "code moved away from these flaws: let `file`, `find` and `put` in tests/flaws/flaws.toml mean the same flaw in the \
         new code, and try it with NAME=... make flaws: {misplaced:#?}"
    );
}

#[test]
#[ignore = "takes minutes: make flaws"]
fn every_flaw_is_caught() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = root.join("target/flaws/tree");
    let _ = fs::remove_dir_all(&copy);
    for name in COPIED {
        copy_to(&root.join(name), &copy.join(name));
    }
    assert_eq!(failing_test(&copy), None, "without a flaw, all pass");
    let wanted = std::env::var("NAME").unwrap_or_default();
    let mut missed = Vec::new();
    let flaws = flaws(&copy);
    for flaw in flaws.iter().filter(|flaw| flaw.name.contains(&wanted)) {
        assert_eq!(flaw.misplaced(&copy), None);
        let file = copy.join(&flaw.file);
        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, whole.replace(&flaw.find, &flaw.put)).unwrap();
        let caught = failing_test(&copy);
        fs::write(&file, whole).unwrap();
        println!("{}: {}", flaw.name, caught.as_deref().unwrap_or("NOT CAUGHT"));
        missed.extend(caught.is_none().then_some(&flaw.name));
    }
    assert!(missed.is_empty(), "not caught: {missed:#?}");
}

/// The first test that fails.
fn failing_test(copy: &Path) -> Option<String> {
    for tests in TESTS {
        let output = Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--locked"])
            .args(*tests)
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", copy.with_file_name("build"))
            .env("RUSTFLAGS", "-Awarnings") // a flaw may leave something unused
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        if output.status.success() {
            continue;
        }
        let (told, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let failed = |line: &str| line.strip_prefix("---- ")?.strip_suffix(" stdout ----").map(str::to_owned);
        let name = told.lines().find_map(failed);
        return Some(name.unwrap_or_else(|| panic!("a flaw must compile, and a test fail by itself:\n{complained}")));
    }
    None
}

fn copy_to(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "node_modules") {
        copy_to(&entry.path(), &to.join(entry.file_name()));
    }
}
