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
pub use about::{ALL, About, about};

#[cfg(not(target_arch = "wasm32"))]
mod about {
    #[cfg(test)]
    use super::grammar;
    use super::{read, rows};
    use crate::webhook::Preset;
    use serde::Deserialize;
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
    }

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
