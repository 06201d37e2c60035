//! The state of all alerts. The caller keeps it as one JSON text between two evaluations.

use super::group::{Group, one_line};
use super::rhythm::Rhythms;
use super::window::{LONGER, RECENT};
use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// The longest name of a person who acknowledged, in bytes of JSON.
const LONGEST_BY: usize = 64;

/// The state of all alerts, of bounded size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// Counts the changes. The caller writes a state only if the stored revision is the one that it read.
    pub revision: u64,
    /// When the last window was evaluated.
    #[serde(default)]
    pub evaluated: Option<UnixTime>,
    /// Since when there has been a window without a long interruption.
    #[serde(default)]
    pub(super) watched: Option<UnixTime>,
    #[serde(default)]
    pub(super) alerts: Vec<Alert>,
    #[serde(default)]
    pub(super) rhythms: Rhythms,
}

/// The status of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "AlertStatus"))]
pub enum Status {
    /// Over its threshold, but not yet for long enough.
    Pending,
    /// Told, and not yet over.
    Open,
    /// An operator has seen it. There are no reminders.
    Acknowledged,
    /// Over. It is kept for a day, so that it does not come back at once.
    Resolved,
}

/// The alert of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The id: 16 hex digits, always the same for one group.
    pub id: String,
    /// What the alert is about.
    pub group: Group,
    /// Its status.
    pub status: Status,
    /// When its cause began to last.
    pub since: UnixTime,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixTime>,
    /// Who acknowledged it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<(String, UnixTime)>,
    /// The newest figures.
    pub measured: Measured,
    /// When it was told last.
    pub(super) told: UnixTime,
    /// How many reminders there were.
    pub(super) reminders: u32,
    /// How many times it came back soon after it was resolved.
    pub(super) returns: u8,
    /// How many evaluations in turn would change its status, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) streak: Option<(u8, UnixTime)>,
}

impl Alert {
    pub(super) fn pending(group: Group, measured: Measured, now: UnixTime) -> Self {
        Self {
            id: group.id(),
            group,
            status: Status::Pending,
            since: now,
            ended: None,
            acknowledged: None,
            measured,
            told: now,
            reminders: 0,
            returns: 0,
            streak: None,
        }
    }

    /// Whether the alert was told and is not over.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Open | Status::Acknowledged)
    }

    /// Whether the figures of the longer span no longer count: they still have the cause that is over.
    pub(super) fn is_of_recent(&self, now: UnixTime) -> bool {
        match self.status {
            Status::Open | Status::Acknowledged => {
                matches!(self.measured, Measured::Share { seconds, .. } if seconds == RECENT.as_secs())
            }
            Status::Resolved => self.ended.is_some_and(|ended| ended.until(now) < LONGER),
            Status::Pending => false,
        }
    }

    /// Counts one evaluation of a streak. Returns the number of evaluations, and the beginning.
    pub(super) fn count(&mut self, now: UnixTime) -> (u8, UnixTime) {
        let (count, began) = self.streak.unwrap_or((0, now));
        *self.streak.insert((count.saturating_add(1), began))
    }

    fn clamp(&mut self, now: UnixTime) {
        let acknowledged = self.acknowledged.as_mut().map(|(_, at)| at);
        let streak = self.streak.as_mut().map(|(_, at)| at);
        let times = [Some(&mut self.since), Some(&mut self.told), self.ended.as_mut(), acknowledged, streak];
        times.into_iter().flatten().for_each(|time| *time = (*time).min(now));
    }
}

/// The figures of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "AlertFigures"))]
pub enum Measured {
    /// So many of so many requests or attempts failed.
    Share {
        /// Those that failed.
        failed: u64,
        /// All.
        all: u64,
        /// The length of the span, in seconds.
        seconds: u64,
    },
    /// New dead letters.
    Dead {
        /// In the last hour.
        new: u64,
        /// All that are kept.
        all: u64,
    },
    /// An event has waited, a destination is paused, or a source is silent.
    Age {
        /// For this many seconds.
        seconds: u64,
    },
    /// More groups fire than are kept.
    More {
        /// The number of further groups.
        groups: u64,
    },
}

/// An alert cannot be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotOpen {
    /// There is no such alert.
    #[error("there is no alert {0}; list the alerts for their ids")]
    Unknown(String),
    /// The alert is not open.
    #[error("the alert {0} is not open, so there is nothing to acknowledge")]
    Over(String),
}

impl State {
    /// Reads what [`State::to_json`] wrote.
    ///
    /// # Errors
    /// The bytes are no state. The caller says so in the log, and begins with [`State::default`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The state as JSON.
    #[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a state is an object of texts and numbers")
    }

    /// The alerts that were told: open, acknowledged, and resolved within the last day.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.status != Status::Pending)
    }

    /// Acknowledges the open alert `id`, so that there are no more reminders of it. `by` is the name of the operator's token.
    /// A second acknowledgement changes nothing.
    ///
    /// # Errors
    /// [`NotOpen`], and nothing is changed.
    pub fn acknowledge(&mut self, id: &str, by: &str, now: UnixTime) -> Result<&Alert, NotOpen> {
        let alert = self.alerts.iter_mut().find(|alert| alert.id == id && alert.status != Status::Pending);
        let alert = alert.ok_or_else(|| NotOpen::Unknown(beginning(&one_line(id), LONGEST_BY).into_owned()))?;
        match alert.status {
            Status::Open => {
                alert.status = Status::Acknowledged;
                alert.acknowledged = Some((beginning(&one_line(by), LONGEST_BY).into_owned(), now));
                self.revision = self.revision.wrapping_add(1);
            }
            Status::Acknowledged => {}
            Status::Pending | Status::Resolved => return Err(NotOpen::Over(alert.id.clone())),
        }
        Ok(alert)
    }

    pub(super) fn find(&self, group: &Group) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.group == *group)
    }

    /// The state at the beginning of an evaluation at `now`. `None` if `now` is not later than the last evaluation by at
    /// least [`STEP`]: a repeated evaluation must not count.
    pub(super) fn begin(&self, now: UnixTime) -> Option<Self> {
        let mut state = self.clone();
        match self.evaluated {
            // A clock far in the future wrote this state. The alerts must not stop until that time comes.
            Some(before) if now.until(before) > LARGEST_STEP_BACK => {
                state.alerts.iter_mut().for_each(|alert| alert.clamp(now));
                state.rhythms.clamp(now);
                state.watched = Some(now);
            }
            Some(before) if before.until(now) < STEP => return None,
            Some(before) if before.until(now) <= LONGEST_INTERRUPTION => {}
            Some(_) | None => state.watched = Some(now),
        }
        state.evaluated = Some(now);
        state.revision = state.revision.wrapping_add(1);
        Some(state)
    }
}

/// The shortest time between two evaluations that both count.
pub const STEP: Duration = Duration::from_secs(30);
/// After a longer time without a window, the silence of a source is measured from the next window on.
pub const LONGEST_INTERRUPTION: Duration = Duration::from_secs(15 * 60);
/// A clock that is corrected by more than this time sets the state back.
const LARGEST_STEP_BACK: Duration = Duration::from_secs(3600);
