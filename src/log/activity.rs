//! What the log knows of each source: its last event, its numbers of the last day, and its secrets.

use super::window::{Minutes, start};
use crate::database::{Rows, Statement};
use crate::rotation::Match;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Counts are kept for so many days.
const MOST_DAYS: u32 = 30;
/// Secrets of all sources, with those that are no longer configured.
const MOST_SECRETS: u32 = 10_000;

/// The numbers of a source in the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct LastDay {
    /// The number of requests by verdict. `accepted` counts events that were taken from the queue for the first time.
    pub verdicts: BTreeMap<String, u64>,
    /// The number of refused requests by the code of the reason.
    pub reasons: BTreeMap<String, u64>,
    /// Events that the destination accepted.
    pub delivered: u64,
    /// Events that became dead letters.
    pub dead: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
}

/// What the log knows of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// The minute of the last event that was accepted, filtered or a duplicate. If that was before the asked days: when a
    /// secret of the source last proved a request, to about ten minutes. `None` if the log knows of no event.
    pub last_event: Option<UnixTime>,
    /// The last 24 hours.
    pub last_day: LastDay,
    /// When its secrets last proved a request.
    pub matches: Vec<Match>,
    /// Since when matches are noted.
    pub since: Option<UnixTime>,
    /// The proven requests, and the requests with a wrong signature, in each of the asked numbers of days.
    proven: BTreeMap<u32, (u64, u64)>,
}

impl Activity {
    /// The number of proven requests, and of requests with a wrong signature, within `window`.
    pub fn within(&self, window: Duration) -> (u64, u64) {
        self.proven.get(&days(window)).copied().unwrap_or_default()
    }
}

/// The whole days of `window`, rounded up: from 1 to 30.
pub fn days(window: Duration) -> u32 {
    u32::try_from(window.as_secs().div_ceil(DAY.as_secs())).unwrap_or(MOST_DAYS).clamp(1, MOST_DAYS)
}

#[derive(Deserialize)]
struct Secret {
    source: String,
    name: String,
    matched: UnixTime,
}

#[derive(Deserialize)]
struct Deliveries {
    source: String,
    accepted: u64,
    delivered: u64,
    dead: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Count {
    source: String,
    verdict: String,
    reason: String,
    count: u64,
}

#[derive(Deserialize)]
struct Proven {
    source: String,
    proven: u64,
    mismatches: u64,
    /// The last minute with a proven request.
    seen: Option<i64>,
}

/// The statements that read what the log knows of all sources. `windows` are the [`days`] in which proven requests are counted.
pub fn activity(windows: &BTreeSet<u32>, now: UnixTime) -> Vec<Statement> {
    let day = Minutes::ending(now.minus(DAY), now);
    let (deliveries, counts) = (Minutes::range("deliveries"), Minutes::range("counts"));
    let authentic = "verdict IN ('duplicate', 'filtered')";
    let secrets = format!("SELECT source, name, matched FROM secrets ORDER BY source, name LIMIT {MOST_SECRETS}");
    let mut statements = vec![
        Statement::new(secrets, []),
        day.statement(format!(
            "SELECT source, sum(accepted) AS accepted, sum(delivered) AS delivered, sum(dead) AS dead, \
             sum(s3xx + s4xx + s5xx + unreachable) AS failed FROM deliveries WHERE {deliveries} GROUP BY 1"
        )),
        day.statement(format!(
            "SELECT source, verdict, reason, sum(count) AS count FROM counts WHERE {counts} GROUP BY 1, 2, 3"
        )),
    ];
    for days in windows {
        let window = Minutes::ending(now.minus(DAY.saturating_mul(*days)), now);
        statements.push(window.statement(format!(
            "SELECT source, sum(accepted) AS proven, 0 AS mismatches, max(iif(accepted > 0, slot, NULL)) AS seen \
             FROM deliveries WHERE {deliveries} GROUP BY 1"
        )));
        statements.push(window.statement(format!(
            "SELECT source, sum(iif({authentic}, count, 0)) AS proven, \
             sum(iif(reason = 'signature_mismatch', count, 0)) AS mismatches, max(iif({authentic}, slot, NULL)) AS seen \
             FROM counts WHERE {counts} GROUP BY 1"
        )));
    }
    statements
}

/// What the log knows of each source, in the answers to [`activity`].
///
/// # Errors
/// The database has other columns.
pub fn activity_of(answers: Vec<Rows>, windows: &BTreeSet<u32>) -> Result<BTreeMap<String, Activity>, String> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let mut all: BTreeMap<String, Activity> = BTreeMap::new();
    for Secret { source, name, matched } in next().parse()? {
        let known = all.entry(source).or_default();
        if name.is_empty() {
            known.since = Some(matched);
        } else {
            known.matches.push(Match { name, last_matched: matched });
        }
    }
    for Deliveries { source, accepted, delivered, dead, failed } in next().parse()? {
        let day = &mut all.entry(source).or_default().last_day;
        day.verdicts.insert("accepted".to_owned(), accepted);
        (day.delivered, day.dead, day.failed_attempts) = (delivered, dead, failed);
    }
    for Count { source, verdict, reason, count } in next().parse()? {
        let day = &mut all.entry(source).or_default().last_day;
        let sum = day.verdicts.entry(verdict).or_default();
        *sum = sum.saturating_add(count);
        if !reason.is_empty() {
            let sum = day.reasons.entry(reason).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    for days in windows {
        for answer in [next(), next()] {
            for Proven { source, proven, mismatches, seen } in answer.parse()? {
                let known = all.entry(source).or_default();
                known.last_event = known.last_event.max(seen.map(start));
                let sums = known.proven.entry(*days).or_default();
                *sums = (sums.0.saturating_add(proven), sums.1.saturating_add(mismatches));
            }
        }
    }
    for known in all.values_mut().filter(|known| known.last_event.is_none()) {
        known.last_event = known.matches.iter().map(|noted| noted.last_matched).max();
    }
    Ok(all)
}
