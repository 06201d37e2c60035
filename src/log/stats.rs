//! The numbers of each source and destination over time.

use super::attempts::{Attempts, Histogram, Latency, Sums};
use super::deliveries::sums;
use super::filter::{EventFilter, FilterError};
use super::window::{Minutes, any_of, start};
use crate::database::{Rows, Statement};
use hookgate_verify::UnixTime;
use hookgate_verify::grammar::span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most points in time.
const MOST_POINTS: i64 = 1_000;
/// The most rows of an answer: points in time, multiplied by sources and destinations.
const MOST_GROUPS: usize = 10_000;
const USUAL: Duration = Duration::from_secs(24 * 3600);
const USUAL_STEP: i64 = 60;

/// Which numbers are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatsQuery {
    filter: EventFilter,
    /// The minutes of a point.
    step: Option<i64>,
}

impl StatsQuery {
    /// The parameters.
    pub const NAMES: [&'static str; 5] = ["source", "destination", "since", "until", "step"];

    /// Sets the parameter `name`. `Ok(false)` if there is no such parameter.
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, FilterError> {
        if name == "step" {
            let minutes = span::parse(value).filter(|step| step.as_secs() % 60 == 0).map(|step| step.as_secs() / 60);
            let minutes = minutes.filter(|minutes| *minutes > 0).and_then(|minutes| i64::try_from(minutes).ok());
            self.step = Some(minutes.ok_or_else(|| FilterError {
                name: name.to_owned(),
                value: crate::truncate::beginning(value, 100).into_owned(),
                problem: "must be whole minutes, such as 5m, 1h or 1d".to_owned(),
            })?);
            return Ok(true);
        }
        if Self::NAMES.contains(&name) { self.filter.set(name, value) } else { Ok(false) }
    }

    /// The selection in time.
    ///
    /// # Errors
    /// There is no time in it, or there are too many points.
    pub fn span(&self, now: UnixTime) -> Result<StatsSpan, String> {
        let window = Minutes::new(self.filter.since, self.filter.until, USUAL, now);
        let window =
            window.ok_or("the parameters since and until: since must be before until, and at most 31 days ago")?;
        let step = self.step.unwrap_or(USUAL_STEP);
        let (first, last) = window.slots();
        let points = last.div_euclid(step).saturating_sub(first.div_euclid(step)).saturating_add(1);
        if points > MOST_POINTS {
            return Err(format!(
                "the parameter step: {points} points; ask for at most {MOST_POINTS}, with a larger step"
            ));
        }
        Ok(StatsSpan { window, counts: window, deliveries: window, step })
    }

    /// The statements that read the numbers.
    pub fn statements(&self, of: StatsSpan) -> Vec<Statement> {
        let StatsSpan { counts, deliveries, step, .. } = of;
        let mut values = Vec::from(counts.values());
        let most = MOST_GROUPS.saturating_add(1);
        let source = any_of("source", &self.filter.sources, &mut values).unwrap_or_else(|| "1".to_owned());
        let range = "slot BETWEEN ?1 AND ?2";
        let counts = format!(
            "SELECT slot / {step} AS point, source, verdict, reason, sum(count) AS count FROM counts WHERE {range} \
             AND {source} GROUP BY 1, 2, 3, 4 LIMIT {most}"
        );
        let counts = Statement::new(counts, values.clone());
        values.iter_mut().zip(deliveries.values()).for_each(|(value, minute)| *value = minute);
        let destination = self.filter.destination.as_ref().map(|destination| {
            values.push(destination.as_str().into());
            let bound = values.len();
            format!(" AND substr(destination, 1, length(?{bound})) = ?{bound}")
        });
        let deliveries = format!(
            "SELECT slot / {step} AS point, source, destination, {} FROM deliveries WHERE {range} AND {source}{} \
             GROUP BY 1, 2, 3 LIMIT {most}",
            sums(),
            destination.unwrap_or_default()
        );
        vec![counts, Statement::new(deliveries, values)]
    }
}

/// A selection in time, with a bounded number of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsSpan {
    window: Minutes,
    /// The minutes of which the table `counts` is read.
    counts: Minutes,
    /// The minutes of which the table `deliveries` is read.
    deliveries: Minutes,
    /// The minutes of a point.
    step: i64,
}

impl StatsSpan {
    /// The statements that find what one call reads of the two tables.
    pub fn ends(self) -> [Statement; 2] {
        ["counts", "deliveries"].map(|table| self.window.end(table))
    }

    /// The selection as far as one call reads it, as the answers to [`StatsSpan::ends`] say.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn bounded(self, counts: Rows, deliveries: Rows) -> Result<Self, String> {
        Ok(Self { counts: self.window.newest(counts)?, deliveries: self.window.newest(deliveries)?, ..self })
    }

    /// The time before which the numbers are not complete. `None` if they are.
    fn partial_before(self) -> Option<UnixTime> {
        let since = self.counts.since().max(self.deliveries.since());
        (since > self.window.since()).then_some(since)
    }
}

/// The numbers over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Stats {
    /// The beginning of the first minute, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub since: String,
    /// The end of the last minute, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub until: String,
    /// The time from a point to the next one. Points begin at whole multiples of it since 1970, so a point of a day is a day
    /// in UTC. The first and the last point may be cut by `since` and `until`.
    pub step_seconds: i64,
    /// The numbers before this time, in RFC 3339, are not complete: the selection has more rows than one call reads.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub partial_before: Option<String>,
    /// The sums over the whole time, by source.
    pub totals: Vec<SourceStats>,
    /// The numbers of each point and source, in order of time. A point without numbers is left out.
    pub points: Vec<StatsPoint>,
}

/// A source at a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct StatsPoint {
    /// The beginning of the point, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub at: String,
    /// The numbers.
    #[serde(flatten)]
    pub numbers: SourceStats,
}

/// The numbers of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SourceStats {
    /// The source's name, `/api`, or empty for requests to a path without a source.
    pub source: String,
    /// The number of requests by verdict. `accepted` counts events that were taken from the queue for the first time.
    pub verdicts: BTreeMap<String, u64>,
    /// The number of refused requests by the code of the reason.
    pub reasons: BTreeMap<String, u64>,
    /// The numbers of each destination, by its URL without the query. The URL is empty for events that had no attempt:
    /// their source has no destination, for example.
    pub destinations: BTreeMap<String, DestinationStats>,
}

/// The numbers of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct DestinationStats {
    /// Events that were taken from the queue for the first time.
    pub accepted: u64,
    /// Events that the destination accepted.
    pub delivered: u64,
    /// Events that became dead letters.
    pub dead: u64,
    /// The attempts by the class of the answer.
    pub attempts: Attempts,
    /// The latency of the attempts. `None` without an attempt.
    pub latency_ms: Option<Latency>,
    #[serde(skip)]
    histogram: Histogram,
}

impl DestinationStats {
    fn add(&mut self, sums: &Sums) -> Result<(), String> {
        self.accepted = self.accepted.saturating_add(sums.accepted);
        self.delivered = self.delivered.saturating_add(sums.delivered);
        self.dead = self.dead.saturating_add(sums.dead);
        self.attempts.add(sums.attempts());
        for (sum, more) in self.histogram.iter_mut().zip(sums.histogram()?) {
            *sum = sum.saturating_add(more);
        }
        self.latency_ms = Latency::of(&self.histogram);
        Ok(())
    }
}

#[derive(Deserialize)]
struct CountRow {
    point: i64,
    source: String,
    verdict: String,
    reason: String,
    count: u64,
}

#[derive(Deserialize)]
struct DeliveryRow {
    point: i64,
    source: String,
    destination: String,
    #[serde(flatten)]
    sums: Sums,
}

/// The numbers of each source, by the point in time. The totals are at the point `None`.
type Table = BTreeMap<(Option<i64>, String), SourceStats>;

fn add(to: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    let sum = to.entry(name.to_owned()).or_default();
    *sum = sum.saturating_add(count);
}

fn row_of<'t>(table: &'t mut Table, point: Option<i64>, source: &str) -> &'t mut SourceStats {
    let row = table.entry((point, source.to_owned())).or_default();
    source.clone_into(&mut row.source);
    row
}

/// The numbers in the answers to [`StatsQuery::statements`].
///
/// # Errors
/// [`StatsError`].
pub fn stats_of(answers: Vec<Rows>, of: StatsSpan) -> Result<Stats, StatsError> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let counts: Vec<CountRow> = next().parse()?;
    let deliveries: Vec<DeliveryRow> = next().parse()?;
    if counts.len() > MOST_GROUPS || deliveries.len() > MOST_GROUPS {
        return Err(StatsError::TooMany);
    }
    let mut table = Table::new();
    for row in &counts {
        for point in [None, Some(row.point)] {
            let numbers = row_of(&mut table, point, &row.source);
            add(&mut numbers.verdicts, &row.verdict, row.count);
            if !row.reason.is_empty() {
                add(&mut numbers.reasons, &row.reason, row.count);
            }
        }
    }
    for row in &deliveries {
        for point in [None, Some(row.point)] {
            let numbers = row_of(&mut table, point, &row.source);
            add(&mut numbers.verdicts, "accepted", row.sums.accepted);
            numbers.destinations.entry(row.destination.clone()).or_default().add(&row.sums)?;
        }
    }
    let (mut totals, mut points) = (Vec::new(), Vec::new());
    for ((point, _), numbers) in table {
        match point {
            None => totals.push(numbers),
            Some(point) => points.push(StatsPoint { at: start(point.saturating_mul(of.step)).to_rfc3339(), numbers }),
        }
    }
    let StatsSpan { window, step, .. } = of;
    Ok(Stats {
        since: window.since().to_rfc3339(),
        until: window.until().to_rfc3339(),
        step_seconds: step.saturating_mul(60),
        partial_before: of.partial_before().map(UnixTime::to_rfc3339),
        totals,
        points,
    })
}

/// Why there are no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatsError {
    /// The answer would be too large.
    TooMany,
    /// The database has other columns.
    Unreadable(String),
}

impl From<String> for StatsError {
    fn from(problem: String) -> Self {
        Self::Unreadable(problem)
    }
}
