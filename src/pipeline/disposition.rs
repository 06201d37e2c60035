//! A message from a queue, and the consumer's decision on it.

use super::ports::PortError;
use crate::config::{Config, ConfigError};
use crate::pause::Pauses;
use crate::retry;
use hookgate_verify::UnixTime;
use std::time::Duration;

/// The consumer's decision on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The message is done: the event is delivered, or it is a durable dead letter.
    Ack,
    /// The queue hands the message over again after this delay. After the last retry, it is a dead letter.
    Retry(Duration),
}

/// A message from a queue.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedMessage<'m> {
    /// The text of the message.
    pub text: &'m str,
    /// The name of the queue.
    pub queue: &'m str,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// When the queue handed over the message.
    pub now: UnixTime,
    /// The pauses, as they were read for the batch of the message.
    pub pauses: &'m Pauses,
}

/// How long a queue keeps a message. If the configuration cannot be read, it is the retention of the free plan.
pub fn retention(config: &Result<Config, ConfigError>) -> Duration {
    config.as_ref().map_or(retry::DEFAULT_RETENTION, |config| config.retention)
}

/// Why a message must be tried later.
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
