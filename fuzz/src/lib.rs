//! The fuzz targets: each takes bytes and checks its invariants. `fuzz_targets/` hands these functions to libFuzzer, and
//! `tests/corpus.rs` runs them on the committed corpora.

#[path = "../../crates/verify/tests/common/mod.rs"]
mod common;

pub mod canonical;
pub mod config;
pub mod json;
pub mod message;
pub mod provider;
pub mod redact;
pub mod signature;
pub mod timestamp;

use common::{Case, exemplary_forms};
use hookgate::config::{Bindings, Config};
use hookgate_verify::UnixTime;
use serde_json::Value;

/// The name of a target, and its function. The function panics if an invariant does not hold.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("canonical", canonical::run),
    ("config", config::run),
    ("json", json::run),
    ("message", message::run),
    ("provider", provider::run),
    ("redact", redact::run),
    ("signature", signature::run),
    ("timestamp", timestamp::run),
];

const SEED: &str = "the-secret";
const ID: &str = "msg_1";
/// 2026-01-15T12:00:00Z.
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// The first byte chooses the variant: `a` is the first variant, `b` the second; after the last comes the first again.
fn choose(data: &[u8]) -> Option<(Case, &[u8])> {
    let (letter, rest) = data.split_first()?;
    let forms: Vec<Case> = exemplary_forms().collect();
    Some((forms[usize::from(letter.wrapping_sub(b'a')) % forms.len()], rest))
}

/// The configuration of a deployment with every binding or with none.
fn configure(sources: &Value, bound: bool, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, String> {
    let bindings = if bound { Bindings::ALL } else { Bindings::default() };
    Config::parse(sources, bindings, lookup).map_err(|error| error.to_string())
}
