//! What every fuzz target does with its bytes, and what must hold then. `fuzz_targets/` hands these functions to
//! libFuzzer, and `tests/corpus.rs` runs the same on the committed corpora.

#[path = "../../crates/verify/tests/common/mod.rs"]
mod common;

pub mod canonical;
pub mod config;
pub mod json;
pub mod message;
pub mod provider;
pub mod signature;
pub mod timestamp;

use common::{Case, exemplary_forms};
use hookgate::config::{Bindings, Config};
use hookgate_verify::UnixTime;
use serde_json::Value;

/// A target's name, and what it does with an input: it panics where something does not hold.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("canonical", canonical::run),
    ("config", config::run),
    ("json", json::run),
    ("message", message::run),
    ("provider", provider::run),
    ("signature", signature::run),
    ("timestamp", timestamp::run),
];

const SEED: &str = "the-secret";
const ID: &str = "msg_1";
/// 2026-01-15T12:00:00Z.
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// The first byte says which form of a preset the rest is for: `a` the first, and so on, round and round.
fn choose(data: &[u8]) -> Option<(Case, &[u8])> {
    let (letter, rest) = data.split_first()?;
    let forms: Vec<Case> = exemplary_forms().collect();
    Some((forms[usize::from(letter.wrapping_sub(b'a')) % forms.len()], rest))
}

/// The configuration, as a deployment that has every binding, or none, reads it.
fn configure(sources: &Value, bound: bool, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, String> {
    let bindings = Bindings { dedup: bound, events: bound, claims: bound, payloads: bound, log: bound, rejects: bound };
    Config::parse(sources, bindings, lookup).map_err(|error| error.to_string())
}
