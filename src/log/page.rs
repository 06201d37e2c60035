//! The statements that read events, and what the API shows of them.

use super::body::{BODY, NO_BODY};
use super::entry::EventName;
#[cfg(not(target_arch = "wasm32"))]
use super::entry::State;
use super::filter::EventFilter;
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The most events that one call looks at. A list whose filter fits few events has shorter pages, and every call costs
/// about the same.
pub const SCANNED: u32 = 20_000;
/// The most events in which one call searches a text.
pub const SEARCHED: u32 = 10_000;

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
    #[serde(flatten)]
    name: EventName,
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

const COLUMNS: &str = "received, name, updated, source, state, reason, status, tries, next, delivered, destination, event_id, \
                       type, bytes";

fn rfc3339(seconds: i64) -> String {
    UnixTime::from_seconds(seconds).to_rfc3339()
}

impl From<Row> for EventSummary {
    fn from(row: Row) -> Self {
        Self {
            id: row.name.to_string(),
            source: row.source,
            state: row.state,
            reason: row.reason,
            event_id: row.event_id,
            event_type: row.r#type,
            received: row.name.received.to_rfc3339(),
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
    /// The cursor of the next page: the id of the last event that this page looked at. `None` after the last page.
    pub next: Option<String>,
}

impl EventFilter {
    /// The statements that read a page of at most `limit` events after the event `after`. The list is in the order of the ids,
    /// which begin with the second of the arrival: the newest event is first. So an event that comes later moves no event of a
    /// later page.
    pub fn page(&self, after: Option<&EventName>, limit: u32, now: UnixTime) -> Vec<Statement> {
        let (first, end) = self.span(now);
        let before =
            after.filter(|after| after.received < end).map_or([end.seconds().into(), 0_u32.into()], EventName::id);
        let mut values: Vec<Value> = std::iter::once(first.seconds().into()).chain(before).collect();
        // SQLite seeks one upper bound. It would step from the newest event to a second one.
        let scope = "id >= (?1 << 28) AND id < ((?2 << 28) | ?3)";
        let (scanned, texts) = if self.text.is_some() { (SEARCHED, ", head, body") } else { (SCANNED, "") };
        let scope_values = values.clone();
        let condition = self.condition(&mut values);
        let most = limit.saturating_add(1);
        let found = format!(
            "SELECT * FROM (SELECT id, {COLUMNS}{texts} FROM log_events WHERE {scope} ORDER BY id DESC LIMIT {scanned}) \
             WHERE {condition} LIMIT {most}"
        );
        let sql = format!(
            "SELECT {COLUMNS}, count AS duplicates FROM ({found}) LEFT JOIN duplicates ON key = substr(name, 1, {}) \
             ORDER BY id DESC",
            EventName::KEY_DIGITS
        );
        // Only a page that is not full needs the end of the scan. A limit of 0 ends the statement before its scan. A text is
        // searched once, because the search costs more than the end.
        let (ends, end_values) = match self.text {
            Some(_) => ("1".to_owned(), scope_values),
            None => (format!("(SELECT count(*) FROM ({found})) < {most}"), values.clone()),
        };
        let end = format!(
            "SELECT received, name FROM log_events WHERE {scope} ORDER BY id DESC LIMIT {ends} OFFSET {}",
            scanned.saturating_sub(1)
        );
        vec![Statement::new(sql, values), Statement::new(end, end_values)]
    }
}

impl EventName {
    /// The statement that reads everything of one event, with its body or without.
    pub fn detail(&self, with_body: bool) -> Statement {
        let body = if with_body { BODY } else { NO_BODY };
        let sql = format!(
            "SELECT {COLUMNS}, detail, attempts, head, kept, payload, {body}, count AS duplicates FROM log_events \
             LEFT JOIN duplicates ON key = substr(name, 1, {}) WHERE id = ((?1 << 28) | ?2) AND name = ?3",
            Self::KEY_DIGITS
        );
        Statement::new(sql, self.id().into_iter().chain([self.name.as_str().into()]))
    }
}

/// The page in the answers to [`EventFilter::page`].
///
/// # Errors
/// The database has other columns.
pub fn page_of(answers: Vec<Rows>, limit: u32) -> Result<EventPage, String> {
    let mut answers = answers.into_iter();
    let mut rows: Vec<Row> = answers.next().unwrap_or_default().parse()?;
    let next = cut(&mut rows, limit, answers.next().unwrap_or_default(), |row| row.name.clone())?;
    Ok(EventPage { events: rows.into_iter().map(Into::into).collect(), next: next.map(|name| name.to_string()) })
}

/// Cuts a list to a page of at most `limit` rows. Returns the place after which the next page begins: that of the last row if
/// there were more rows, or else the end of the scan, if the answer `end` has one.
pub(super) fn cut<Row, Place: DeserializeOwned>(
    rows: &mut Vec<Row>,
    limit: u32,
    end: Rows,
    place: impl Fn(&Row) -> Place,
) -> Result<Option<Place>, String> {
    let end = end.parse()?.into_iter().next();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Ok(if has_more { rows.last().map(place) } else { end })
}
