//! Everything that the log has of one event, and what happened to it in plain words.

use super::advice::plain;
use super::body::StoredBody;
use super::entry::Attempt;
use super::page::{EventSummary, Row};
use crate::database::Rows;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};

/// One event, with everything that the log has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct EventDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// What happened and why, in plain words.
    pub why: String,
    /// Every attempt, the first one first.
    pub history: Vec<AttemptDetail>,
    /// The deduplication key, which is also the `idempotency-key` of each attempt.
    pub key: String,
    /// The name of the preset.
    pub provider: String,
    /// The id of the event's trace (W3C Trace Context), 32 hex digits.
    pub trace: Option<String>,
    /// The headers that are forwarded.
    pub headers: Vec<(String, String)>,
    /// Where the exact event is: `exact` in the log; `bucket` if its body is in R2; `delivered` if its body was in R2 until
    /// the delivery; `missing` if R2 should have it and does not; `redacted` or `none`, as the source's `redact` and
    /// `log_bodies` say; or the code of the reason for which the body is withheld. With `body=false`, R2 is not asked: a body
    /// that is not in R2 anymore may be `bucket` or `redacted` then.
    pub kept: String,
    /// The body, if it is a text and the log has it, and if the call does not say `body=false`. A body in R2 is here if it has at most 1 MiB (1,048,576 bytes), and if
    /// its source has no rule for bodies in `redact`, and not `log_bodies = "none"`.
    pub body: Option<String>,
    /// The body in base64, if it is no text. The same holds as for `body`.
    pub body_base64: Option<String>,
    /// The name of the body in R2.
    #[serde(skip)]
    pub payload: Option<String>,
}

/// An attempt, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct AttemptDetail {
    /// The number of the attempt, from 1. A redrive and a replay begin with 1 again.
    pub number: u32,
    /// When it began, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub at: String,
    /// The destination's URL, without its query.
    pub destination: String,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The milliseconds until the head of the answer, or until the failure.
    pub ms: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// When the next attempt follows, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub next_attempt: Option<String>,
    /// How often the event had been redriven.
    pub redrive: u32,
    /// The token of the replay that the attempt belongs to.
    pub replay: Option<String>,
}

impl From<Attempt> for AttemptDetail {
    fn from(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_rfc3339(),
            destination: attempt.destination,
            status: attempt.status,
            ms: attempt.ms,
            error: attempt.error,
            next_attempt: attempt.next.map(UnixTime::to_rfc3339),
            redrive: attempt.redrive,
            replay: attempt.replay,
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    #[serde(flatten)]
    row: Row,
    detail: Option<String>,
    attempts: String,
    head: String,
    kept: String,
    payload: Option<String>,
    #[serde(flatten)]
    body: StoredBody,
}

/// The members of a queue message that the list does not show.
#[derive(Deserialize)]
struct Head {
    dedupkey: String,
    provider: String,
    headers: String,
    #[serde(default)]
    traceparent: Option<String>,
}

/// The event in the answer to [`EventName::detail`](super::EventName::detail). `None` if the log has no such event.
///
/// # Errors
/// The row has other columns, or a member cannot be read.
pub fn detail_of(answers: Vec<Rows>) -> Result<Option<EventDetail>, String> {
    let rows: Vec<Stored> = answers.into_iter().next().unwrap_or_default().parse()?;
    let Some(stored) = rows.into_iter().next() else { return Ok(None) };
    let unreadable = |what: &'static str| move |error: serde_json::Error| format!("the {what} in D1: {error}");
    let attempts: Vec<Attempt> = serde_json::from_slice(stored.attempts.as_bytes()).map_err(unreadable("attempts"))?;
    let head: Head = serde_json::from_slice(stored.head.as_bytes()).map_err(unreadable("message"))?;
    let headers = serde_json::from_slice(head.headers.as_bytes()).map_err(unreadable("headers"))?;
    let (body, body_base64) = stored.body.shown()?;
    let summary = EventSummary::from(stored.row);
    let why = why(&summary, stored.detail.as_deref(), attempts.last());
    Ok(Some(EventDetail {
        summary,
        why,
        history: attempts.into_iter().map(Into::into).collect(),
        key: head.dedupkey,
        provider: head.provider,
        trace: head.traceparent.and_then(|text| text.split('-').nth(1).map(str::to_owned)),
        headers,
        kept: stored.kept,
        body,
        body_base64,
        payload: stored.payload,
    }))
}

impl EventDetail {
    /// Adds the body.
    pub fn set_body(&mut self, bytes: Vec<u8>) {
        match String::from_utf8(bytes) {
            Ok(text) => self.body = Some(text),
            Err(error) => self.body_base64 = Some(STANDARD.encode(error.into_bytes())),
        }
    }
}

/// What happened to the event, and what to do.
fn why(event: &EventSummary, stored: Option<&str>, last: Option<&Attempt>) -> String {
    let detail = stored.map(|detail| format!(" The reason: {}.", detail.trim_end_matches('.'))).unwrap_or_default();
    let tries = match event.attempts {
        1 => "1 attempt".to_owned(),
        number => format!("{number} attempts"),
    };
    let when = |time: &Option<String>| time.as_deref().map_or(String::new(), |time| format!(" at {time}"));
    let text = match event.state.as_str() {
        "delivered" => {
            let took = last.map_or(String::new(), |last| format!(" The last one took {} ms.", last.ms));
            format!("The destination accepted the event{}, after {tries}.{took}", when(&event.delivered))
        }
        "retrying" => format!("{tries} failed.{detail} The next attempt follows{}.", when(&event.next_attempt)),
        "dead" => format!(
            "No attempt follows, after {tries}.{detail} The event is a dead letter: redrive it when the destination \
             accepts it again."
        ),
        "waiting" => format!("No attempt could be made.{detail} The queue tries again{}.", when(&event.next_attempt)),
        "filtered" => format!("The event was not forwarded, because of the source's key `events`.{detail}"),
        // The text of the pause begins with "paused by".
        "paused" => format!(
            "No attempt is made, because the source is {}. The queue hands the event over again{}, and it is delivered then \
             if the source is resumed.",
            stored.unwrap_or("paused"),
            when(&event.next_attempt)
        ),
        state => format!("The state is {state}.{detail}"),
    };
    let again = match event.duplicates {
        0 => String::new(),
        1 => " The provider sent it once more: that request was a duplicate.".to_owned(),
        number => format!(" The provider sent it {number} times more: those requests were duplicates."),
    };
    plain(&format!("{text}{again}"))
}
