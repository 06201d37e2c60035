//! Runs each committed file of the fuzzers' corpora through its target, so that a past find of a fuzzer is tested without a
//! fuzzer.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn listed(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path())
}

#[test]
fn every_file_of_the_corpora_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, run) in fuzz::TARGETS {
        let files: Vec<_> = listed(&corpora.join(name)).collect();
        assert!((1..=30).contains(&files.len()), "{name}: few files, each for a reason");
        for file in files {
            println!("{}", file.display()); // shown if the target panics
            run(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_request_of_the_corpus_names_its_provider() {
    for file in listed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/provider")) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let name = text.lines().next().unwrap();
        assert!(hookgate_verify::presets::find(name).is_some(), "{}: {name:?} is no preset", file.display());
    }
}

#[test]
fn every_target_is_run_here() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |directory: &str| -> BTreeSet<String> {
        listed(&here.join(directory)).map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems("fuzz/fuzz_targets"), targets);
    assert_eq!(stems("fuzz/corpus"), targets);
}
