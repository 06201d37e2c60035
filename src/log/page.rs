//! The statements that read events, and what the API shows of them.

use super::entry::EventName;
#[cfg(not(target_arch = "wasm32"))]
use super::entry::State;
use super::filter::EventFilter;
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};

/// The most events that one call looks at. A list whose filter fits few events has shorter pages, and every call costs
/// about the same.
pub const SCANNED: u32 = 20_000;
/// The most events in which one call searches a text.
pub const SEARCHED: u32 = 10_000;
/// The most minutes in which one call looks for a key: a week. Each minute is a look-up of its own.
const MINUTES: u32 = 7 * 24 * 60;

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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct EventSummary {
    /// The id of the event in this API.
    pub id: String,
    /// The source's name.
    pub source: String,
    /// The state of the delivery.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "State"))]
    pub state: String,
    /// The code of the reason for the state.
    pub reason: Option<String>,
    /// The provider's id of the event.
    pub event_id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the event was received, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub received: String,
    /// When the state became so, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
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
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub next_attempt: Option<String>,
    /// When the event was first delivered, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub delivered: Option<String>,
    /// How many requests came again for this event.
    pub duplicates: u64,
}

/// A row with the [`COLUMNS`].
#[derive(Deserialize)]
pub(super) struct Row {
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct EventPage {
    /// The events, the newest first.
    pub events: Vec<EventSummary>,
    /// The cursor of the next page. `None` after the last page.
    pub next: Option<String>,
}

const ORDER: &str = "ORDER BY slot DESC, received DESC, name DESC";

/// Reads where a scan ends.
fn end_of_scan(scope: &str, scanned: u32) -> String {
    let offset = scanned.saturating_sub(1);
    format!("SELECT slot, received, name FROM events WHERE {scope} {ORDER} LIMIT 1 OFFSET {offset}")
}

/// Reads where the search for a key ends, if there are older events: before the first event of its last minute.
fn end_of_minutes() -> String {
    format!(
        "SELECT ?2 - {MINUTES} + 1 AS slot, 0 AS received, '{}' AS name \
         WHERE EXISTS (SELECT 1 FROM events WHERE slot >= ?1 AND slot < ?2 - {MINUTES} + 1)",
        "0".repeat(EventName::DIGITS)
    )
}

impl EventFilter {
    /// The statements that read a page of at most `limit` events after `after`.
    pub fn page(&self, after: Option<&Cursor>, limit: u32, now: UnixTime) -> Vec<Statement> {
        let mut values = Vec::new();
        let scope = self.scope(after, now, &mut values);
        let scanned = self.scanned();
        let scope_values = values.clone();
        let keys = |columns: &str| format!("(SELECT {columns} FROM events WHERE {scope} {ORDER} LIMIT {scanned})");
        let from = match (&self.key, &self.text) {
            (Some(key), _) => {
                values.push(EventName::prefix(key).into());
                let key = values.len();
                format!(
                    "(WITH RECURSIVE minutes (minute) AS (SELECT ?2 UNION ALL SELECT minute - 1 FROM minutes \
                     WHERE minute > max(?1, ?2 - {MINUTES} + 1)) \
                     SELECT events.* FROM minutes CROSS JOIN events ON slot = minute \
                     AND name >= ?{key} AND name < ?{key} || 'g' WHERE {scope} {ORDER})"
                )
            }
            // The texts are large. So a search sorts the keys alone, and then reads the texts.
            (None, Some(_)) => format!("{} CROSS JOIN events USING (slot, name)", keys("slot, name")),
            (None, None) => keys(COLUMNS),
        };
        let condition = self.condition(&mut values);
        let most = limit.saturating_add(1);
        let found = format!("SELECT {COLUMNS} FROM {from} WHERE {condition} LIMIT {most}");
        let sql = format!(
            "SELECT found.*, duplicates.count AS duplicates FROM ({found}) AS found \
             LEFT JOIN duplicates ON duplicates.key = substr(found.name, 1, {}) {ORDER}",
            EventName::KEY_DIGITS
        );
        let end = match (&self.key, &self.text) {
            (Some(_), _) => Statement::new(end_of_minutes(), scope_values.into_iter().take(2)),
            // A text is searched once, because the search costs more than to find the end.
            (None, Some(_)) => Statement::new(end_of_scan(&scope, scanned), scope_values),
            // A full page does not need the end of the scan, and the end costs more than a full page.
            (None, None) => {
                let sql = format!(
                    "SELECT * FROM ({}) WHERE (SELECT count(*) FROM ({found})) < {most}",
                    end_of_scan(&scope, scanned)
                );
                Statement::new(sql, values.clone())
            }
        };
        vec![Statement::new(sql, values), end]
    }

    /// How many events one call looks at.
    fn scanned(&self) -> u32 {
        if self.text.is_some() { SEARCHED } else { SCANNED }
    }

    /// The condition for the primary key. `?1` and `?2` are the first and the last minute.
    fn scope(&self, after: Option<&Cursor>, now: UnixTime, values: &mut Vec<Value>) -> String {
        let (first, last) = self.slots(now);
        values.push(first.into());
        values.push(after.map_or(last, |after| after.slot.min(last)).into());
        let scope = "slot BETWEEN ?1 AND ?2".to_owned();
        let Some(after) = after else { return scope };
        values.extend([after.slot.into(), after.received.into(), after.name.as_str().into()]);
        format!("{scope} AND (slot < ?3 OR received < ?4 OR (received = ?4 AND name < ?5))")
    }
}

impl EventName {
    /// The statement that reads everything of one event.
    pub fn detail(&self) -> Statement {
        let sql = format!(
            "SELECT {COLUMNS}, detail, attempts, head, kept, iif(typeof(body) = 'text', body, NULL) AS body, \
             iif(typeof(body) = 'blob', hex(body), NULL) AS hex, count AS duplicates FROM events \
             LEFT JOIN duplicates ON duplicates.key = substr(name, 1, {}) WHERE slot = ?1 AND name = ?2",
            Self::KEY_DIGITS
        );
        Statement::new(sql, [self.slot.into(), self.name.as_str().into()])
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
