//! Dead letters: events whose attempts ran out or that a destination refused. They are kept until they are redriven or
//! expire.

mod filter;
mod waiting;

pub use filter::{Filter, Selection};
pub use waiting::{COLUMNS, COUNTED, Group, Groups, MOST_GROUPS};

use crate::dedup::digest_of;
use crate::message::{DecodeError, Event};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize, Serializer};
use std::time::Duration;

/// How long a dead letter is kept.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "DeadLetter"))]
pub struct Letter {
    /// 64 hex digits. Each acceptance of an event has one id, for every time that its dead letter is stored.
    pub id: String,
    /// How often the event was redriven before it died.
    pub redrives: u32,
    /// The source's name. Empty if another program wrote the message.
    pub source: String,
    /// The provider's id of the event, or its digest.
    pub event_id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The deduplication key, in hex.
    pub key: String,
    /// When the event was received, in RFC 3339.
    pub received: String,
    /// When it died.
    #[serde(serialize_with = "as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub died: UnixTime,
    /// Why the event became a dead letter.
    pub reason: String,
    /// The body's size, in bytes.
    pub bytes: u64,
    /// The name of the body in R2, if the message does not contain the body.
    #[serde(skip_serializing)]
    pub payload: Option<String>,
    /// When the letter is deleted.
    #[serde(serialize_with = "as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub expires: UnixTime,
    /// The queue message, as it was.
    #[serde(skip_serializing)]
    pub message: String,
}

impl Letter {
    /// The dead letter of `event` without its message, which a replay takes off the list.
    pub fn of_replayed(event: &Event<'_>, now: UnixTime) -> Self {
        Self::of("", &Ok(event.clone()), now)
    }

    /// The dead letter of `message`, which arrived in the dead letters' queue at `now`.
    pub fn of(message: &str, event: &Result<Event<'_>, DecodeError>, now: UnixTime) -> Self {
        let letter = Self {
            id: String::new(),
            redrives: 0,
            source: String::new(),
            event_id: String::new(),
            event_type: String::new(),
            key: String::new(),
            received: String::new(),
            died: now,
            reason: String::new(),
            bytes: u64::try_from(message.len()).unwrap_or(u64::MAX),
            payload: None,
            expires: now.plus(KEPT),
            message: message.to_owned(),
        };
        match event {
            Ok(event) => Self {
                id: event.letter_id(),
                redrives: event.redrives(),
                source: event.source().to_owned(),
                event_id: event.id().to_owned(),
                event_type: event.event_type().to_owned(),
                key: event.key().to_string(),
                received: event.received().to_owned(),
                reason: event.dead_reason().unwrap_or("its retries ran out").to_owned(),
                bytes: event.body_bytes(),
                payload: event.payload().map(str::to_owned),
                ..letter
            },
            Err(error) => {
                Self { id: hex::encode(digest_of(&[message.as_bytes()])), reason: error.to_string(), ..letter }
            }
        }
    }
}

fn as_rfc3339<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339())
}

/// A dead letter in the R2 bucket, for the time that the D1 database is unavailable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedLetter {
    /// When the letter died, in seconds since the epoch.
    pub died: UnixTime,
    /// The queue message, as it was.
    pub message: String,
}

impl ParkedLetter {
    /// The letter as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "a number and a text have a JSON form")]
        serde_json::to_vec(self).expect("a number and a text have a JSON form")
    }

    /// Reads what [`ParkedLetter::to_bytes`] wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The name of the object that holds `letter`. Each redrive of the event gives another name.
    pub fn name(letter: &Letter) -> String {
        format!("{PARKED_PREFIX}{}-{}", letter.id, letter.redrives)
    }
}

/// The prefix of the names of letters in the bucket. The name of a body never has this prefix.
pub const PARKED_PREFIX: &str = "letters/";
