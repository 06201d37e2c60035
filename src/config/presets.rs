//! The providers hookgate knows. Each is a file in `presets/`, in the words of an own scheme; the build puts them into a
//! table, and a source reads the one it names.

use super::fields::did_you_mean;
use super::grammar;
use crate::webhook::Preset;
use std::sync::Arc;

/// A line for each preset, in the order of their names: the name, and the scheme as JSON. One text, because a table of
/// texts would compress worse, and most of a Worker's size is what compresses badly.
const SCHEMES: &str = include_str!(concat!(env!("OUT_DIR"), "/schemes"));

/// Names and schemes.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCHEMES.lines().filter_map(|line| line.split_at_checked(line.find('{')?))
}

/// The preset called `name`.
pub fn find(name: &str) -> Option<Arc<Preset>> {
    rows().find(|(known, _)| *known == name).and_then(|(name, scheme)| read(name, scheme))
}

/// That there is no preset called `name`, and which may have been meant.
pub fn unknown(name: &str) -> String {
    format!("no such provider{}", did_you_mean(name, names()))
}

/// The names of all presets, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    rows().map(|(name, _)| name)
}

/// Reads a row; a test sees to it that every one can be read.
fn read(name: &str, scheme: &str) -> Option<Arc<Preset>> {
    let table = serde_json::from_slice(scheme.as_bytes()).ok()?;
    grammar::parse("scheme", name, &table).map(Arc::new).ok()
}

#[cfg(not(target_arch = "wasm32"))]
pub use about::{ALL, About, FACTS, Source, SourceKind, about};

#[cfg(not(target_arch = "wasm32"))]
mod about {
    #[cfg(test)]
    use super::grammar;
    use super::{read, rows};
    use crate::webhook::Preset;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::sync::{Arc, LazyLock};

    /// Every preset, by name.
    pub static ALL: LazyLock<Vec<Arc<Preset>>> =
        LazyLock::new(|| rows().filter_map(|(name, scheme)| read(name, scheme)).collect());

    /// A line of JSON for each preset, in the same order.
    const ABOUTS: &str = include_str!(concat!(env!("OUT_DIR"), "/abouts"));

    /// What people want to know of a provider. The Worker does not carry it.
    #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct About {
        /// The provider's own name.
        pub title: String,
        /// Where the facts of the preset stand.
        #[serde(default)]
        pub citation: String,
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
        /// What was read, by the short name that the facts give it.
        #[serde(default)]
        pub sources: BTreeMap<String, Source>,
        /// What is known of the provider, by the names in [`FACTS`]. Each ends with the sources that say so: `… [docs, sdk]`.
        #[serde(default)]
        pub facts: BTreeMap<String, String>,
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

    /// What people want to know of the preset called `name`.
    pub fn about(name: &str) -> Option<About> {
        let (_, about) = rows().zip(ABOUTS.lines()).find(|((known, _), _)| *known == name)?;
        serde_json::from_str(about).ok()
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
}
