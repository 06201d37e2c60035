//! The providers hookgate knows. Each is a file in `presets/`, in the words of an own scheme; the build puts them into a
//! table, and a source reads the one it names.

use crate::Preset;
use crate::grammar::{self, did_you_mean};
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

mod about;
pub use about::{ALL, About, FACTS, Proof, Source, SourceKind, Trap, TrapWhen, about, cited, described};
