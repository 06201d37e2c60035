//! The statements that read events, and what the API shows of them.

use super::entry::{Attempt, EventName};
use super::filter::EventFilter;
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};

/// The most events that one call looks at. A list whose filter fits few events has shorter pages, and every call costs
/// about the same.
pub const SCANNED: u32 = 50_000;
/// The most events in which one call searches a text.
pub const SEARCHED: u32 = 10_000;

/// A place in the list: the last event of a page. The list is in the order of arrival, the newest event first. So an event
/// that comes later moves no event of a later page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    slot: i64,
    received: i64,
    name: String,
}

impl Cursor {
    /// Reads the text that [`Cursor::to_text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (received, name) = text.split_once('.')?;
        let name = EventName::parse(name)?;
        Some(Self { slot: name.slot, received: received.parse().ok()?, name: name.name })
    }

    /// The text for the API.
    pub fn to_text(&self) -> String {
        format!("{}.{}-{}", self.received, self.slot, self.name)
    }
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventSummary {
    /// The id of the event in this API.
    pub id: String,
    /// The source's name.
    pub source: String,
    /// The state of the delivery.
    pub state: String,
    /// The code of the reason for the state.
    pub reason: Option<String>,
    /// The provider's id of the event.
    pub event_id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the event was received, in RFC 3339.
    pub received: String,
    /// When the state became so, in RFC 3339.
    pub updated: String,
    /// The size of the body, in bytes.
    pub bytes: u64,
    /// The number of attempts.
    pub attempts: u32,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The URL of the last attempt.
    pub destination: Option<String>,
    /// When the next attempt follows, in RFC 3339.
    pub next_attempt: Option<String>,
    /// When the event was first delivered, in RFC 3339.
    pub delivered: Option<String>,
    /// How many requests came again for this event.
    pub duplicates: u64,
}

#[derive(Deserialize)]
struct Row {
    slot: i64,
    name: String,
    received: i64,
    updated: i64,
    source: String,
    state: String,
    reason: Option<String>,
    status: Option<u16>,
    tries: u32,
    next: Option<i64>,
    delivered: Option<i64>,
    destination: Option<String>,
    event_id: String,
    r#type: String,
    bytes: u64,
    duplicates: Option<u64>,
}

/// The columns of [`Row`].
const COLUMNS: &str = "slot, name, received, updated, source, state, reason, status, tries, next, delivered, destination, \
                       event_id, type, bytes";

fn rfc3339(seconds: i64) -> String {
    UnixTime::from_seconds(seconds).to_rfc3339()
}

impl From<Row> for EventSummary {
    fn from(row: Row) -> Self {
        Self {
            id: EventName { slot: row.slot, name: row.name }.to_string(),
            source: row.source,
            state: row.state,
            reason: row.reason,
            event_id: row.event_id,
            event_type: row.r#type,
            received: rfc3339(row.received),
            updated: rfc3339(row.updated),
            bytes: row.bytes,
            attempts: row.tries,
            status: row.status,
            destination: row.destination,
            next_attempt: row.next.map(rfc3339),
            delivered: row.delivered.map(rfc3339),
            duplicates: row.duplicates.unwrap_or(0),
        }
    }
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventPage {
    /// The events, the newest first.
    pub events: Vec<EventSummary>,
    /// The cursor of the next page. `None` after the last page.
    pub next: Option<String>,
}

const ORDER: &str = "ORDER BY slot DESC, received DESC, name DESC";

impl EventFilter {
    /// The statements that read a page of at most `limit` events after `after`.
    pub fn page(&self, after: Option<&Cursor>, limit: u32) -> Vec<Statement> {
        let mut values = Vec::new();
        let scope = self.scope(after, &mut values);
        let end = Statement::new(
            format!(
                "SELECT slot, received, name FROM events WHERE {scope} {ORDER} LIMIT 1 OFFSET ?{}",
                values.len().saturating_add(1)
            ),
            values.iter().cloned().chain([i64::from(self.scanned()).saturating_sub(1).into()]),
        );
        values.push(self.scanned().into());
        let scanned = values.len();
        let condition = self.condition(&mut values);
        values.push(limit.saturating_add(1).into());
        let most = values.len();
        // The texts are large. So a search sorts the keys alone, and then reads the texts.
        let from = if self.text.is_some() {
            let keys = format!("(SELECT slot, name FROM events WHERE {scope} {ORDER} LIMIT ?{scanned})");
            format!("{keys} CROSS JOIN events USING (slot, name)")
        } else {
            format!("(SELECT {COLUMNS} FROM events WHERE {scope} {ORDER} LIMIT ?{scanned})")
        };
        let found = format!("SELECT {COLUMNS} FROM {from} WHERE {condition} LIMIT ?{most}");
        let sql = format!(
            "SELECT found.*, duplicates.count AS duplicates FROM ({found}) AS found \
             LEFT JOIN duplicates ON duplicates.key = substr(found.name, 1, {}) {ORDER}",
            EventName::KEY_DIGITS
        );
        vec![Statement::new(sql, values), end]
    }

    /// How many events one call looks at.
    fn scanned(&self) -> u32 {
        if self.text.is_some() { SEARCHED } else { SCANNED }
    }

    /// The condition for the primary key.
    fn scope(&self, after: Option<&Cursor>, values: &mut Vec<Value>) -> String {
        let (first, last) = self.slots();
        values.push(first.into());
        values.push(after.map_or(last, |after| after.slot.min(last)).into());
        let scope = "slot BETWEEN ?1 AND ?2".to_owned();
        let Some(after) = after else { return scope };
        values.extend([after.slot.into(), after.received.into(), after.name.as_str().into()]);
        format!("{scope} AND (slot < ?3 OR received < ?4 OR (received = ?4 AND name < ?5))")
    }
}

/// The page in the answers to [`EventFilter::page`].
///
/// # Errors
/// The database has other columns.
pub fn page_of(answers: Vec<Rows>, limit: u32) -> Result<EventPage, String> {
    let mut answers = answers.into_iter();
    let mut rows: Vec<Row> = answers.next().unwrap_or_default().parse()?;
    let end: Vec<Cursor> = answers.next().unwrap_or_default().parse()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().map(|row| Cursor { slot: row.slot, received: row.received, name: row.name.clone() });
    let next = if has_more { last } else { end.into_iter().next() };
    Ok(EventPage { events: rows.into_iter().map(Into::into).collect(), next: next.map(|cursor| cursor.to_text()) })
}

/// One event, with everything that the log has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// What happened and why, in plain words.
    pub why: String,
    /// Every attempt, the first one first.
    pub attempts_made: Vec<AttemptDetail>,
    /// The deduplication key, which is also the `idempotency-key` of each attempt.
    pub key: String,
    /// The name of the preset.
    pub provider: String,
    /// The headers that are forwarded.
    pub headers: Vec<(String, String)>,
    /// The body, if it is a text and the log has it.
    pub body: Option<String>,
    /// The body in base64, if it is no text and the log has it.
    pub body_base64: Option<String>,
    /// The place of the body: `log`, `bucket`, or `none` with the reason in `why`.
    pub body_in: &'static str,
}

/// An attempt, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptDetail {
    /// The number of the attempt, from 1. A redrive begins with 1 again.
    pub number: u32,
    /// When it began, in RFC 3339.
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
    pub next_attempt: Option<String>,
    /// How often the event had been redriven.
    pub redrive: u32,
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
        }
    }
}
