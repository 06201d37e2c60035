//! Deletes the rows of the log that have expired, and the bodies in R2 that the log kept with them.

use super::bodies;
use super::ports::{Database, Letters, Payloads, PortError};
use crate::config::Config;
use crate::database::{Rows, Statement, Value, statements_of};
use crate::log::{OLDEST, slot};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
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
/// The most names of bodies that R2 deletes at once.
const MOST_BODIES: usize = 1_000;
/// The body that the log kept in R2 with its row. A body that was not delivered may still be needed: a later sweep deletes
/// it.
const KEPT_BODY: &str = "iif(state = 'delivered' AND kept <> 'delivered', payload, NULL) AS payload";
const DAY: Duration = Duration::from_secs(24 * 3600);
const DEFAULT_DAYS: u32 = 7;

#[derive(Deserialize)]
struct Swept {
    slot: i64,
}

#[derive(Deserialize)]
struct Gone {
    #[serde(default)]
    payload: Option<String>,
}

/// What a run deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    pub rows: usize,
    /// The bodies in R2.
    pub bodies: usize,
}

impl Expired {
    fn add(&mut self, more: Self) {
        self.rows = self.rows.saturating_add(more.rows);
        self.bodies = self.bodies.saturating_add(more.bodies);
    }
}

/// Deletes the expired rows and their bodies, and returns their numbers. Each run looks only at the minutes that expired
/// since the last one, because most rows of older minutes may have a longer retention.
///
/// # Errors
/// The database failed. The next run goes on.
pub async fn expire<P: Database + Letters + Payloads>(
    ports: &P,
    config: Option<&Config>,
    now: UnixTime,
) -> Result<Expired, PortError> {
    move_old_rows(ports).await?;
    let mut expired = Expired::default();
    for days in retentions(config) {
        let end = slot(now.minus(DAY.saturating_mul(days)));
        let known = Statement::new("SELECT slot FROM swept WHERE days = ?1", [days.into()]);
        let known: Vec<Swept> = first(ports.run(vec![known]).await?)?;
        // At first, the rows of the day before are looked at. Older rows are deleted after the longest retention.
        let begin =
            known.first().map_or_else(|| slot(now.minus(DAY.saturating_mul(days.saturating_add(1)))), |row| row.slot);
        let condition = "id >= (?1 * 60 << 28) AND id < (?2 * 60 << 28) AND days <= ?3";
        let values = [begin.into(), end.into(), days.into()];
        let Deleted { gone, is_all } = delete(ports, "log_events", "id", condition, &values).await?;
        expired.add(gone);
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
        ("held_bodies", "payload", "until < ?1", [now.seconds().into()]),
    ];
    for (table, key, condition, values) in tables {
        expired.add(delete(ports, table, key, condition, &values).await?.gone);
    }
    Ok(expired)
}

/// Moves the rows of the table `events`: more than a migration has moved, or rows of an older Worker.
async fn move_old_rows<P: Database>(ports: &P) -> Result<(), PortError> {
    let is_left = || Statement::new("SELECT 1 AS slot FROM events LIMIT 1", []);
    for _ in 0..MOST_MOVES {
        if first::<Swept>(ports.run(vec![is_left()]).await?)?.is_empty() {
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
    gone: Expired,
    is_all: bool,
}

async fn delete<P: Database + Letters + Payloads>(
    ports: &P,
    table: &str,
    key: &str,
    condition: &str,
    values: &[Value],
) -> Result<Deleted, PortError> {
    let returned = if table == "log_events" { KEPT_BODY } else { "1 AS slot" };
    let sql = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {MOST_ROWS}) \
         RETURNING {returned}"
    );
    let mut gone = Expired::default();
    for _ in 0..MOST_STATEMENTS {
        let rows: Vec<Gone> = first(ports.run(vec![Statement::new(sql.clone(), values.to_vec())]).await?)?;
        let number = rows.len();
        gone.add(Expired { rows: number, bodies: 0 });
        if ports.stores_payloads() {
            // After a crash here, the bodies have no row. A later sweep deletes them.
            let mut names = rows.into_iter().filter_map(|row| row.payload).peekable();
            while names.peek().is_some() {
                let bodies = bodies::discard(names.by_ref().take(MOST_BODIES).collect(), ports).await?;
                gone.add(Expired { rows: 0, bodies });
            }
        }
        if number < MOST_ROWS {
            return Ok(Deleted { gone, is_all: true });
        }
    }
    Ok(Deleted { gone, is_all: false })
}

fn first<Row: DeserializeOwned>(answers: Vec<Rows>) -> Result<Vec<Row>, PortError> {
    answers.into_iter().next().unwrap_or_default().parse().map_err(PortError)
}
