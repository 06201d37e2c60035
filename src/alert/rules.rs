//! The rules: what fires an alert, with thresholds.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One of the six rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "AlertRule"))]
pub enum Rule {
    /// A source refuses too large a share of its requests.
    Refusals,
    /// Too large a share of the attempts to a destination fails.
    FailedAttempts,
    /// Events became dead letters.
    DeadLetters,
    /// An event has waited too long.
    Backlog,
    /// A destination has been paused too long.
    Paused,
    /// A source has sent no event for too long.
    Silent,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 6] =
        [Self::Refusals, Self::FailedAttempts, Self::DeadLetters, Self::Backlog, Self::Paused, Self::Silent];

    /// The rule's name in the configuration, in the state and in a notice.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::FailedAttempts => "failed_attempts",
            Self::DeadLetters => "dead_letters",
            Self::Backlog => "backlog",
            Self::Paused => "paused",
            Self::Silent => "silent",
        }
    }
}

/// The thresholds of all sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The thresholds of a source without thresholds of its own.
    pub general: Thresholds,
    /// The sources with thresholds of their own, by name.
    pub sources: Vec<(String, Thresholds)>,
    /// How often an open alert is told again. `None` for never.
    pub remind: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { general: Thresholds::default(), sources: Vec::new(), remind: Some(Duration::from_secs(4 * 3600)) }
    }
}

impl Rules {
    /// The thresholds of the source `name`.
    pub fn of(&self, name: &str) -> &Thresholds {
        self.sources.iter().find(|(source, _)| source == name).map_or(&self.general, |(_, own)| own)
    }
}

/// When each rule fires. `None` turns a rule off. A rule stops below half of its threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// The share of refused requests, in percent: from 1 to 100.
    pub refusals: Option<u8>,
    /// The share of failed attempts, in percent: from 1 to 100.
    pub failed_attempts: Option<u8>,
    /// The fewest requests or attempts that have a share. At least 2: one of one is no share.
    pub minimum: u64,
    /// The number of dead letters in an hour: at least 1.
    pub dead_letters: Option<u64>,
    /// The age of the oldest event that waits.
    pub backlog: Option<Duration>,
    /// The time for which a destination is paused.
    pub paused: Option<Duration>,
    /// The time without an event. A source fires after twice its usual gap at the earliest.
    pub silent: Option<Duration>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            refusals: Some(25),
            failed_attempts: Some(25),
            minimum: 10,
            dead_letters: Some(1),
            backlog: Some(Duration::from_secs(30 * 60)),
            paused: Some(Duration::from_secs(3600)),
            silent: Some(Duration::from_secs(6 * 3600)),
        }
    }
}
