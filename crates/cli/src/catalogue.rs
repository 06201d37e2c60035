//! `hookgate catalogue`: the evidence for each preset: the origin of its vectors, and the age of its sources.

use super::CommandResult;
use super::moment::TimeArgument;
use super::table;
use anyhow::{Context, Result, anyhow};
use hookgate_verify::presets::{self, About, SignedBy, Source};
use std::collections::BTreeMap;
use std::io::Write;

/// List the evidence for each preset: the origin of its vectors, and the age of its sources in days
#[derive(clap::Args)]
#[command(after_help = EXPLANATION)]
pub struct Catalogue {
    /// List only the sources that were read more than a year ago and must be read again
    #[arg(long)]
    stale: bool,
}

const EXPLANATION: &str = "\
provider: the provider published a signed request, or its published code made or accepted one.
sdk: the provider's own package makes or accepts one in each run of the tests. library: a third party's package does.
own reading: other code signed it by the documentation. A misread document is then wrong on both sides.";

/// The age in days after which a source must be read again.
const STALE: i64 = 365;

impl Catalogue {
    /// Prints the list.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let now = TimeArgument::now();
        if self.stale {
            list_stale(now, out)?
        } else {
            list(now, out)?
        }
        Ok(CommandResult::Success)
    }
}

fn list(now: TimeArgument, out: &mut dyn Write) -> Result<()> {
    let mut rows = vec![["provider", "proof", "days", "vectors", "oldest source"].map(str::to_owned)];
    for (preset, about) in presets::described() {
        let name = &preset.name;
        let proof = about.best_proof().with_context(|| format!("{name} has no vector"))?;
        let source = about.oldest().with_context(|| format!("{name} has no source"))?;
        rows.push([name.clone(), proof.to_string(), age(source, now)?.to_string(), split(&about), source.at.clone()]);
    }
    table::write(rows, out)?;
    writeln!(out, "{} providers. {}", presets::ALL.len(), counts()?)?;
    Ok(())
}

/// The number of presets for each kind of best proof, as text.
pub fn counts() -> Result<String> {
    let mut counts = BTreeMap::<SignedBy, usize>::new();
    for (_, about) in presets::described() {
        let proof = about.best_proof().context("a preset without a vector: add one to tests/vectors/")?;
        let entry = counts.entry(proof).or_default();
        *entry = entry.saturating_add(1);
    }
    let counts: Vec<String> = counts.iter().map(|(proof, count)| format!("{count} {proof}")).collect();
    Ok(format!("By their best proof: {}.", counts.join(", ")))
}

fn list_stale(now: TimeArgument, out: &mut dyn Write) -> Result<()> {
    for (preset, about) in presets::described() {
        for source in about.sources.values() {
            let days = age(source, now)?;
            if days > STALE {
                writeln!(out, "{}: read {days} days ago, read it again: {}", preset.name, source.at)?;
            }
        }
    }
    Ok(())
}

/// The age of a source in days.
fn age(source: &Source, now: TimeArgument) -> Result<i64> {
    let problem = |_| anyhow!("{:?} of {} is not a date such as 2026-11-27", source.read, source.at);
    let read: TimeArgument = format!("{}T00:00:00Z", source.read).parse().map_err(problem)?;
    Ok(now.unix().seconds().saturating_sub(read.unix().seconds()) / 86_400)
}

/// The number of vectors for each kind of proof: `2 provider, 5 own reading`.
pub fn split(about: &About) -> String {
    let counts: Vec<String> = about.proof.iter().map(|(proof, count)| format!("{count} {proof}")).collect();
    counts.join(", ")
}
