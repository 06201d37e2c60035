//! The providers hookgate knows. Each is a file in `presets/`, in the words of an own scheme; the build puts them into a
//! table, and a source reads the one it names.

use crate::Preset;
use crate::grammar::{self, did_you_mean};
use std::sync::Arc;

/// A line for each preset, in the order of their names: the name, and the scheme as JSON. One text, because a table of
/// texts would compress worse, and most of a Worker's size is what compresses badly.
const SCHEMES: &str = include_str!(concat!(env!("OUT_DIR"), "/schemes"));

/// Names and schemes.
#[expect(
    clippy::expect_used,
    reason = "the build writes each line as a name and a JSON object, and a test reads them all"
)]
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let split = |line: &'static str| line.split_at_checked(line.find('{')?);
    SCHEMES.lines().map(move |line| split(line).expect("a row of the table is a name and an object"))
}

/// The preset called `name`.
pub fn find(name: &str) -> Option<Arc<Preset>> {
    rows().find(|(known, _)| *known == name).map(|(name, scheme)| read(name, scheme))
}

/// That there is no preset called `name`, and which may have been meant.
pub fn unknown(name: &str) -> String {
    format!("no such provider{}", did_you_mean(name, names()))
}

/// The names of all presets, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    rows().map(|(name, _)| name)
}

/// Reads a row. One that cannot be read must not look like a provider that nobody knows.
#[expect(clippy::expect_used, reason = "the rows are fixed when this is built, and a test reads every one")]
fn read(name: &str, scheme: &str) -> Arc<Preset> {
    let table = serde_json::from_slice(scheme.as_bytes()).expect("a row of the table is JSON");
    Arc::new(grammar::parse("scheme", name, &table).expect("a row of the table is a scheme"))
}

mod about;
pub use about::{ALL, About, FACTS, SignedBy, Source, SourceKind, Trap, TrapWhen, about, cited, described};
