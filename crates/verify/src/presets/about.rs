//! What people want to know of a provider: where its facts stand, who proved them, and what to take care of. The Worker does
//! not carry it.

use super::{read, rows};
use crate::Preset;
#[cfg(test)]
use crate::grammar;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Every preset, by name.
pub static ALL: LazyLock<Vec<Arc<Preset>>> =
    LazyLock::new(|| rows().map(|(name, scheme)| read(name, scheme)).collect());

/// A line of JSON for each preset, in the same order.
const ABOUTS: &str = include_str!(concat!(env!("OUT_DIR"), "/abouts"));

/// What people want to know of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The provider's own name.
    pub title: String,
    /// Where the user finds the secret.
    pub secret_at: String,
    /// How long the provider waits for an answer, as far as it says so.
    pub timeout: Option<String>,
    /// What it expects as the answer to what it did not sign; 401 where it does not say.
    pub refusal: Option<u16>,
    /// An example of what stands in `account`, where the provider needs it.
    pub account: Option<String>,
    /// What is worth knowing beside.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What costs deliveries or safety, where a source is configured so.
    #[serde(default)]
    pub traps: Vec<Trap>,
    /// What was read, by the short name that the facts give it.
    pub sources: BTreeMap<String, Source>,
    /// What is known of the provider, by the names in [`FACTS`]. Each ends with the sources that say so: `… [docs, sdk]`.
    pub facts: BTreeMap<String, String>,
    /// How many of the preset's vectors are whose work; the build counts them in `tests/vectors/`.
    pub proof: BTreeMap<SignedBy, usize>,
}

/// Something that costs deliveries or safety.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// Which sources meet it; all where nothing is said.
    pub when: Option<TrapWhen>,
    /// What it is, and what to do.
    pub says: String,
}

/// The sources that meet a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TrapWhen {
    /// Those that filter by `events`.
    #[serde(rename = "events")]
    Events,
    /// Those that hand an event to the origin before they answer.
    #[serde(rename = "origin")]
    Origin,
    /// Those with a tolerance of their own.
    #[serde(rename = "tolerance")]
    Tolerance,
    /// Those without a public URL.
    #[serde(rename = "no url")]
    NoUrl,
}

/// What was read for a preset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it stands: a page, a package with its version, or a repository's file.
    pub at: String,
    /// Whose it is.
    pub kind: SourceKind,
    /// The day it was read: `2026-11-27`.
    pub read: String,
}

/// Whose a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The provider's documentation.
    Page,
    /// The provider's code: its package, its tests, its sample.
    Official,
    /// Code of a third party.
    Library,
}

/// Whose work a vector's signature is; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum SignedBy {
    /// The provider published it, or code that the provider published made or took it.
    #[serde(rename = "provider")]
    Provider,
    /// The provider's package makes or takes it in the tests.
    #[serde(rename = "sdk")]
    Sdk,
    /// A third party's maintained code makes or takes it.
    #[serde(rename = "library")]
    Library,
    /// Another implementation made it, from what hookgate's authors read in the documentation.
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

/// The facts that are looked up for every provider, in the order in which they are shown, and what each says.
pub const FACTS: [(&str, &str); 16] = [
    ("signature", "the header's name, its prefix, a list or one, the encoding"),
    ("content", "what is signed"),
    ("key", "how the secret becomes the key"),
    ("time", "where it stands, its unit, of this sending or of the event, whether retries are signed anew"),
    ("id", "where it stands, and whether it names the event"),
    ("type", "where it stands, also in a batch"),
    ("differs", "what makes the bytes of two events differ, and whether attempts are counted in the body"),
    ("handshake", "what is asked when the endpoint is saved, and later"),
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

    /// The source that was read longest ago. A test demands sources of every preset.
    pub fn oldest(&self) -> Option<&Source> {
        self.sources.values().min_by_key(|source| &source.read)
    }
}

/// A fact without the sources that say so, and their short names.
pub fn cited(fact: &str) -> Option<(&str, Vec<&str>)> {
    let (says, named) = fact.strip_suffix(']')?.rsplit_once(" [")?;
    Some((says, named.split(", ").collect()))
}

/// What people want to know of the preset called `name`; nothing of an own scheme.
pub fn about(name: &str) -> Option<About> {
    let (_, about) = rows().zip(ABOUTS.lines()).find(|((known, _), _)| *known == name)?;
    Some(parse(about))
}

/// Every preset, by name, with what people want to know of it.
pub fn described() -> impl Iterator<Item = (&'static Arc<Preset>, About)> {
    ALL.iter().zip(ABOUTS.lines().map(parse))
}

#[expect(clippy::expect_used, reason = "a test reads every row")]
fn parse(about: &str) -> About {
    serde_json::from_str(about).expect("the build wrote it from a preset whose keys are known")
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
