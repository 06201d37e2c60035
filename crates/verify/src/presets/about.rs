//! The facts about each provider for people: the sources, the proofs and the traps. The Worker does not contain this text.

use super::{read, rows};
use crate::Preset;
#[cfg(test)]
use crate::grammar;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// All presets, sorted by name.
pub static ALL: LazyLock<Vec<Arc<Preset>>> =
    LazyLock::new(|| rows().map(|(name, scheme)| read(name, scheme)).collect());

/// A line of JSON for each preset, in the order of [`ALL`].
const ABOUTS: &str = include_str!(concat!(env!("OUT_DIR"), "/abouts"));

/// The facts about a provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The provider's name.
    pub title: String,
    /// The place where the user finds the secret.
    pub secret_at: String,
    /// How long the provider waits for an answer; `None` if the provider does not say it.
    pub timeout: Option<String>,
    /// The status that the provider expects for a request that it did not sign; `None` means 401.
    pub refusal: Option<u16>,
    /// An example for `account`, if the provider needs it.
    pub account: Option<String>,
    /// Further notes.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Settings that cost deliveries or safety.
    #[serde(default)]
    pub traps: Vec<Trap>,
    /// The sources, by the short names that the facts use.
    pub sources: BTreeMap<String, Source>,
    /// The facts, by the names in [`FACTS`]. Each fact ends with its sources: `… [docs, sdk]`.
    pub facts: BTreeMap<String, String>,
    /// The number of the preset's vectors for each kind of proof. The build counts the vectors in `tests/vectors/`.
    pub proof: BTreeMap<SignedBy, usize>,
}

/// A setting that costs deliveries or safety.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// The sources with this trap; `None` means all sources of the preset.
    pub when: Option<TrapWhen>,
    /// The trap and the remedy.
    pub says: String,
}

/// The sources with a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TrapWhen {
    /// Sources that filter by `events`.
    #[serde(rename = "events")]
    Events,
    /// Sources that hand an event to the destination before they answer.
    #[serde(rename = "origin")]
    Origin,
    /// Sources with their own tolerance.
    #[serde(rename = "tolerance")]
    Tolerance,
    /// Sources without a public URL.
    #[serde(rename = "no url")]
    NoUrl,
}

/// A source of facts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address: a page, a package with its version, or a file in a repository.
    pub at: String,
    /// The kind of the source.
    pub kind: SourceKind,
    /// The day when somebody read the source: `2026-11-27`.
    pub read: String,
}

/// The kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The provider's documentation.
    Page,
    /// The provider's code: a package, a test or a sample.
    Official,
    /// Code of a third party.
    Library,
}

/// The proof of a vector: the maker of its signature. The strongest proof is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum SignedBy {
    /// The provider published the signature, or code that the provider published made or accepted the signature.
    #[serde(rename = "provider")]
    Provider,
    /// The provider's package makes or accepts the signature in the tests.
    #[serde(rename = "sdk")]
    Sdk,
    /// A third party's maintained code makes or accepts the signature.
    #[serde(rename = "library")]
    Library,
    /// Another implementation by hookgate's authors, from the documentation, made the signature.
    #[serde(rename = "own reading")]
    OwnReading,
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Sdk => "sdk",
            Self::Library => "library",
            Self::OwnReading => "own reading",
        })
    }
}

/// The facts of every provider, in the order of the documentation, each with its explanation.
pub const FACTS: [(&str, &str); 16] = [
    ("signature", "the header's name, its prefix, a list or one, the encoding"),
    ("content", "the signed content"),
    ("key", "how the secret becomes the key"),
    (
        "time",
        "its location, its unit, whether it is the time of the request or of the event, whether each retry is signed anew",
    ),
    ("id", "its location, and whether it identifies the event"),
    ("type", "its location, also in a batch"),
    ("differs", "what makes the bytes of two events differ, and whether attempts are counted in the body"),
    ("handshake", "the requests that test the endpoint, when it is saved and later"),
    ("request", "the method and the content types, batches"),
    ("answer", "what the provider wants to read, in success and in refusal"),
    ("refused", "what a 401, 404 or 410 does to the subscription"),
    ("timeout", "how long the provider waits for the answer"),
    ("retries", "when the provider tries again, and for how long"),
    ("rotation", "how a secret is changed, and whether two are in use meanwhile"),
    ("versions", "older and newer versions of the scheme"),
    ("products", "other products of the same provider that sign otherwise"),
];

impl About {
    /// The strongest proof that a vector of the preset has. The build fails for a preset without one.
    pub fn best_proof(&self) -> Option<SignedBy> {
        self.proof.keys().next().copied()
    }

    /// The source with the earliest date. Every preset has sources; a test checks it.
    pub fn oldest(&self) -> Option<&Source> {
        self.sources.values().min_by_key(|source| &source.read)
    }
}

/// Splits a fact into its text and the short names of its sources.
pub fn cited(fact: &str) -> Option<(&str, Vec<&str>)> {
    let (says, named) = fact.strip_suffix(']')?.rsplit_once(" [")?;
    Some((says, named.split(", ").collect()))
}

/// The facts about the preset `name`; `None` for an own scheme.
pub fn about(name: &str) -> Option<About> {
    let (_, about) = rows().zip(ABOUTS.lines()).find(|((known, _), _)| *known == name)?;
    Some(parse(name, about))
}

/// All presets, sorted by name, with their facts.
pub fn described() -> impl Iterator<Item = (&'static Arc<Preset>, About)> {
    ALL.iter().zip(ABOUTS.lines()).map(|(preset, about)| (preset, parse(&preset.name, about)))
}

#[expect(clippy::panic, reason = "a test reads every row")]
fn parse(name: &str, about: &str) -> About {
    serde_json::from_str(about).unwrap_or_else(|error| panic!("presets/{name}.toml: {error}"))
}

#[test]
fn every_row_can_be_read() {
    for ((name, scheme), about) in rows().zip(ABOUTS.lines()) {
        let table = serde_json::from_str(scheme).unwrap();
        if let Err(error) = grammar::parse("scheme", name, &table) {
            panic!("{name}: {error}");
        }
        serde_json::from_str::<About>(about).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let presets = std::fs::read_dir("presets").unwrap().count();
    assert_eq!((ALL.len(), rows().count(), ABOUTS.lines().count()), (presets, presets, presets));
}
