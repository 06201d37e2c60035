//! Compares a window with the rules: one measure for each group.

use super::group::{Group, SEVERAL, shown};
use super::rules::{Rule, Rules};
use super::state::{Alert, Measured, State};
use super::window::{Counts, DestinationWindow, LONGER, RECENT, SourceWindow, Window};
use hookgate_verify::UnixTime;
use std::time::Duration;

/// The most causes of one source or of one destination that are measured one by one. The others count together.
const MOST_CAUSES: usize = 16;

/// Where a figure is. Between the two thresholds nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Under,
    Between,
    Over,
}

/// The figures of one group.
#[derive(Debug)]
pub(super) struct Measure {
    pub group: Group,
    recent: (Level, Measured),
    /// The figures of the longer span, if the recent span has too few requests or attempts.
    longer: Option<(Level, Measured)>,
}

impl Measure {
    pub fn single(group: Group, level: Level, measured: Measured) -> Self {
        Self { group, recent: (level, measured), longer: None }
    }

    /// The level and the figures that count for `alert`, the alert of this group.
    pub fn reading(&self, alert: Option<&Alert>, now: UnixTime) -> (Level, Measured) {
        let longer = self.longer.filter(|_| !alert.is_some_and(|alert| alert.is_of_recent(now)));
        longer.unwrap_or(self.recent)
    }

    /// How much is wrong, to tell the worst first.
    pub fn weight(&self) -> u64 {
        match self.longer.unwrap_or(self.recent).1 {
            Measured::Share { failed, .. } => failed,
            Measured::Dead { new, .. } => new,
            Measured::Age { seconds } => seconds,
            Measured::More { groups } => groups,
        }
    }
}

/// All measures, the worst first, each group once.
pub(super) fn measures(window: &Window, rules: &Rules, state: &State, now: UnixTime) -> Vec<Measure> {
    let mut measures = Vec::new();
    for source in &window.sources {
        let thresholds = rules.of(&source.source);
        if let Some(percent) = thresholds.refusals {
            let limit = Limit { percent, minimum: thresholds.minimum };
            let group = |cause: &str| Group::new(Rule::Refusals, &source.source, None, Some(cause));
            measures.extend(limit.shares(group, (&source.recent, &source.longer), state, now));
        }
        measures.extend(silence(source, rules, state, now));
    }
    for destination in &window.destinations {
        let thresholds = rules.of(&destination.source);
        if let Some(percent) = thresholds.failed_attempts {
            let limit = Limit { percent, minimum: thresholds.minimum };
            let group = |cause: &str| group_of(Rule::FailedAttempts, destination, Some(cause));
            measures.extend(limit.shares(group, (&destination.recent, &destination.longer), state, now));
        }
        measures.extend(thresholds.dead_letters.map(|most| dead_letters(destination, most)));
        let ages = [
            (Rule::Backlog, thresholds.backlog, destination.oldest_waiting),
            (Rule::Paused, thresholds.paused, destination.paused_since),
        ];
        for (rule, limit, since) in ages {
            let age = since.map(|since| since.until(now));
            measures.extend(limit.map(|limit| aged(group_of(rule, destination, None), age, limit)));
        }
    }
    // Two records of one group would be evaluated twice.
    measures.sort_by(|one, other| one.group.cmp(&other.group).then(other.weight().cmp(&one.weight())));
    measures.dedup_by(|later, first| later.group == first.group);
    measures.sort_by_key(|measure| std::cmp::Reverse(measure.weight()));
    measures
}

fn group_of(rule: Rule, window: &DestinationWindow, cause: Option<&str>) -> Group {
    Group::new(rule, &window.source, Some(&window.destination), cause)
}

fn silence(source: &SourceWindow, rules: &Rules, state: &State, now: UnixTime) -> Option<Measure> {
    let last = source.last_event?;
    let bound = state.rhythms.bound(source, rules, now)?;
    let group = Group::new(Rule::Silent, &source.source, None, None);
    // While there was no window, events may have come without a record. An open alert knows that none came before.
    let is_open = state.find(&group).is_some_and(Alert::is_open);
    let since = if is_open { last } else { state.watched.map_or(now, |watched| watched.max(last)) };
    let mut measure = aged(group, Some(since.until(now)), bound);
    measure.recent.1 = Measured::Age { seconds: last.until(now).as_secs() };
    Some(measure)
}

fn dead_letters(window: &DestinationWindow, most: u64) -> Measure {
    let level = match window.dead {
        new if new >= most.max(1) => Level::Over,
        new if new.saturating_mul(2) < most || new == 0 => Level::Under,
        _ => Level::Between,
    };
    let measured = Measured::Dead { new: window.dead, all: window.dead_in_all.max(window.dead) };
    Measure::single(group_of(Rule::DeadLetters, window, None), level, measured)
}

fn aged(group: Group, age: Option<Duration>, limit: Duration) -> Measure {
    let level = match age {
        Some(age) if age >= limit => Level::Over,
        Some(age) if age.saturating_mul(2) >= limit => Level::Between,
        Some(_) | None => Level::Under,
    };
    Measure::single(group, level, Measured::Age { seconds: age.map_or(0, |age| age.as_secs()) })
}

/// The threshold of a share.
#[derive(Clone, Copy)]
struct Limit {
    percent: u8,
    minimum: u64,
}

impl Limit {
    fn level(self, failed: u64, all: u64) -> Level {
        let (share, limit) = (failed.saturating_mul(100), all.saturating_mul(self.percent.into()));
        let few = all.saturating_mul(2) < self.minimum.max(2);
        if few || share.saturating_mul(2) < limit {
            Level::Under
        } else if share >= limit && all >= self.minimum.max(2) {
            Level::Over
        } else {
            Level::Between
        }
    }

    /// A measure for each cause, and one for the small causes together: none of several causes may be over the threshold
    /// although all requests fail.
    fn shares(
        self,
        group: impl Fn(&str) -> Group,
        (recent, longer): (&Counts, &Counts),
        state: &State,
        now: UnixTime,
    ) -> Vec<Measure> {
        let [recent, longer] = [recent, longer].map(Tally::of);
        let measure = |cause: &str, few: u64, many: u64| {
            let figures = |failed, all, span: Duration| {
                (self.level(failed, all), Measured::Share { failed, all, seconds: span.as_secs() })
            };
            Measure {
                group: group(cause),
                recent: figures(few, recent.all, RECENT),
                longer: (recent.all < self.minimum.max(2)).then(|| figures(many, longer.all, LONGER)),
            }
        };
        let mut causes: Vec<(String, u64, u64)> = Vec::new();
        for (cause, count) in &longer.failed {
            causes.push((cause.clone(), 0, *count));
        }
        for (cause, count) in &recent.failed {
            match causes.iter_mut().find(|(known, ..)| known == cause) {
                Some((_, recent, _)) => *recent = *count,
                None => causes.push((cause.clone(), *count, 0)),
            }
        }
        causes.sort_by(|one, other| other.1.cmp(&one.1).then(other.2.cmp(&one.2)).then(one.0.cmp(&other.0)));
        let (mut rest, mut rest_longer) = (recent.failed_in_all(), longer.failed_in_all());
        let mut measures = Vec::new();
        for (cause, few, many) in causes.iter().take(MOST_CAUSES) {
            let measure = measure(cause, *few, *many);
            let alert = state.find(&measure.group);
            let is_apart = alert.is_some_and(Alert::is_open) || measure.reading(alert, now).0 == Level::Over;
            if is_apart {
                rest = rest.saturating_sub(*few);
            }
            // The longer span still has a cause that is over.
            if is_apart || alert.is_some_and(|alert| alert.is_of_recent(now)) {
                rest_longer = rest_longer.saturating_sub(*many);
            }
            measures.push(measure);
        }
        measures.push(measure(SEVERAL, rest, rest_longer));
        measures
    }
}

/// Counts without contradictions: each cause once, and all are at least the failed ones.
struct Tally {
    all: u64,
    failed: Vec<(String, u64)>,
}

impl Tally {
    fn of(counts: &Counts) -> Self {
        let mut failed: Vec<(String, u64)> = Vec::new();
        for (cause, count) in counts.causes() {
            // A cause of this name would be mixed with the small causes.
            let cause = shown(if cause == SEVERAL { "several_causes" } else { cause });
            match failed.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => failed.push((cause, count)),
            }
        }
        let mut tally = Self { all: counts.all, failed };
        tally.all = tally.all.max(tally.failed_in_all());
        tally
    }

    fn failed_in_all(&self) -> u64 {
        self.failed.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_needs_a_minimum_and_stops_below_half_of_its_threshold() {
        let limit = Limit { percent: 25, minimum: 10 };
        for (failed, all, level) in [
            (1, 1, Level::Under),
            (4, 4, Level::Under),
            (5, 5, Level::Between),
            (9, 9, Level::Between),
            (10, 10, Level::Over),
            (25, 100, Level::Over),
            (24, 100, Level::Between),
            (13, 100, Level::Between),
            (12, 100, Level::Under),
            (0, 0, Level::Under),
            (0, u64::MAX, Level::Under),
        ] {
            assert_eq!(limit.level(failed, all), level, "{failed} of {all}");
        }
        let one = Limit { percent: 100, minimum: 0 };
        assert_ne!(one.level(1, 1), Level::Over, "one of one is no share, with any minimum");
    }
}
