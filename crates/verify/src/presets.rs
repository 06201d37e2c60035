//! The providers that hookgate knows. Each preset is a file in `presets/`, with the keys of a configured scheme. The build
//! writes the presets into a table. A source reads only the preset that the source names.

use crate::Preset;
use crate::grammar::{self, did_you_mean};
use std::sync::Arc;

/// One line for each preset, sorted by name: the name, and the scheme as JSON. The table is one text, because a table of
/// many texts compresses worse.
const SCHEMES: &str = include_str!(concat!(env!("OUT_DIR"), "/schemes"));

/// The name and the scheme of each preset.
#[expect(
    clippy::expect_used,
    reason = "the build writes each line as a name and a JSON object, and a test reads every line"
)]
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let split = |line: &'static str| line.split_at_checked(line.find('{')?);
    SCHEMES.lines().map(move |line| split(line).expect("a row of the table is a name and an object"))
}

/// The preset with the name `name`.
pub fn find(name: &str) -> Option<Arc<Preset>> {
    rows().find(|(known, _)| *known == name).map(|(name, scheme)| read(name, scheme))
}

/// The error text for an unknown preset `name`, with the nearest known name.
pub fn unknown(name: &str) -> String {
    format!("no such provider{}", did_you_mean(name, names()))
}

/// The names of all presets, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    rows().map(|(name, _)| name)
}

/// Reads a row. A row that cannot be read must fail loudly: `None` would look like an unknown provider.
#[expect(clippy::expect_used, reason = "the rows are fixed when this is built, and a test reads every one")]
fn read(name: &str, scheme: &str) -> Arc<Preset> {
    let table = serde_json::from_slice(scheme.as_bytes()).expect("a row of the table is JSON");
    Arc::new(grammar::parse("scheme", name, &table).expect("a row of the table is a scheme"))
}

mod about;
pub use about::{ALL, About, FACTS, SignedBy, Source, SourceKind, Trap, TrapWhen, about, cited, described};
