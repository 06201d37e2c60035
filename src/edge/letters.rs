//! Stores dead letters in D1.

use super::ports::Bindings;
use crate::database::{Statement, Value};
use crate::letter::{COLUMNS, Filter, Groups, Letter, Selection};
use crate::pipeline::ports::{Database, Letters, PortError};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A letter that cannot be kept within this time waits for its queue, and at last in the bucket.
const PATIENCE_MS: u32 = 10_000;

fn seconds(time: UnixTime) -> Value {
    time.seconds().into()
}

fn text(of: &str) -> Value {
    of.into()
}

/// A list as one parameter, because D1 accepts at most 100 parameters.
fn list(names: &[String]) -> Value {
    json!(names).to_string().into()
}

/// The [`COLUMNS`] of `letters`, as one parameter.
fn table(letters: &[Letter]) -> Value {
    let row = |letter: &Letter| {
        let Letter {
            id, source, event_id, event_type, key, received, reason, bytes, payload, message, redrives, ..
        } = letter;
        let (died, expires) = (letter.died.seconds(), letter.expires.seconds());
        json!([
            id, source, event_id, event_type, key, received, died, reason, bytes, payload, expires, message, redrives
        ])
    };
    json!(letters.iter().map(row).collect::<Vec<_>>()).to_string().into()
}

impl Bindings {
    /// The rows of one statement. An answer without them is an error: an empty list would say that there is no letter.
    async fn answer<T: DeserializeOwned>(&self, statement: &Statement) -> Result<Vec<T>, PortError> {
        let answers = self.run_within(PATIENCE_MS, std::slice::from_ref(statement)).await?;
        let rows = answers.into_iter().next().ok_or_else(|| PortError("D1: its answer has no rows".to_owned()))?;
        rows.parse().map_err(PortError)
    }

    async fn rows<T: DeserializeOwned, const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<T>, PortError> {
        self.answer(&Statement::new(sql, values)).await
    }

    /// Runs a statement that has no rows.
    async fn change<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<(), PortError> {
        self.rows::<Named, N>(sql, values).await.map(|_| ())
    }
}

/// A row with the [`COLUMNS`].
#[derive(Deserialize)]
struct Row {
    id: String,
    source: String,
    event_id: String,
    r#type: String,
    key: String,
    received: String,
    died: i64,
    reason: String,
    bytes: u64,
    payload: Option<String>,
    expires: i64,
    message: String,
    redrives: u32,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl From<Row> for Letter {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            source: row.source,
            event_id: row.event_id,
            event_type: row.r#type,
            key: row.key,
            received: row.received,
            died: UnixTime::from_seconds(row.died),
            reason: row.reason,
            bytes: row.bytes,
            payload: row.payload,
            expires: UnixTime::from_seconds(row.expires),
            message: row.message,
            redrives: row.redrives,
        }
    }
}

impl Letters for Bindings {
    fn keeps_letters(&self) -> bool {
        self.has_database()
    }

    async fn keep(&self, letter: &Letter) -> Result<(), PortError> {
        let sql = format!(
            "INSERT INTO dead_letters ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO \
             UPDATE SET died = excluded.died, reason = excluded.reason, message = excluded.message, \
             expires = max(dead_letters.expires, excluded.expires), redrives = excluded.redrives, taken_until = 0, \
             redriven = NULL WHERE excluded.redrives > dead_letters.redrives"
        );
        let values = [
            text(&letter.id),
            text(&letter.source),
            text(&letter.event_id),
            text(&letter.event_type),
            text(&letter.key),
            text(&letter.received),
            seconds(letter.died),
            text(&letter.reason),
            i64::try_from(letter.bytes).unwrap_or(i64::MAX).into(),
            letter.payload.as_deref().into(),
            seconds(letter.expires),
            text(&letter.message),
            letter.redrives.into(),
        ];
        self.change(&sql, values).await
    }

    async fn has(&self, id: &str) -> Result<bool, PortError> {
        let sql = "SELECT id AS name FROM dead_letters WHERE id = ?";
        Ok(!self.rows::<Named, _>(sql, [text(id)]).await?.is_empty())
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<Letter>, PortError> {
        let rows: Vec<Row> = self.answer(&selection.list()).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    async fn groups(&self, filter: &Filter) -> Result<Groups, PortError> {
        let answers = self.run_within(PATIENCE_MS, &filter.groups()).await?;
        Groups::of(answers).map_err(PortError)
    }

    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError> {
        let sql = format!(
            "UPDATE dead_letters SET taken_until = ?3, expires = max(expires, ?4) \
             WHERE id = ?1 AND redriven IS NULL AND taken_until <= ?2 RETURNING {COLUMNS}"
        );
        let rows: Vec<Row> = self.rows(&sql, [text(id), seconds(now), seconds(until), seconds(expires)]).await?;
        Ok(rows.into_iter().next().map(Into::into))
    }

    async fn redriven(&self, id: &str, redrives: u32, now: UnixTime) -> Result<(), PortError> {
        let sql = "UPDATE dead_letters SET redriven = ?2 WHERE id = ?1 AND redrives = ?3";
        self.change(sql, [text(id), seconds(now), redrives.into()]).await
    }

    async fn replayed(&self, letters: &[Letter], now: UnixTime) -> Result<(), PortError> {
        let sql = format!(
            "INSERT INTO dead_letters ({COLUMNS}, redriven) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, \
             value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, \
             value ->> 12, ?2 FROM json_each(?1) WHERE true ON CONFLICT (id) DO UPDATE SET redriven = excluded.redriven, \
             redrives = excluded.redrives WHERE excluded.redrives >= dead_letters.redrives"
        );
        self.change(&sql, [table(letters), seconds(now)]).await
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let sql = "DELETE FROM dead_letters WHERE expires <= ? RETURNING id AS name";
        self.rows::<Named, _>(sql, [seconds(now)]).await.map(|rows| rows.len())
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let sql = "SELECT DISTINCT payload AS name FROM dead_letters \
            WHERE payload IN (SELECT value FROM json_each(?))";
        let rows: Vec<Named> = self.rows(sql, [list(names)]).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }
}
