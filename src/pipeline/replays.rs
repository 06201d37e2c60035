//! Puts events of the log into the queue again.

use super::consume::{destination_in, find_destination};
use super::ports::{PortError, Ports, Stored};
use crate::config::{Config, ConfigError};
use crate::dedup::ClaimToken;
use crate::message::Event;
use crate::replay::{CannotReplay, LoggedEvent};
use hookgate_verify::UnixTime;

/// Why an event was not put into the queue.
pub enum ReplayFailure {
    /// The event cannot be replayed.
    Cannot(CannotReplay),
    /// A store or the queue failed. The event may be in the queue.
    Failed(PortError),
}

impl From<CannotReplay> for ReplayFailure {
    fn from(problem: CannotReplay) -> Self {
        Self::Cannot(problem)
    }
}

impl From<PortError> for ReplayFailure {
    fn from(error: PortError) -> Self {
        Self::Failed(error)
    }
}

/// The URL of the destination of `source`, without its query.
///
/// # Errors
/// Why the events of this source cannot be replayed.
pub fn destination(source: &str, config: &Config) -> Result<String, String> {
    let (_, destination) = destination_in(source, config)?;
    Ok(destination.without_query().to_owned())
}

/// Puts `logged` into the queue, as a part of the replay `token`. Returns the event as the log has it.
pub async fn enqueue<P: Ports>(
    logged: LoggedEvent,
    token: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Result<Event<'static>, ReplayFailure> {
    let event = logged.event()?;
    find_destination(event.source(), config).map_err(CannotReplay::Source)?;
    if let Some(payload) = event.payload() {
        match ports.open(payload).await? {
            Stored::Bytes(_) => {}
            Stored::Delivered => return Err(CannotReplay::Delivered.into()),
            Stored::Nothing => return Err(CannotReplay::Gone.into()),
        }
    }
    let replayed = event.clone().replayed(token, now);
    let replayed = match replayed.encode_again() {
        Ok(message) => {
            ports.enqueue(&message).await?;
            return Ok(event);
        }
        Err(_) if !ports.stores_payloads() => return Err(CannotReplay::TooLarge.into()),
        // The log has larger bodies than a queue message: of a filtered event, and of `deliver = "origin"`.
        Err(_) => {
            let name = format!("{}/{}", event.key(), ClaimToken(ports.random()));
            ports.store(&name, event.body()).await?;
            replayed.spilled(name)
        }
    };
    let message = replayed.encode_again().map_err(|_| CannotReplay::TooLarge)?;
    ports.enqueue(&message).await?;
    Ok(event)
}
