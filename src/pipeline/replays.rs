//! Puts events of the log into the queue again, claims each replayed event before it is delivered, and leaves out what a
//! replay has delivered.

use super::bodies;
use super::claims::{Acquisition, FORWARD_LEASE, ObjectClaim, OptionalClaim, REDRIVE_REMEMBERED};
use super::consume::{destination_in, find_destination};
use super::disposition::{Failure, ReceivedMessage};
use super::jobs::{self, Need};
use super::ports::{ClaimStore, Database, Local, PortError, Ports, Stored};
use crate::config::{Config, ConfigError};
use crate::database::Rows;
use crate::dedup::{ClaimTerms, ClaimToken};
use crate::log::EventName;
use crate::message::Event;
use crate::payload;
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
        // The row or the letter of the event may expire while the message waits.
        ports.run(vec![bodies::hold(payload, now)]).await?;
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
            let name = payload::copy_named(&format!("{}/{}", event.key(), ClaimToken(ports.random())));
            ports.store(&name, event.body()).await?;
            replayed.spilled(name)
        }
    };
    let message = replayed.encode_again().map_err(|_| CannotReplay::TooLarge)?;
    ports.enqueue(&message).await?;
    Ok(event)
}

/// What becomes of a message.
pub enum Begun {
    /// It is sent. All replays and redrives of an event share the claim. There is none for other messages, and if one of the
    /// replays or redrives has delivered the event before.
    Wanted(OptionalClaim),
    /// It must not be sent anymore. The event is settled, or another message of it is on its way. `may_wait` says that
    /// somebody else delivered the event, and that its row may wait for this message.
    Obsolete { may_wait: bool },
    /// It must not be sent anymore, because its job was cancelled. No other message of the event is on its way, so it becomes
    /// a dead letter.
    Cancelled(OptionalClaim),
    /// Another replay or redrive of the event is being delivered, until this time at the latest.
    InFlight(UnixTime),
}

/// Decides whether `event`, the event of `handed`, is sent. A message that belongs to no job and was not redriven is sent, but for a
/// retry after somebody else delivered the event.
///
/// Two jobs may enqueue the same event, and two isolates may take the two messages in the same second. The log knows a
/// delivery some seconds later, and not at all if the isolate dies. So the log alone cannot keep the second message back.
pub async fn begin(
    handed: &ReceivedMessage<'_>,
    event: &Event<'_>,
    config: &Config,
    ports: &(impl ClaimStore + Database + Local),
) -> Result<Begun, Failure> {
    if event.replay().is_none() && !event.is_redriven() {
        // A first attempt asks nothing: nearly all messages have no other one.
        let is_delivered = handed.attempt > 1 && was_delivered(event, ports).await;
        // No message of the first delivery lets a delivered event wait again, so the row needs no change.
        return Ok(if is_delivered { Begun::Obsolete { may_wait: false } } else { Begun::Wanted(None.into()) });
    }
    let (mut claim, mut is_delivered) = (None, false);
    if config.bindings.claims {
        let terms = ClaimTerms { lease: FORWARD_LEASE, ttl: REDRIVE_REMEMBERED };
        let acquired =
            ObjectClaim::acquire(ports, config, &event.key(), event.replays_claim_name(), terms, handed.now).await;
        match acquired.map_err(Failure::of("claim_failed"))? {
            Acquisition::Acquired(acquired) => claim = Some(acquired),
            Acquisition::Duplicate => is_delivered = true,
            Acquisition::InFlight(until) => return Ok(Begun::InFlight(until)),
        }
    }
    let claim = OptionalClaim::from(claim);
    match jobs::need(event, handed.attempt, is_delivered, ports).await {
        Ok(Need::Wanted) => Ok(Begun::Wanted(claim)),
        Ok(Need::Cancelled) => Ok(Begun::Cancelled(claim)),
        Ok(need @ (Need::Obsolete | Need::Delivered)) => {
            claim.release(ports).await;
            Ok(Begun::Obsolete { may_wait: need == Need::Delivered })
        }
        Err(error) => {
            claim.release(ports).await;
            Err(Failure::of("replay_check_failed")(error))
        }
    }
}

/// Whether the log knows that `event` was delivered. If the database fails, nobody knows: then the event is sent.
async fn was_delivered(event: &Event<'_>, ports: &impl Database) -> bool {
    let Some(name) = EventName::of(event).filter(|_| ports.has_database()) else { return false };
    let answers = ports.run(vec![name.delivered()]).await;
    answers.is_ok_and(|answers| answers.iter().any(|Rows(rows)| !rows.is_empty()))
}
