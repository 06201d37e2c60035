//! Alerts: tells the operator that something is wrong, and that it is over again.
//!
//! Everything here is pure. The caller reads a [`Window`] from the records and calls [`evaluate`] once a minute, at least
//! every ten minutes. The function compares the window with the [`Rules`] and with the [`State`] of the evaluation before.
//! It returns the next state, and the [`Notice`]s to send.
//!
//! An alert is about one [`Group`]: a rule, a source, a destination and a cause. It opens after [`TO_OPEN`] evaluations over
//! its threshold. It resolves below half of the threshold, after [`TO_RESOLVE`] evaluations and ten minutes. An alert that
//! comes back soon needs twice as long to resolve each time, up to four hours. So one group has at most
//! [`MOST_NOTICES_AN_HOUR`] notices an hour, with any records.

mod group;
mod measure;
mod notice;
mod rhythm;
mod rules;
mod state;
mod view;
mod window;

pub use group::Group;
pub use notice::{Format, MOST_BODY, Notice, NoticeKind};
pub use rules::{Rule, Rules, Thresholds};
pub use state::{Alert, LONGEST_INTERRUPTION, Measured, NotOpen, STEP, State, Status};
pub use window::{Counts, DEAD_SPAN, DestinationWindow, LONGER, RECENT, SourceWindow, Window};

use hookgate_verify::UnixTime;
use measure::{Level, Measure, measures};
use std::time::Duration;

/// The evaluations in turn over the threshold, until an alert opens.
pub const TO_OPEN: u8 = 2;
/// The evaluations in turn under the lower threshold, until an alert resolves.
pub const TO_RESOLVE: u8 = 3;
/// The most alerts of one rule. If more groups fire, one summary says so. Each rule has its own alerts: forged requests
/// must not hide a destination that fails.
pub const MOST_ALERTS: usize = 16;
/// The most notices of one group within an hour.
pub const MOST_NOTICES_AN_HOUR: usize = 5;

/// How long an alert must be under its lower threshold before it resolves for the first time.
const QUIET: Duration = Duration::from_secs(600);
const LONGEST_QUIET: Duration = Duration::from_secs(4 * 3600);
/// An alert that comes back within this time returns.
const RETURN: Duration = LONGER;
/// How long a resolved alert keeps its place when there is no other place.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How long a resolved alert is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Compares the records with the rules. Returns the next state, and the notices to send, in the order of sending.
///
/// `None` for the window changes nothing: without records, no alert opens, resolves or is told again. An evaluation less
/// than [`STEP`] after the one before, or before it, changes nothing either.
///
/// The ids of the notices depend only on the state and not on `now`. If the caller sends the notices and then fails to write
/// the state, the next evaluation makes the same ids, and the receiver can recognise the second notice.
pub fn evaluate(previous: &State, window: Option<&Window>, rules: &Rules, now: UnixTime) -> (State, Vec<Notice>) {
    let begun = window.and_then(|window| Some((window, previous.begin(now)?)));
    let Some((window, mut state)) = begun else { return (previous.clone(), Vec::new()) };
    let measures = measures(window, rules, &state, now);
    state.rhythms.learn(window, rules, now);
    let mut evaluation =
        Evaluation { alerts: std::mem::take(&mut state.alerts), kept: Vec::new(), notices: Vec::new() };
    // An alert that exists keeps its place. What is left goes to new ones, the worst first.
    let (known, new): (Vec<_>, Vec<_>) =
        measures.into_iter().partition(|measure| evaluation.alerts.iter().any(|alert| alert.group == measure.group));
    let mut further = Rule::ALL.map(|rule| (rule, 0_u64));
    for measure in known {
        evaluation.step(&measure, rules, now);
    }
    for measure in new.iter().filter(|measure| measure.reading(None, now).0 == Level::Over) {
        if evaluation.has_place(measure.group.rule, now) {
            evaluation.step(measure, rules, now);
        } else if let Some((_, count)) = further.iter_mut().find(|(rule, _)| *rule == measure.group.rule) {
            *count = count.saturating_add(1);
        }
    }
    for (rule, groups) in further {
        let level = if groups > 0 { Level::Over } else { Level::Under };
        evaluation.step(&Measure::single(Group::summary(rule), level, Measured::More { groups }), rules, now);
    }
    evaluation.end_the_rest(rules, now);
    state.alerts = evaluation.kept;
    state.alerts.sort_by(|one, other| one.group.cmp(&other.group));
    (state, evaluation.notices)
}

/// An evaluation under way.
struct Evaluation {
    /// The alerts that are not yet evaluated.
    alerts: Vec<Alert>,
    /// The alerts of the next state.
    kept: Vec<Alert>,
    notices: Vec<Notice>,
}

impl Evaluation {
    /// Evaluates the alert of one group.
    fn step(&mut self, measure: &Measure, rules: &Rules, now: UnixTime) {
        let place = self.alerts.iter().position(|alert| alert.group == measure.group);
        let known = place.map(|place| self.alerts.swap_remove(place));
        let (level, measured) = measure.reading(known.as_ref(), now);
        match known {
            Some(alert) => self.next(alert, level, Some(measured), rules, now),
            None if level == Level::Over => {
                self.next(Alert::pending(measure.group.clone(), measured, now), level, Some(measured), rules, now);
            }
            None => {}
        }
    }

    /// The groups without a figure: the source or the destination is gone, the cause did not come again, or the rule is off.
    fn end_the_rest(&mut self, rules: &Rules, now: UnixTime) {
        for alert in std::mem::take(&mut self.alerts) {
            self.next(alert, Level::Under, None, rules, now);
        }
    }

    /// Whether the rule may have another alert. One that was resolved an hour ago makes place for it. A place that is free at
    /// once would forget which groups come back, and tell of them again and again.
    fn has_place(&mut self, rule: Rule, now: UnixTime) -> bool {
        let all = || self.alerts.iter().chain(&self.kept);
        if all().filter(|alert| alert.group.rule == rule && !alert.group.is_summary()).count() < MOST_ALERTS {
            return true;
        }
        let is_over = |alert: &Alert| {
            let over = alert.ended.is_some_and(|ended| ended.until(now) > REMEMBERED) && alert.streak.is_none();
            over && alert.group.rule == rule && !alert.group.is_summary()
        };
        let oldest = all().filter(|alert| is_over(alert)).min_by_key(|alert| alert.ended).map(|alert| alert.id.clone());
        let Some(oldest) = oldest else { return false };
        self.alerts.retain(|alert| alert.id != oldest);
        self.kept.retain(|alert| alert.id != oldest);
        true
    }

    /// Moves one alert on, and keeps it unless it is of no more use.
    fn next(&mut self, mut alert: Alert, level: Level, measured: Option<Measured>, rules: &Rules, now: UnixTime) {
        // The last figures stay if there are no new ones, and after the alert is over.
        if alert.status != Status::Resolved {
            alert.measured = measured.unwrap_or(alert.measured);
        }
        let kind = match alert.status {
            Status::Pending | Status::Resolved => open(&mut alert, level, measured, now),
            Status::Open | Status::Acknowledged => {
                resolve(&mut alert, level, now).or_else(|| remind(&mut alert, rules, now))
            }
        };
        if let Some(kind) = kind {
            alert.told = now;
            self.notices.push(Notice { kind, alert: alert.clone(), at: now });
        }
        let is_of_use = match alert.status {
            Status::Pending => alert.streak.is_some(),
            Status::Open | Status::Acknowledged => true,
            Status::Resolved => alert.ended.is_some_and(|ended| ended.until(now) < KEPT),
        };
        if is_of_use {
            self.kept.push(alert);
        }
    }
}

/// Opens a pending or resolved alert if it was over its threshold often enough.
fn open(alert: &mut Alert, level: Level, measured: Option<Measured>, now: UnixTime) -> Option<NoticeKind> {
    if level != Level::Over {
        alert.streak = None;
        return None;
    }
    let (count, began) = alert.count(now);
    if count < TO_OPEN {
        return None;
    }
    let returned = alert.ended.is_some_and(|ended| ended.until(now) < RETURN);
    alert.returns = if returned { alert.returns.saturating_add(1) } else { 0 };
    alert.measured = measured.unwrap_or(alert.measured);
    (alert.status, alert.since, alert.ended, alert.acknowledged) = (Status::Open, began, None, None);
    (alert.streak, alert.reminders) = (None, 0);
    Some(NoticeKind::Opened)
}

/// Resolves an open alert if it was under its lower threshold often enough and for long enough.
fn resolve(alert: &mut Alert, level: Level, now: UnixTime) -> Option<NoticeKind> {
    if level != Level::Under {
        alert.streak = None;
        return None;
    }
    let (count, began) = alert.count(now);
    let doubled = 1_u32.checked_shl(u32::from(alert.returns).min(16)).unwrap_or(u32::MAX);
    let quiet = QUIET.saturating_mul(doubled).min(LONGEST_QUIET);
    if count < TO_RESOLVE || began.until(now) < quiet {
        return None;
    }
    (alert.status, alert.ended, alert.streak) = (Status::Resolved, Some(now), None);
    Some(NoticeKind::Resolved)
}

/// Tells of an open alert again. An alert that is about to resolve is not told again.
fn remind(alert: &mut Alert, rules: &Rules, now: UnixTime) -> Option<NoticeKind> {
    let is_due = rules.remind.is_some_and(|remind| alert.told.until(now) >= remind);
    if alert.status != Status::Open || alert.streak.is_some() || !is_due {
        return None;
    }
    alert.reminders = alert.reminders.saturating_add(1);
    Some(NoticeKind::Reminder)
}
