//! What waits: events that are not settled, dead letters, and messages in the queue.

use super::window::Minutes;
use crate::database::{Rows, Statement};
use crate::pause::PausedSource;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most events at which one call looks, the newest first.
const SCANNED: u32 = 20_000;
/// The most dead letters at which one call looks. Their table has no other index, and their rows are large.
const LETTERS: u32 = 1_000;
/// The difference of clocks, and the time of a last attempt.
const MARGIN: Duration = Duration::from_secs(3600);

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Backlog {
    /// Events that wait for an attempt, by source and state, and were received within the retention of the queue.
    pub events: Vec<Waiting>,
    /// Events that were received before this time, in RFC 3339, are not counted: there are more events than one call reads.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub events_partial_before: Option<String>,
    /// Dead letters that were not redriven, by source. The oldest one is the one that died first.
    pub dead_letters: Vec<Waiting>,
    /// Whether every dead letter is counted. One call looks at the newest 1,000 letters.
    pub dead_letters_complete: bool,
    /// The events' queue. `None` if the runtime does not tell.
    pub queue: Option<QueueState>,
    /// The sources whose deliveries are stopped.
    pub paused: Vec<PausedSource>,
}

/// What waits of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Waiting {
    /// The source's name.
    pub source: String,
    /// The state of the events: `waiting`, `retrying`, `paused`, or `dead`.
    pub state: String,
    /// The number of events.
    pub count: u64,
    /// When the oldest one was received or died, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub oldest: String,
    /// The age of the oldest one.
    pub oldest_seconds: u64,
}

/// The messages in the events' queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct QueueState {
    /// The number of messages, as the queue knows it.
    pub messages: u64,
    /// When the oldest message came, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub oldest: Option<String>,
    /// The age of the oldest message.
    pub oldest_seconds: Option<u64>,
}

impl QueueState {
    /// A queue with so many messages.
    pub fn new(messages: u64, oldest: Option<UnixTime>, now: UnixTime) -> Self {
        let age = |oldest: UnixTime| oldest.until(now).as_secs();
        Self { messages, oldest: oldest.map(UnixTime::to_rfc3339), oldest_seconds: oldest.map(age) }
    }
}

#[derive(Deserialize)]
struct Row {
    source: String,
    state: String,
    count: u64,
    oldest: i64,
}

#[derive(Deserialize)]
struct Looked {
    letters: u32,
}

impl Row {
    fn shown(self, now: UnixTime) -> Waiting {
        let oldest = UnixTime::from_seconds(self.oldest);
        Waiting {
            source: self.source,
            state: self.state,
            count: self.count,
            oldest: oldest.to_rfc3339(),
            oldest_seconds: oldest.until(now).as_secs(),
        }
    }
}

/// The statements that find what waits. A queue keeps a message for `retention`, so older events do not wait.
pub fn backlog(retention: Duration, now: UnixTime) -> Vec<Statement> {
    let window = Minutes::ending(now.minus(retention.saturating_add(MARGIN)), now);
    // The events that are done are counted too, because they show whether there are more events.
    let events = format!(
        "SELECT source, state, count(*) AS count, min(received) AS oldest FROM (SELECT source, state, received \
         FROM log_events WHERE id >= (?1 * 60 << 28) AND id < ((?2 + 1) * 60 << 28) ORDER BY id DESC LIMIT {SCANNED}) \
         GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let [letters, looked] = letters(now);
    vec![window.statement(events), letters, looked]
}

/// The statements that count the dead letters.
pub(super) fn letters(now: UnixTime) -> [Statement; 2] {
    let newest = format!("FROM dead_letters ORDER BY number DESC LIMIT {LETTERS}");
    let letters = format!(
        "SELECT source, 'dead' AS state, count(*) AS count, min(died) AS oldest \
         FROM (SELECT source, died, redriven, expires {newest}) WHERE redriven IS NULL AND expires > ?1 GROUP BY 1 ORDER BY 1"
    );
    let looked = format!("SELECT count(*) AS letters FROM (SELECT number {newest})");
    [Statement::new(letters, [now.seconds().into()]), Statement::new(looked, [])]
}

/// The dead letters in the answers to [`letters`], and whether they are all.
pub(super) fn letters_of(letters: Rows, looked: Rows, now: UnixTime) -> Result<(Vec<Waiting>, bool), String> {
    let letters: Vec<Row> = letters.parse()?;
    let looked: Vec<Looked> = looked.parse()?;
    let is_complete = looked.first().is_none_or(|looked| looked.letters < LETTERS);
    Ok((letters.into_iter().map(|row| row.shown(now)).collect(), is_complete))
}

/// What waits, in the answers to [`backlog`]. `paused` are the sources that are paused.
///
/// # Errors
/// The database has other columns.
pub fn backlog_of(
    answers: Vec<Rows>,
    queue: Option<QueueState>,
    paused: Vec<PausedSource>,
    now: UnixTime,
) -> Result<Backlog, String> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let events: Vec<Row> = next().parse()?;
    let looked = events.iter().fold(0_u64, |sum, row| sum.saturating_add(row.count));
    let first = events.iter().map(|row| row.oldest).min();
    // The first second may lack some of its events.
    let before = first.filter(|_| looked >= u64::from(SCANNED)).map(|at| UnixTime::from_seconds(at.saturating_add(1)));
    let waits = |row: &Row| matches!(row.state.as_str(), "waiting" | "retrying" | "paused");
    let (dead_letters, dead_letters_complete) = letters_of(next(), next(), now)?;
    Ok(Backlog {
        events: events.into_iter().filter(waits).map(|row| row.shown(now)).collect(),
        events_partial_before: before.map(UnixTime::to_rfc3339),
        dead_letters,
        dead_letters_complete,
        queue,
        paused,
    })
}
