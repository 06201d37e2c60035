//! Every preset has sixteen facts about its provider, each with its sources, and a proof.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hookgate_verify::presets::{self, About, FACTS, SignedBy, SourceKind, cited};

/// Presets without a published implementation, or without a page of the provider.
const ONE_SIDED: &[(&str, &str)] =
    &[("ably", "Ably documents the steps; no package, sample or maintained library checks a webhook")];

fn every() -> impl Iterator<Item = (&'static str, About)> {
    presets::described().map(|(preset, about)| (preset.name.as_str(), about))
}

fn faults(name: &str, about: &About) -> Vec<String> {
    let mut faults = Vec::new();
    let mut named = Vec::new();
    for (fact, _) in FACTS {
        let Some(text) = about.facts.get(fact) else {
            faults.push(format!("has no `{fact}`"));
            continue;
        };
        let Some((says, sources)) = cited(text) else {
            faults.push(format!("`{fact}` does not end with its sources, such as [docs, sdk]: {text:?}"));
            continue;
        };
        let unknown = sources.iter().filter(|source| !about.sources.contains_key(**source));
        faults.extend(unknown.map(|source| format!("`{fact}` names [{source}], which is not a source")));
        let enough = about.sources.len().min(2);
        if says.to_lowercase().starts_with("not stated") && sources.len() < enough {
            faults.push(format!("`{fact}` is not stated, but only one source was read"));
        }
        named.extend(sources.into_iter().map(str::to_owned));
    }
    let unknown = about.facts.keys().filter(|fact| !FACTS.iter().any(|(known, _)| known == fact));
    faults.extend(unknown.map(|fact| format!("`{fact}` is not one of the facts")));
    for (source, read) in &about.sources {
        if !named.contains(source) {
            faults.push(format!("no fact names the source [{source}]"));
        }
        let digits = |text: &str| text.len() >= 2 && text.bytes().all(|b| b.is_ascii_digit());
        if read.read.len() != 10 || !read.read.split('-').all(digits) || read.at.len() < 5 {
            faults.push(format!("[{source}] needs its address and the day it was read"));
        }
    }
    let one_sided = ONE_SIDED.iter().any(|(known, _)| *known == name);
    let page = about.sources.values().any(|source| source.kind == SourceKind::Page);
    let code = about.sources.values().any(|source| source.kind != SourceKind::Page);
    if one_sided == (page && code) {
        let remedy = "or a row in ONE_SIDED (crates/verify/tests/facts.rs)";
        faults.push(format!("needs a source of the kind page and one of the kind official or library, {remedy}"));
    }
    faults
}

#[test]
fn every_preset_has_all_facts_and_their_sources() {
    let all = every().flat_map(|(name, about)| {
        let faults = faults(name, &about).into_iter();
        faults.map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>()
    });
    let all: Vec<String> = all.collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Presets whose vectors are all made by our own reading, because no other code makes or checks their requests.
const OWN_READING: [&str; 4] = ["ably", "azure_event_grid", "datadog", "lrdefender"];

/// A new preset needs a vector that other code made, or a place in [`OWN_READING`]. No preset may lose its proof.
#[test]
fn every_other_preset_is_proven_by_other_code() {
    let own = every().filter(|(_, about)| about.best_proof() == Some(SignedBy::OwnReading)).map(|(name, _)| name);
    assert_eq!(own.collect::<Vec<_>>(), OWN_READING);
}
