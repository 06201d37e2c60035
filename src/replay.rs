//! Replays: sending an event of the log again, byte for byte.
//!
//! A replay is for an operator whose application lost events, or did not accept them. It bypasses deduplication on purpose,
//! and the application gets the same idempotency key. So a replay must never be wider than the operator meant it.

pub mod job;
pub mod request;
pub mod selection;

use crate::database::{Rows, Statement};
use crate::log::{BODY, EXACT, EventName, IN_BUCKET, REDACTED, StoredBody};
use crate::message::{DecodeError, Event};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use thiserror::Error;

/// Why an event cannot be sent again. The text is for the operator.
#[derive(Debug, Error)]
pub enum CannotReplay {
    /// The log never had the body.
    #[error("the log has no body of it, because of `log_bodies` of its source; ask the provider to send it again")]
    NoBody,
    /// The log does not have every byte.
    #[error("the log has it without some values, because of `redact` of its source; ask the provider to send it again")]
    Redacted,
    /// The body was in R2, and was deleted.
    #[error(
        "its body was in PAYLOADS, and was deleted after the delivery, because of `log_bodies` or `redact` of its source, \
         or by an older version; ask the provider to send it again"
    )]
    Delivered,
    /// The body is in R2 no longer.
    #[error("its body is missing from PAYLOADS; ask the provider to send it again")]
    Gone,
    /// The log withholds the body, for the reason with this code.
    #[error("the log withholds its body ({0}); ask the provider to send it again")]
    Withheld(String),
    /// The row does not have the event that its columns tell of.
    #[error("its row in the log is damaged ({0}); ask the provider to send it again")]
    Damaged(String),
    /// The source has no usable destination.
    #[error("{0}; bring the source back, or ask the provider to send it again")]
    Source(String),
    /// No queue message can hold the event.
    #[error("it is too large for the queue without the binding PAYLOADS")]
    TooLarge,
}

impl From<DecodeError> for CannotReplay {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// What the log has of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LoggedEvent {
    #[serde(flatten)]
    name: EventName,
    /// The state of its delivery.
    pub state: String,
    /// When it was first delivered, in seconds since 1970.
    pub delivered: Option<i64>,
    bytes: u64,
    kept: String,
    head: String,
    #[serde(flatten)]
    body: StoredBody,
}

impl LoggedEvent {
    /// The statement that reads the event `name`.
    pub fn read(name: &EventName) -> Statement {
        let columns = "received, name, state, delivered, bytes, kept, head";
        let sql = format!("SELECT {columns}, {BODY} FROM log_events WHERE id = ((?1 << 28) | ?2) AND name = ?3");
        Statement::new(sql, name.id().into_iter().chain([name.name.as_str().into()]))
    }

    /// The events in the answer to a statement.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn of(answers: Vec<Rows>) -> Result<Vec<Self>, String> {
        answers.into_iter().next().unwrap_or_default().parse()
    }

    /// The id of the event in the API.
    pub fn id(&self) -> &EventName {
        &self.name
    }

    /// When the event was first delivered.
    pub fn delivered(&self) -> Option<UnixTime> {
        self.delivered.map(UnixTime::from_seconds)
    }

    /// Whether the last message of the event that the log knows was of the replay `token`.
    pub fn is_of(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Sent {
            replay: Option<String>,
        }
        serde_json::from_str::<Sent>(&self.head).is_ok_and(|sent| sent.replay.as_deref() == Some(token))
    }

    /// The exact event.
    ///
    /// # Errors
    /// [`CannotReplay`], if the log does not have every byte of it.
    pub fn event(self) -> Result<Event<'static>, CannotReplay> {
        if let Some(problem) = problem_of(&self.kept) {
            return Err(problem);
        }
        let (name, bytes) = (self.name, self.bytes);
        let body = self.body.bytes().map_err(CannotReplay::Damaged)?;
        let event = Event::rebuilt(&self.head, body)?;
        if EventName::of(&event) != Some(name) || event.body_bytes() != bytes {
            return Err(CannotReplay::Damaged("its message is of another event".to_owned()));
        }
        Ok(event)
    }
}

/// Why an event cannot be replayed whose column `kept` has this text. `None` if it can be replayed.
pub fn problem_of(kept: &str) -> Option<CannotReplay> {
    match kept {
        EXACT | IN_BUCKET => None,
        "none" => Some(CannotReplay::NoBody),
        "delivered" => Some(CannotReplay::Delivered),
        REDACTED => Some(CannotReplay::Redacted),
        code => Some(CannotReplay::Withheld(code.to_owned())),
    }
}
