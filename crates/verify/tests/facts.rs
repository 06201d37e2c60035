//! What every preset says of its provider: sixteen facts, each with the sources that say so, and who proved it.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hookgate_verify::presets::{self, About, FACTS, SignedBy, SourceKind, cited};

/// Presets of which nobody has published an implementation, or whose provider has no page that can be had.
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
            faults.push(format!("does not say `{fact}`"));
            continue;
        };
        let Some((says, sources)) = cited(text) else {
            faults.push(format!("`{fact}` does not end with its sources, as in [docs, sdk]: {text:?}"));
            continue;
        };
        let unknown = sources.iter().filter(|source| !about.sources.contains_key(**source));
        faults.extend(unknown.map(|source| format!("`{fact}` names [{source}], which is no source")));
        if says.to_lowercase().starts_with("not stated") && sources.len() < 2 {
            faults.push(format!("`{fact}` is not stated, and only one source was looked at"));
        }
        named.extend(sources.into_iter().map(str::to_owned));
    }
    let unknown = about.facts.keys().filter(|fact| !FACTS.iter().any(|(known, _)| known == fact));
    faults.extend(unknown.map(|fact| format!("`{fact}` is none of the facts")));
    for (source, read) in &about.sources {
        if !named.contains(source) {
            faults.push(format!("no fact names the source [{source}]"));
        }
        let digits = |text: &str| text.len() >= 2 && text.bytes().all(|b| b.is_ascii_digit());
        if read.read.len() != 10 || !read.read.split('-').all(digits) || read.at.len() < 5 {
            faults.push(format!("[{source}] does not say where and when it was read"));
        }
    }
    let one_sided = ONE_SIDED.iter().any(|(known, _)| *known == name);
    let page = about.sources.values().any(|source| source.kind == SourceKind::Page);
    let code = about.sources.values().any(|source| source.kind != SourceKind::Page);
    if one_sided == (page && code) {
        faults.push("needs a page and an implementation, or a place in ONE_SIDED".to_owned());
    }
    faults
}

#[test]
fn every_preset_says_what_is_known_of_its_provider_and_who_says_so() {
    let all = every().flat_map(|(name, about)| {
        let faults = faults(name, &about).into_iter();
        faults.map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>()
    });
    let all: Vec<String> = all.collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What is reached is held: a preset may only come with a proof, and none may lose its own.
#[test]
fn most_presets_are_proven_by_somebody_else() {
    let by = |strongest: SignedBy| {
        every().filter(|(_, about)| about.best_proof().is_some_and(|proof| proof <= strongest)).count()
    };
    let (own, others) = (by(SignedBy::Sdk), by(SignedBy::Library));
    assert!(own >= 90, "{own} presets are proven by their providers");
    assert!(others >= 110, "{others} presets are proven by somebody else than us");
    assert!(presets::ALL.len() >= 140, "{}", presets::ALL.len());
}
