//! Large bodies in R2: how a delivery leaves them, who may still need them, and what the API shows of them.
//!
//! A body that the log keeps stays under its name until the log deletes its row. The mark of its delivery is an object of
//! its own: a queue may hand over a second copy of a message, long after the first one was delivered.

use super::ports::{Database, Letters, Payloads, PortError, Stored};
use crate::config::{LONGEST_IN_QUEUE, LogPolicy, Source};
use crate::database::Statement;
use crate::log::{EventDetail, IN_BUCKET, REDACTED};
use crate::message::Event;
use crate::payload::{body_of, is_copy, mark_of};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The most bytes of a body in R2 that the API shows. JSON may need six bytes for each of them.
const MOST_SHOWN: usize = 1024 * 1024;

/// The body `name` of `event`, or the mark that another copy of the message delivered the event. A replay is a new delivery:
/// the mark of the event, or of another replay, does not count for it.
pub async fn find<P: Payloads>(event: &Event<'_>, name: &str, ports: &P) -> Result<Stored<P::Body>, PortError> {
    if !is_copy(name) {
        match (ports.load(&mark_of(name)).await?, event.replay()) {
            (Stored::Nothing, _) | (Stored::Delivered, Some(_)) => {}
            (Stored::Bytes(last), Some(replay)) if last != replay.as_bytes() => {}
            (Stored::Bytes(_) | Stored::Delivered, _) => return Ok(Stored::Delivered),
        }
    }
    ports.open(name).await
}

/// The body of an event, for the time after its delivery.
pub struct Delivered {
    name: String,
    /// The token of the replay. Empty for an event that nobody replayed.
    replay: String,
    is_kept: bool,
}

impl Delivered {
    /// The body of `event` in R2. `None` if the message has it.
    pub fn of(event: &Event<'_>, source: &Source, ports: &impl Database) -> Option<Self> {
        let name = event.payload()?.to_owned();
        let is_kept = ports.has_database() && source.log.keeps_stored(&name);
        Some(Self { name, replay: event.replay().unwrap_or_default().to_owned(), is_kept })
    }

    /// Marks the body as delivered. It is deleted, unless the log keeps it.
    pub async fn mark(self, ports: &impl Payloads) -> Result<(), PortError> {
        if self.is_kept {
            ports.store(&mark_of(&self.name), self.replay.as_bytes()).await
        } else {
            ports.mark_delivered(&self.name).await
        }
    }
}

/// The statement that keeps the body `name` as long as a message that is sent at `now` may need it: in the events' queue,
/// and then in the dead letters' queue.
pub fn hold(name: &str, now: UnixTime) -> Statement {
    let until = now.plus(LONGEST_IN_QUEUE.saturating_mul(2));
    let sql = "INSERT INTO held_bodies (payload, until) VALUES (?1, ?2) \
               ON CONFLICT (payload) DO UPDATE SET until = max(until, excluded.until)";
    Statement::new(sql, [name.into(), until.seconds().into()])
}

#[derive(Deserialize)]
struct Held {
    payload: String,
}

/// Deletes the objects `names`, at most a thousand, and returns their number. A body that a dead letter or a replay names
/// stays, and so does its mark.
pub async fn discard<P: Letters + Payloads + Database>(names: Vec<String>, ports: &P) -> Result<usize, PortError> {
    if names.is_empty() {
        return Ok(0);
    }
    let bodies: Vec<String> = names.iter().map(|name| body_of(name).to_owned()).collect();
    let mut needed = BTreeSet::new();
    if ports.keeps_letters() {
        needed.extend(ports.referred(&bodies).await?);
    }
    if ports.has_database() {
        let sql = "SELECT payload FROM held_bodies WHERE payload IN (SELECT value FROM json_each(?1))";
        let list = serde_json::Value::from(bodies).to_string();
        let answers = ports.run(vec![Statement::new(sql, [list.into()])]).await?;
        let held: Vec<Held> = answers.into_iter().next().unwrap_or_default().parse().map_err(PortError)?;
        needed.extend(held.into_iter().map(|held| held.payload));
    }
    let gone: Vec<String> = names.into_iter().filter(|name| !needed.contains(body_of(name))).collect();
    if !gone.is_empty() {
        ports.discard(&gone).await?;
    }
    Ok(gone.len())
}

/// Adds to `event` what R2 has of its body: a body of at most 1 MiB, as far as `policy` lets the log have it.
///
/// # Errors
/// R2 failed. The event is as it was.
pub async fn show<P: Payloads>(event: &mut EventDetail, policy: &LogPolicy, ports: &P) -> Result<(), PortError> {
    let may_be_there = event.kept == IN_BUCKET || event.kept == REDACTED;
    let Some(name) = event.payload.take().filter(|_| may_be_there && ports.stores_payloads()) else { return Ok(()) };
    let body = match ports.open(&name).await? {
        Stored::Bytes(body) => body,
        Stored::Delivered => {
            "delivered".clone_into(&mut event.kept);
            return Ok(());
        }
        Stored::Nothing => {
            "missing".clone_into(&mut event.kept);
            return Ok(());
        }
    };
    let size = usize::try_from(event.summary.bytes).ok().filter(|size| *size <= MOST_SHOWN);
    let Some(size) = size.filter(|_| policy.keeps_stored(&name)) else { return Ok(()) };
    let mut bytes = Vec::with_capacity(size);
    let mut is_longer = false;
    let collect = |part: &[u8]| {
        is_longer |= bytes.len().saturating_add(part.len()) > size;
        if !is_longer {
            bytes.extend_from_slice(part);
        }
    };
    ports.read(body, collect).await?;
    if !is_longer && bytes.len() == size {
        event.set_body(bytes);
    }
    Ok(())
}
