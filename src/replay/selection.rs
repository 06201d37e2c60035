//! Which events a job of replays selects, and the dry run that counts them.

use super::problem_of;
use crate::database::{Rows, Statement, Value};
use crate::dedup::digest_of;
use crate::log::{EventFilter, EventName, OLDEST, SCANNED, SEARCHED, State};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most events of a job.
pub const MOST_EVENTS: u64 = 10_000;
/// The most events at which a dry run looks.
pub const LOOKED_AT: u32 = 100_000;
/// How long the token of a dry run can be used.
const TOKEN_LASTS: Duration = Duration::from_secs(3600);

/// The columns that a condition of [`EventFilter`] needs, without the texts.
const COLUMNS: &str = "id, name, received, source, state, reason, status, delivered, destination, event_id, type, bytes, \
                       payload, kept";

/// A selection of events to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Which events.
    pub filter: EventFilter,
    /// Also events that were delivered before.
    pub include_delivered: bool,
    /// Also events whose attempts still go on: they may come twice.
    pub include_retrying: bool,
}

/// An event that a job sends next.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Next {
    /// The name of its row.
    #[serde(flatten)]
    pub event: EventName,
    /// The bytes of the body in the row.
    pub bytes: u64,
}

/// A part of a job's selection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The events, the oldest one first.
    pub events: Vec<Next>,
    /// Where the next part begins, if this one has fewer events than asked for and is not the last one.
    pub scanned_to: Option<EventName>,
}

impl Selection {
    /// The selection with the bounds of a dry run at `at`: an event that comes later is not selected.
    #[must_use]
    pub fn fixed(mut self, at: UnixTime) -> Self {
        let oldest = at.minus(OLDEST);
        self.filter.since = Some(self.filter.since.map_or(oldest, |since| since.max(oldest)));
        self.filter.until = Some(self.filter.until.map_or(at, |until| until.min(at)));
        self
    }

    /// The statements that count the events of a dry run at `at`.
    pub fn count(&self, at: UnixTime) -> Vec<Statement> {
        let mut values = Vec::new();
        let looked_at = if self.filter.text.is_some() { SEARCHED } else { LOOKED_AT };
        let (scope, from) = self.scan(None, looked_at, at, &mut values);
        let more = format!("SELECT 1 AS more FROM log_events WHERE {scope} LIMIT 1 OFFSET {looked_at}");
        let more = Statement::new(more, values.clone());
        let condition = self.filter.condition(&mut values);
        let sql = format!(
            "SELECT source, kept, {} AS wanted, CASE WHEN {UNDER_WAY} THEN 'under_way' \
             WHEN delivered IS NOT NULL THEN 'delivered' WHEN state = 'filtered' THEN 'filtered' ELSE 'missing' END AS part, \
             count(delivered) AS delivered, count(*) AS count, min(received) AS first, max(received) AS last \
             FROM {from} WHERE {condition} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            self.wanted()
        );
        vec![Statement::new(sql, values), more]
    }

    /// The statements that read at most `most` events after `after`, of a dry run at `at`.
    pub fn next(&self, after: Option<&EventName>, most: u64, at: UnixTime) -> Vec<Statement> {
        let mut values = Vec::new();
        let scanned = if self.filter.text.is_some() { SEARCHED } else { SCANNED };
        let (scope, from) = self.scan(after, scanned, at, &mut values);
        let offset = scanned.saturating_sub(1);
        let end = format!("SELECT received, name FROM log_events WHERE {scope} ORDER BY id LIMIT 1 OFFSET {offset}");
        let end = Statement::new(end, values.clone());
        let condition = self.filter.condition(&mut values);
        let sql = format!(
            "SELECT received, name, iif(payload IS NULL, bytes, 0) AS bytes FROM {from} WHERE {condition} AND {} \
             AND kept IN ('exact', 'bucket') ORDER BY id LIMIT {most}",
            self.wanted()
        );
        vec![Statement::new(sql, values), end]
    }

    /// The statement that finds the events after `after` that the job `id` has put into the queue before, as far as the log
    /// knows. `at` is the time of its dry run.
    pub fn sent(&self, after: Option<&EventName>, id: &str, at: UnixTime) -> Statement {
        let mut values = Vec::new();
        let (scope, _) = self.scan(after, SCANNED, at, &mut values);
        values.push(id.into());
        let sql = format!(
            "SELECT received, name FROM (SELECT received, name, attempts, head FROM log_events WHERE {scope} ORDER BY id \
             LIMIT {SCANNED}) WHERE instr(attempts, ?4) > 0 OR head ->> 'replay' = ?4 LIMIT {MOST_EVENTS}"
        );
        Statement::new(sql, values)
    }

    /// The condition of the primary key, and the events to look at.
    fn scan(&self, after: Option<&EventName>, most: u32, at: UnixTime, values: &mut Vec<Value>) -> (String, String) {
        let (first, end) = self.filter.span(at);
        // SQLite seeks one lower bound.
        let after = after.filter(|after| after.received >= first);
        let (from, than) = after.map_or(([first.seconds().into(), 0_u32.into()], ">="), |after| (after.id(), ">"));
        values.extend(from.into_iter().chain([end.seconds().into()]));
        let scope = format!("id {than} ((?1 << 28) | ?2) AND id < (?3 << 28)");
        let texts = if self.filter.text.is_some() { ", head, body" } else { "" };
        let from = format!("(SELECT {COLUMNS}{texts} FROM log_events WHERE {scope} ORDER BY id LIMIT {most})");
        (scope, from)
    }

    /// The condition for what is sent, of the events that the filter selects.
    fn wanted(&self) -> String {
        let delivered = if self.include_delivered { "1" } else { "delivered IS NULL" };
        let under_way = if self.include_retrying { "1".to_owned() } else { format!("NOT {UNDER_WAY}") };
        // Whoever does not ask for filtered events does not expect them.
        let filtered = if self.filter.states.contains(&State::Filtered) { "1" } else { "state <> 'filtered'" };
        format!("({delivered} AND {under_way} AND {filtered})")
    }
}

/// The part of the selection in the answers to [`Selection::next`]. `asked` is the number of events that it may have.
///
/// # Errors
/// The database has other columns.
pub fn part_of(answers: Vec<Rows>, asked: u64) -> Result<Part, String> {
    let mut answers = answers.into_iter();
    let events: Vec<Next> = answers.next().unwrap_or_default().parse()?;
    let end: Vec<EventName> = answers.next().unwrap_or_default().parse()?;
    let is_full = u64::try_from(events.len()).is_ok_and(|number| number >= asked);
    Ok(Part { scanned_to: end.into_iter().next().filter(|_| !is_full), events })
}

const UNDER_WAY: &str = "state IN ('waiting', 'retrying', 'paused')";

#[derive(Deserialize)]
struct Group {
    source: String,
    kept: String,
    wanted: u8,
    part: String,
    delivered: u64,
    count: u64,
    first: i64,
    last: i64,
}

/// What a job would send.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct DryRun {
    /// Always true: nothing was sent.
    pub dry_run: bool,
    /// How many events would be sent.
    pub selected: u64,
    /// When the first of them was received, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub first: Option<String>,
    /// When the last of them was received, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub last: Option<String>,
    /// Events that were received before this time were looked at. In RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub until: String,
    /// The events to be sent, for each source and its destination.
    pub destinations: Vec<ToDestination>,
    /// How many events of the filter were delivered before.
    pub delivered: u64,
    /// The events of the filter that would not be sent.
    pub skipped: Skipped,
    /// The events that cannot be sent, and why.
    pub cannot: Vec<Cannot>,
    /// How long the job would take, in seconds.
    pub seconds: u64,
    /// Send this back with `dry_run` false. `None` if there is nothing to send, or too much.
    pub token: Option<String>,
    /// Why there is no token.
    pub problem: Option<String>,
}

/// Events to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ToDestination {
    /// The source's name.
    pub source: String,
    /// The destination's URL, without its query.
    pub destination: String,
    /// The number of events.
    pub selected: u64,
}

/// Why events of the filter would not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Skipped {
    /// They were delivered before, and `include_delivered` is false.
    pub delivered: u64,
    /// Their attempts still go on, and `include_retrying` is false.
    pub under_way: u64,
    /// Their source does not want their type, and `state` does not name `filtered`.
    pub filtered: u64,
}

/// Events that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Cannot {
    /// The source's name.
    pub source: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl DryRun {
    /// The dry run in the answers to [`Selection::count`] at `at`. `selection` is fixed. `destination` finds the destination of
    /// a source, or the reason why there is none.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn of(
        answers: Vec<Rows>,
        selection: &Selection,
        rate: u32,
        at: UnixTime,
        destination: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let mut answers = answers.into_iter();
        let groups: Vec<Group> = answers.next().unwrap_or_default().parse()?;
        let is_cut = !answers.next().unwrap_or_default().0.is_empty();
        let until = selection.filter.until.unwrap_or(at).to_rfc3339();
        let mut run = Self { dry_run: true, until, ..Self::default() };
        let (mut span, mut cannot, mut to) = (None, BTreeMap::new(), BTreeMap::new());
        for group in groups {
            add(&mut run.delivered, group.delivered);
            if group.wanted == 0 {
                match group.part.as_str() {
                    "under_way" if !selection.include_retrying => add(&mut run.skipped.under_way, group.count),
                    "filtered" => add(&mut run.skipped.filtered, group.count),
                    _ => add(&mut run.skipped.delivered, group.count),
                }
                continue;
            }
            let problem = problem_of(&group.kept).map(|problem| problem.to_string());
            match problem.map_or_else(|| destination(&group.source), Err) {
                Err(reason) => add(cannot.entry((group.source, reason)).or_default(), group.count),
                Ok(url) => {
                    add(&mut run.selected, group.count);
                    add(to.entry((group.source, url)).or_default(), group.count);
                    let (first, last) = span.unwrap_or((group.first, group.last));
                    span = Some((first.min(group.first), last.max(group.last)));
                }
            }
        }
        let time = |seconds| UnixTime::from_seconds(seconds).to_rfc3339();
        (run.first, run.last) = span.map(|(first, last)| (time(first), time(last))).unzip();
        let to = to.into_iter();
        run.destinations =
            to.map(|((source, destination), selected)| ToDestination { source, destination, selected }).collect();
        run.cannot = cannot.into_iter().map(|((source, reason), count)| Cannot { source, reason, count }).collect();
        run.seconds = run.selected.div_ceil(u64::from(rate.max(1)));
        run.problem = if is_cut {
            Some(
                "the log has more events in this time than a job looks at; ask for less, with since and until"
                    .to_owned(),
            )
        } else if run.selected > MOST_EVENTS {
            Some(format!("a job sends at most {MOST_EVENTS} events; ask for less, with since and until"))
        } else if run.selected == 0 {
            Some("there is nothing to send".to_owned())
        } else {
            None
        };
        run.token = run.problem.is_none().then(|| Scope { at, digest: selection.digest(at, run.selected) }.to_string());
        Ok(run)
    }
}

fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

impl Selection {
    #[expect(clippy::expect_used, reason = "a selection is an object of texts and numbers")]
    fn digest(&self, at: UnixTime, selected: u64) -> String {
        let text = serde_json::to_string(self).expect("a selection is an object of texts and numbers");
        let numbers = format!("{}/{selected}", at.seconds());
        let mut digest = hex::encode(digest_of(&[b"replay", text.as_bytes(), numbers.as_bytes()]));
        digest.truncate(Scope::DIGITS);
        digest
    }
}

/// The token of a dry run: its time, and a digest of its selection and of the number of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// When the dry run was made.
    pub at: UnixTime,
    digest: String,
}

impl Scope {
    const DIGITS: usize = 32;
    /// The digits of a job's id.
    const ID_DIGITS: usize = 16;

    /// Reads a token.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, digest) = text.split_once('-')?;
        let is_digest = digest.len() == Self::DIGITS && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let at = at.parse().ok().filter(|at| is_digest && *at >= 0)?;
        Some(Self { at: UnixTime::from_seconds(at), digest: digest.to_owned() })
    }

    /// Whether the token is too old at `now`, or not from here.
    pub fn is_old(&self, now: UnixTime) -> bool {
        self.at > now || self.at.until(now) > TOKEN_LASTS
    }

    /// The id of the job, 16 hex digits. A call that comes twice asks for the same job.
    pub fn job(&self) -> &str {
        self.digest.get(..Self::ID_DIGITS).unwrap_or(&self.digest)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at.seconds(), self.digest)
    }
}
