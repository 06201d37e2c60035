//! The numbers for `GET /api/metrics`: counters that begin again at each midnight in UTC.
//!
//! Rows expire after 30 days, so a sum over all rows would go down, and no rate could be made of it. A sum over the minutes
//! since midnight only grows, and then begins again with 0. Monitoring takes such a fall for the restart of a process.

use super::attempts::Sums;
use super::backlog::{QueueState, Waiting, letters, letters_of};
use super::deliveries::{LATENCY_BOUNDS, sums};
use super::window::Minutes;
use crate::database::{Rows, Statement};
use crate::openmetrics::{Kind, Label, OpenMetrics, seconds};
use crate::pause::PausedSource;
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The most groups of each table: a source with a verdict and a reason, and a source with a destination.
const MOST_COUNTS: usize = 2_000;
const MOST_DELIVERIES: usize = 200;
const DAY: i64 = 24 * 3600;

/// The numbers.
#[derive(Debug)]
pub struct Metrics {
    since: UnixTime,
    counts: Vec<Count>,
    deliveries: Vec<Deliveries>,
    letters: Vec<Waiting>,
    is_complete: bool,
}

#[derive(Debug, Deserialize)]
struct Count {
    source: String,
    verdict: String,
    reason: String,
    count: u64,
}

#[derive(Debug, Deserialize)]
struct Deliveries {
    source: String,
    destination: String,
    #[serde(flatten)]
    sums: Sums,
}

/// The last midnight in UTC.
fn midnight(now: UnixTime) -> UnixTime {
    UnixTime::from_seconds(now.seconds().div_euclid(DAY).saturating_mul(DAY))
}

/// The statements that read the numbers.
pub fn metrics(now: UnixTime) -> Vec<Statement> {
    let day = Minutes::ending(midnight(now), now);
    let counts = format!(
        "SELECT source, verdict, reason, sum(count) AS count FROM counts WHERE slot BETWEEN ?1 AND ?2 \
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT {}",
        MOST_COUNTS.saturating_add(1)
    );
    let deliveries = format!(
        "SELECT source, destination, {} FROM deliveries WHERE slot BETWEEN ?1 AND ?2 \
         GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {}",
        sums(),
        MOST_DELIVERIES.saturating_add(1)
    );
    let [letters, looked] = letters(now);
    vec![day.statement(counts), day.statement(deliveries), letters, looked]
}

/// The numbers in the answers to [`metrics`].
///
/// # Errors
/// The database has other columns.
pub fn metrics_of(answers: Vec<Rows>, now: UnixTime) -> Result<Metrics, String> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let mut counts: Vec<Count> = next().parse()?;
    let mut deliveries: Vec<Deliveries> = next().parse()?;
    let (letters, has_all_letters) = letters_of(next(), next(), now)?;
    let has_all = counts.len() <= MOST_COUNTS && deliveries.len() <= MOST_DELIVERIES;
    counts.truncate(MOST_COUNTS);
    deliveries.truncate(MOST_DELIVERIES);
    Ok(Metrics { since: midnight(now), counts, deliveries, letters, is_complete: has_all && has_all_letters })
}

impl Metrics {
    /// The text in OpenMetrics. `sources` says of each configured source whether it is usable. `paused` are the sources that
    /// are paused, also those that are not configured anymore.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn text(
        &self,
        sources: &[(&str, bool)],
        paused: &[PausedSource],
        queue: Option<&QueueState>,
    ) -> Result<String, String> {
        let mut text = OpenMetrics::default();
        let plain = |value: u64| [([("", ""); 0], value)];
        text.family(
            "hookgate_build",
            Kind::Info,
            "The version of hookgate.",
            [([("version", env!("CARGO_PKG_VERSION"))], 1)],
        );
        let usable = sources.iter().map(|(name, usable)| ([("source", *name)], u8::from(*usable)));
        text.family("hookgate_source_usable", Kind::Gauge, "Whether the source's configuration is usable.", usable);
        let held = paused.iter().map(|known| (known.source.as_str(), 1_u8));
        let held: BTreeMap<&str, u8> = sources.iter().map(|(name, _)| (*name, 0)).chain(held).collect();
        let held = held.into_iter().map(|(name, paused)| ([("source", name)], paused));
        text.family("hookgate_source_paused", Kind::Gauge, "Whether the source's deliveries are stopped.", held);
        let since = "When the counters began: the last midnight in UTC. Then they begin again with 0.";
        text.family(
            "hookgate_counters_since_timestamp_seconds",
            Kind::Gauge,
            since,
            [([("", ""); 0], self.since.seconds())],
        );
        let complete = "Whether this text has every series and every dead letter.";
        text.family("hookgate_metrics_complete", Kind::Gauge, complete, plain(self.is_complete.into()));
        self.requests(&mut text);
        self.deliveries(&mut text)?;
        let letters = self.letters.iter().map(|known| ([("source", known.source.as_str())], known.count));
        text.family("hookgate_dead_letters", Kind::Gauge, "Dead letters that were not redriven.", letters);
        let messages = queue.map(|queue| ([("", ""); 0], queue.messages));
        text.family("hookgate_queue_messages", Kind::Gauge, "Messages in the events' queue.", messages);
        let age = queue.and_then(|queue| queue.oldest_seconds).map(|age| ([("", ""); 0], age));
        text.family("hookgate_queue_oldest_age_seconds", Kind::Gauge, "The age of the oldest message.", age);
        Ok(text.finish())
    }

    fn requests(&self, text: &mut OpenMetrics) {
        let labels = |source, verdict, because| [("source", source), ("verdict", verdict), ("reason", because)];
        let mut accepted: Vec<(&str, u64)> = Vec::new();
        // The rows are in the order of their sources.
        for Deliveries { source, sums, .. } in &self.deliveries {
            match accepted.last_mut() {
                Some((known, sum)) if known == source => *sum = sum.saturating_add(sums.accepted),
                _ => accepted.push((source, sums.accepted)),
            }
        }
        let accepted = accepted.into_iter().map(|(source, count)| (labels(source, "accepted", ""), count));
        let others = self.counts.iter().map(|row| (labels(&row.source, &row.verdict, &row.reason), row.count));
        let help = "Requests by verdict. An accepted one counts when its event is first taken from the queue.";
        text.family("hookgate_requests", Kind::Counter, help, accepted.chain(others));
    }

    fn deliveries(&self, text: &mut OpenMetrics) -> Result<(), String> {
        fn place(row: &Deliveries) -> [Label<'_>; 2] {
            [("source", row.source.as_str()), ("destination", row.destination.as_str())]
        }
        let rows = || self.deliveries.iter().filter(|row| !row.destination.is_empty());
        let classes = rows().flat_map(|row| {
            let [source, destination] = place(row);
            row.sums.attempts().classes().map(|(class, count)| ([source, destination, ("class", class)], count))
        });
        text.family("hookgate_attempts", Kind::Counter, "Attempts by the class of the answer.", classes);
        let delivered = rows().map(|row| (place(row), row.sums.delivered));
        text.family("hookgate_delivered_events", Kind::Counter, "Events that the destination accepted.", delivered);
        let dead = self.deliveries.iter().map(|row| (place(row), row.sums.dead));
        text.family("hookgate_dead_events", Kind::Counter, "Events that became dead letters.", dead);
        let bounds: Vec<String> =
            LATENCY_BOUNDS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]).collect();
        let mut buckets = Vec::new();
        for row in rows() {
            let [source, destination] = place(row);
            let mut sum = 0_u64;
            for (bound, count) in bounds.iter().zip(row.sums.histogram()?) {
                sum = sum.saturating_add(count);
                buckets.push(([source, destination, ("le", bound.as_str())], sum));
            }
        }
        let help = "The time of an attempt until the head of the answer, or until the failure.";
        text.family("hookgate_attempt_duration_seconds", Kind::Histogram, help, buckets);
        Ok(())
    }
}
