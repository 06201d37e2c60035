//! Reads the records of the last hours for the alerts.

use super::slot;
use super::window::start;
use crate::alert::{Counts, DEAD_SPAN, DestinationWindow, LONGER, RECENT, SourceWindow, Window};
use crate::config::Config;
use crate::database::{Rows, Statement};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The statements that read the window.
pub fn window_statements(now: UnixTime) -> Vec<Statement> {
    let (longer, recent) = (slot(now.minus(LONGER)), slot(now.minus(RECENT)));
    let spans = || [longer.into(), recent.into(), slot(now.minus(DEAD_SPAN)).into()];
    let both =
        |column: &str| format!("sum({column}) AS {column}, sum(iif(slot >= ?2, {column}, 0)) AS recent_{column}");
    let classes: Vec<String> = CLASSES.iter().map(|(column, _)| both(column)).collect();
    vec![
        Statement::new(
            "SELECT source, verdict, reason, sum(count) AS longer, sum(iif(slot >= ?2, count, 0)) AS recent, \
             max(slot) AS last FROM counts WHERE slot >= ?1 GROUP BY source, verdict, reason",
            [longer.into(), recent.into()],
        ),
        Statement::new(
            format!(
                "SELECT source, destination, {}, {}, {}, sum(iif(slot >= ?3, dead, 0)) AS dead, \
                 max(iif(accepted > 0, slot, NULL)) AS last FROM deliveries WHERE slot >= ?1 GROUP BY source, destination",
                both("accepted"),
                both("s2xx"),
                classes.join(", ")
            ),
            spans(),
        ),
        Statement::new("SELECT source, max(matched) AS known FROM secrets GROUP BY source", []),
        Statement::new("SELECT source, min(received) AS known FROM waiting GROUP BY source", []),
        Statement::new("SELECT source, count(*) AS known FROM dead_letters WHERE redriven IS NULL GROUP BY source", []),
        Statement::new("SELECT source, since AS known FROM pauses", []),
    ]
}

/// The columns of failed attempts, and the names of their classes.
const CLASSES: [(&str, &str); 4] = [("s3xx", "3xx"), ("s4xx", "4xx"), ("s5xx", "5xx"), ("unreachable", "unreachable")];

#[derive(Deserialize)]
struct Counted {
    source: String,
    verdict: String,
    reason: String,
    longer: u64,
    recent: u64,
    last: i64,
}

#[derive(Deserialize)]
struct Delivered {
    source: String,
    destination: String,
    accepted: u64,
    recent_accepted: u64,
    s2xx: u64,
    recent_s2xx: u64,
    dead: u64,
    last: Option<i64>,
    #[serde(flatten)]
    classes: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Known<T> {
    source: String,
    known: T,
}

/// The window in the answers to [`window_statements`].
///
/// # Errors
/// The rows have other columns. A window with a hole would resolve alerts whose cause is still there.
pub fn window_of(answers: Vec<Rows>, config: &Config) -> Result<Window, String> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().ok_or("an answer of D1 is missing");
    let counted: Vec<Counted> = next()?.parse()?;
    let delivered: Vec<Delivered> = next()?.parse()?;
    let (proven, waiting) = (known(next()?)?, known(next()?)?);
    let letters = known(next()?)?;
    let paused = known(next()?)?;
    let source = |(name, _): (&str, _)| {
        let counted = counted.iter().filter(|row| row.source == name);
        let delivered = delivered.iter().filter(|row| row.source == name);
        source_window(name, counted, delivered, proven.get(name).copied())
    };
    let destinations = delivered.iter().filter(|row| !row.destination.is_empty());
    let mut destinations: Vec<_> = destinations.map(|row| destination_window(row, &waiting, &letters)).collect();
    // A source without an attempt in the window may have events that wait, and dead letters.
    for (name, configured) in config.sources() {
        let Some(destination) = configured.ok().and_then(|source| source.deliver.origin()) else { continue };
        let url = destination.without_query();
        if !destinations.iter().any(|known| known.source == name) {
            destinations.push(DestinationWindow {
                source: name.to_owned(),
                destination: url.to_owned(),
                dead_in_all: letters.get(name).copied().unwrap_or(0),
                oldest_waiting: waiting.get(name).copied(),
                ..DestinationWindow::default()
            });
        }
        if let Some(since) = paused.get(name).copied() {
            hold(&mut destinations, name, url, since);
        }
    }
    Ok(Window { sources: config.sources().map(source).collect(), destinations })
}

/// Writes down that the source is paused since then. Of the source's destinations, only the present one is paused: the others
/// are URLs that it had before. The events of a paused source do not count as a backlog.
fn hold(destinations: &mut Vec<DestinationWindow>, source: &str, url: &str, since: UnixTime) {
    let is_present = |known: &DestinationWindow| known.source == source && known.destination == url;
    if !destinations.iter().any(is_present) {
        let (source, destination) = (source.to_owned(), url.to_owned());
        destinations.push(DestinationWindow { source, destination, ..DestinationWindow::default() });
    }
    for known in destinations.iter_mut().filter(|known| known.source == source) {
        known.oldest_waiting = None;
        known.paused_since = (known.destination == url).then_some(since);
    }
}

fn known<T: DeserializeOwned>(rows: Rows) -> Result<BTreeMap<String, T>, String> {
    Ok(rows.parse::<Known<T>>()?.into_iter().map(|row| (row.source, row.known)).collect())
}

fn source_window<'r>(
    name: &str,
    counted: impl Iterator<Item = &'r Counted>,
    delivered: impl Iterator<Item = &'r Delivered>,
    proven: Option<UnixTime>,
) -> SourceWindow {
    let mut window = SourceWindow { source: name.to_owned(), ..SourceWindow::default() };
    let mut last = proven;
    for row in counted {
        window.longer.all = window.longer.all.saturating_add(row.longer);
        window.recent.all = window.recent.all.saturating_add(row.recent);
        if matches!(row.verdict.as_str(), "rejected" | "failed") {
            window.longer.failed.push((row.reason.clone(), row.longer));
            window.recent.failed.push((row.reason.clone(), row.recent));
        } else {
            last = last.max(Some(start(row.last)));
        }
    }
    for row in delivered {
        window.longer.all = window.longer.all.saturating_add(row.accepted);
        window.recent.all = window.recent.all.saturating_add(row.recent_accepted);
        last = last.max(row.last.map(start));
    }
    SourceWindow { last_event: last, ..window }
}

fn destination_window(
    row: &Delivered,
    waiting: &BTreeMap<String, UnixTime>,
    letters: &BTreeMap<String, u64>,
) -> DestinationWindow {
    let counts = |prefix: &str, delivered: u64| {
        let class = |(column, name): &(&str, &str)| {
            let count = row.classes.get(&format!("{prefix}{column}")).copied().unwrap_or(0);
            ((*name).to_owned(), count)
        };
        let failed: Vec<_> = CLASSES.iter().map(class).filter(|(_, count)| *count > 0).collect();
        let all = failed.iter().fold(delivered, |all, (_, count)| all.saturating_add(*count));
        Counts { all, failed }
    };
    DestinationWindow {
        source: row.source.clone(),
        destination: row.destination.clone(),
        recent: counts("recent_", row.recent_s2xx),
        longer: counts("", row.s2xx),
        dead: row.dead,
        dead_in_all: letters.get(&row.source).copied().unwrap_or(0),
        oldest_waiting: waiting.get(&row.source).copied(),
        paused_since: None,
    }
}
