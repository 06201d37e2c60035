//! The rhythm of each source: the longest usual time between two of its events.

use super::rules::Rules;
use super::window::{SourceWindow, Window};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most sources whose rhythm is kept. Another source fires only if the caller knows its usual gap.
const MOST_SOURCES: usize = 512;
/// The longest name of a source: see `SourceName`.
const LONGEST_NAME: usize = 64;
/// How long a source is watched before its silence counts. A week has nights and a weekend.
const LEARNING: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many gaps must have been seen.
const FEWEST_GAPS: u8 = 3;
/// A gap is forgotten after one to two of these periods, if there were other gaps since.
const PERIOD: Duration = Duration::from_secs(14 * 24 * 3600);

/// The rhythms of all sources that are watched, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Rhythms(Vec<Rhythm>);

/// The gaps of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rhythm {
    source: String,
    /// When the source was seen first.
    first: UnixTime,
    last: UnixTime,
    /// The longest gap of this period, in seconds.
    longest: u64,
    /// The longest gap of the period before.
    before: u64,
    /// How many gaps were seen, up to [`FEWEST_GAPS`].
    gaps: u8,
    /// When this period began.
    period: UnixTime,
}

impl Rhythm {
    fn usual(&self, now: UnixTime) -> Option<Duration> {
        let known = self.gaps >= FEWEST_GAPS && self.first.until(now) >= LEARNING;
        known.then(|| Duration::from_secs(self.longest.max(self.before)))
    }

    fn learn(&mut self, last: UnixTime, bound: Option<Duration>, now: UnixTime) {
        // Without a gap in this period nothing is forgotten: the source may be rare.
        if self.period.until(now) >= PERIOD && self.longest > 0 {
            (self.before, self.longest, self.period) = (self.longest, 0, now);
        }
        if last > self.last {
            let gap = self.last.until(last);
            self.longest = self.longest.max(bound.map_or(gap, |bound| gap.min(bound)).as_secs());
            self.gaps = self.gaps.saturating_add(1).min(FEWEST_GAPS);
            self.last = last;
        }
    }
}

impl Rhythms {
    /// Learns the last event of each source. A source that is not in the window is forgotten.
    pub fn learn(&mut self, window: &Window, rules: &Rules, now: UnixTime) {
        let sources = window.sources.iter().filter(|source| source.source.len() <= LONGEST_NAME);
        let seen = sources.filter_map(|source| Some((source, source.last_event?.min(now))));
        let mut seen: Vec<(&SourceWindow, UnixTime)> = seen.collect();
        seen.sort_by(|(one, _), (other, _)| one.source.cmp(&other.source));
        seen.dedup_by(|(one, _), (other, _)| one.source == other.source);
        let mut rhythms = Vec::with_capacity(seen.len().min(MOST_SOURCES));
        for (source, last) in seen.into_iter().take(MOST_SOURCES) {
            let bound = self.bound(source, rules, now);
            let known = self.0.iter().find(|rhythm| rhythm.source == source.source).cloned();
            let mut rhythm = known.unwrap_or_else(|| Rhythm {
                source: source.source.clone(),
                first: now,
                last,
                longest: 0,
                before: 0,
                gaps: 0,
                period: now,
            });
            // A gap counts only up to the time after which the source is silent: an outage is not usual.
            rhythm.learn(last, bound, now);
            rhythms.push(rhythm);
        }
        self.0 = rhythms;
    }

    /// The time without an event after which the source is silent: at least twice its usual gap. `None` if the rule is off,
    /// or if nobody knows the usual gap.
    pub fn bound(&self, source: &SourceWindow, rules: &Rules, now: UnixTime) -> Option<Duration> {
        let silent = rules.of(&source.source).silent?;
        let learnt = self.0.iter().find(|rhythm| rhythm.source == source.source).and_then(|rhythm| rhythm.usual(now));
        let usual = learnt.max(source.usual_gap)?;
        Some(silent.max(usual.saturating_mul(2)))
    }

    /// Moves times after `now` to `now`.
    pub fn clamp(&mut self, now: UnixTime) {
        for Rhythm { first, last, period, .. } in &mut self.0 {
            for time in [first, last, period] {
                *time = (*time).min(now);
            }
        }
    }
}
