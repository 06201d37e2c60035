//! Deletes the rows of the log that have expired.

use super::ports::{Database, PortError};
use crate::config::Config;
use crate::database::{Rows, Statement, Value, statements_of};
use crate::log::{OLDEST, slot};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most rows that one statement deletes, and the most statements for one table in a run. A run that deletes less than it
/// should goes on an hour later.
const MOST_ROWS: usize = 5_000;
const MOST_STATEMENTS: usize = 40;
/// How long counts are kept.
const COUNTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long samples of refused requests are kept.
const SAMPLES_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the audit is kept.
const AUDIT_KEPT: Duration = Duration::from_secs(365 * 24 * 3600);
/// A row of `waiting` whose event is settled: the entry that said so was lost.
const SETTLED: &str = "slot < ?1 OR NOT EXISTS (SELECT 1 FROM log_events WHERE id >= (waiting.received << 28) \
                       AND id < ((waiting.received + 1) << 28) AND log_events.name = waiting.name \
                       AND state IN ('waiting', 'retrying', 'paused'))";
/// Moves rows of the version before, which had the table `events`.
const MOVE: &str = include_str!("../../migrations/0004_log_events.sql");
/// The most times that a run moves 20,000 rows.
const MOST_MOVES: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 3600);
const DEFAULT_DAYS: u32 = 7;

#[derive(Deserialize)]
struct Swept {
    slot: i64,
}

/// Deletes the expired rows, and returns their number. Each run looks only at the minutes that expired since the last one,
/// because most rows of older minutes may have a longer retention.
///
/// # Errors
/// The database failed. The next run goes on.
pub async fn expire<P: Database>(ports: &P, config: Option<&Config>, now: UnixTime) -> Result<usize, PortError> {
    move_old_rows(ports).await?;
    let mut deleted = 0_usize;
    for days in retentions(config) {
        let end = slot(now.minus(DAY.saturating_mul(days)));
        let known = Statement::new("SELECT slot FROM swept WHERE days = ?1", [days.into()]);
        let known: Vec<Swept> = first(ports.run(vec![known]).await?)?;
        // At first, the rows of the day before are looked at. Older rows are deleted after the longest retention.
        let begin =
            known.first().map_or_else(|| slot(now.minus(DAY.saturating_mul(days.saturating_add(1)))), |row| row.slot);
        let condition = "id >= (?1 * 60 << 28) AND id < (?2 * 60 << 28) AND days <= ?3";
        let values = [begin.into(), end.into(), days.into()];
        let Deleted { rows, is_all } = delete(ports, "log_events", "id", condition, &values).await?;
        deleted = deleted.saturating_add(rows);
        if is_all {
            let sql = "INSERT INTO swept (days, slot) VALUES (?1, ?2) ON CONFLICT (days) DO UPDATE SET slot = ?2";
            ports.run(vec![Statement::new(sql, [days.into(), end.into()])]).await?;
        }
    }
    let before = |kept: Duration| [Value::from(slot(now.minus(kept)))];
    let tables = [
        ("log_events", "id", "id < (?1 * 60 << 28)", before(OLDEST)),
        ("counts", "slot, source, verdict, reason", "slot < ?1", before(COUNTS_KEPT)),
        ("refused", "slot, source, reason, number", "slot < ?1", before(SAMPLES_KEPT)),
        ("deliveries", "slot, source, destination", "slot < ?1", before(COUNTS_KEPT)),
        ("duplicates", "key", "last < ?1", [now.minus(OLDEST).seconds().into()]),
        ("waiting", "source, slot, name", SETTLED, before(OLDEST)),
        ("audit", "id", "at < ?1", [now.minus(AUDIT_KEPT).seconds().into()]),
    ];
    for (table, key, condition, values) in tables {
        deleted = deleted.saturating_add(delete(ports, table, key, condition, &values).await?.rows);
    }
    Ok(deleted)
}

/// Moves the rows of the table `events`: more than a migration has moved, or rows of an older Worker.
async fn move_old_rows<P: Database>(ports: &P) -> Result<(), PortError> {
    let is_left = || Statement::new("SELECT 1 AS slot FROM events LIMIT 1", []);
    for _ in 0..MOST_MOVES {
        if first(ports.run(vec![is_left()]).await?)?.is_empty() {
            break;
        }
        // A row may have expired while it waited here. So the next sweep looks at a whole day again.
        let again = Statement::new("DELETE FROM swept", []);
        ports.run(statements_of(MOVE).into_iter().chain([again]).collect()).await?;
    }
    Ok(())
}

/// The retentions of the sources, in days.
fn retentions(config: Option<&Config>) -> BTreeSet<u32> {
    let days = |policy: Duration| u32::try_from(policy.as_secs().div_euclid(DAY.as_secs())).unwrap_or(u32::MAX);
    let sources = config.into_iter().flat_map(Config::sources).filter_map(|(_, source)| source.ok());
    sources.map(|source| days(source.log.row())).chain([DEFAULT_DAYS]).collect()
}

struct Deleted {
    rows: usize,
    is_all: bool,
}

async fn delete<P: Database>(
    ports: &P,
    table: &str,
    key: &str,
    condition: &str,
    values: &[Value],
) -> Result<Deleted, PortError> {
    let sql = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {MOST_ROWS}) \
         RETURNING 1 AS slot"
    );
    let mut rows = 0_usize;
    for _ in 0..MOST_STATEMENTS {
        let gone: Vec<Swept> = first(ports.run(vec![Statement::new(sql.clone(), values.to_vec())]).await?)?;
        rows = rows.saturating_add(gone.len());
        if gone.len() < MOST_ROWS {
            return Ok(Deleted { rows, is_all: true });
        }
    }
    Ok(Deleted { rows, is_all: false })
}

fn first(answers: Vec<Rows>) -> Result<Vec<Swept>, PortError> {
    answers.into_iter().next().unwrap_or_default().parse().map_err(PortError)
}
