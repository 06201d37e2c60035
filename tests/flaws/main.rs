//! Flaws that must not slip in unnoticed: each is put into a copy of the source, and some test must fail. It takes
//! minutes, so it runs by `make flaws` alone. `NAME=text` tries those whose name contains it.

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
    &["--test", "catalogue", "--test", "vectors", "--test", "simulation"],
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

#[test]
#[ignore = "takes minutes: make flaws"]
fn every_flaw_is_caught() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Flaws { flaw } = toml::from_str(&fs::read_to_string(root.join("tests/flaws/flaws.toml")).unwrap()).unwrap();
    let copy = root.join("target/flaws/tree");
    let _ = fs::remove_dir_all(&copy);
    for name in COPIED {
        copy_to(&root.join(name), &copy.join(name));
    }
    assert_eq!(failing_test(&copy), None, "without a flaw, all pass");
    let wanted = std::env::var("NAME").unwrap_or_default();
    let mut missed = Vec::new();
    for flaw in flaw.iter().filter(|flaw| flaw.name.contains(&wanted)) {
        let file = copy.join(&flaw.file);
        let whole = fs::read_to_string(&file).unwrap();
        assert_eq!(whole.matches(&flaw.find).count(), 1, "\"{}\": what it changes stands once", flaw.name);
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
