//! The providers hookgate knows. Each is a file in `presets/`, in the words of an own scheme; the build puts them into a
//! table, and a source reads the one it names.

use super::fields::did_you_mean;
use super::grammar;
use crate::webhook::Preset;
use std::sync::Arc;

/// One preset, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The name in the configuration.
    pub name: &'static str,
    /// The scheme, as JSON.
    scheme: &'static str,
    /// What people want to know of it.
    #[cfg(not(target_arch = "wasm32"))]
    about: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/presets.rs"));

/// The preset called `name`.
pub fn find(name: &str) -> Option<Arc<Preset>> {
    let place = ROWS.binary_search_by(|row| row.name.cmp(name)).ok()?;
    ROWS.get(place).and_then(Row::preset)
}

/// That there is no preset called `name`, and which may have been meant.
pub fn unknown(name: &str) -> String {
    format!("no such provider{}", did_you_mean(name, names()))
}

/// The names of all presets, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

impl Row {
    /// Reads it; a test sees to it that every row can be read.
    fn preset(&self) -> Option<Arc<Preset>> {
        let table = serde_json::from_slice(self.scheme.as_bytes()).ok()?;
        grammar::parse("scheme", self.name, &table).map(Arc::new).ok()
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use about::{ALL, About, about};

#[cfg(not(target_arch = "wasm32"))]
mod about {
    #[cfg(test)]
    use super::grammar;
    use super::{ROWS, Row};
    use crate::webhook::Preset;
    use serde::Deserialize;
    use std::sync::{Arc, LazyLock};

    /// Every preset, by name.
    pub static ALL: LazyLock<Vec<Arc<Preset>>> = LazyLock::new(|| ROWS.iter().filter_map(Row::preset).collect());

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
        let row = ROWS.iter().find(|row| row.name == name)?;
        serde_json::from_str(row.about).ok()
    }

    #[test]
    fn every_row_can_be_read() {
        for row in ROWS {
            let table = serde_json::from_str(row.scheme).unwrap();
            if let Err(error) = grammar::parse("scheme", row.name, &table) {
                panic!("{}: {error}", row.name);
            }
            serde_json::from_str::<About>(row.about).unwrap_or_else(|error| panic!("{}: {error}", row.name));
        }
        assert_eq!(ALL.len(), ROWS.len());
    }
}
