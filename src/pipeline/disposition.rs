//! A message as a queue gave it, and what becomes of the message.

use super::ports::PortError;
use crate::config::{Config, ConfigError};
use crate::retry;
use hookgate_verify::UnixTime;
use std::time::Duration;

/// What becomes of a message that the queue's consumer took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is done: delivered, or durable among the dead letters.
    Ack,
    /// The queue gives it again after this delay, and to the dead letters when its retries run out.
    Retry(Duration),
}

/// A message as a queue handed it over.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedMessage<'m> {
    /// Its text.
    pub text: &'m str,
    /// The name of the queue.
    pub queue: &'m str,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The time at which the queue gave the message.
    pub now: UnixTime,
}

/// How long a queue keeps a message; as short as on the free plan, where the configuration cannot be read.
pub fn retention(config: &Result<Config, ConfigError>) -> Duration {
    config.as_ref().map_or(retry::DEFAULT_RETENTION, |config| config.retention)
}

/// Why a message is to be tried later.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: &'static str,
    pub problem: String,
}

impl Failure {
    pub fn of(reason: &'static str) -> impl FnOnce(PortError) -> Self {
        move |PortError(problem)| Self { reason, problem }
    }
}
