//! Stores dead letters in D1.

use super::environment;
use super::ports::{Bindings, failed};
use crate::letter::{Filter, Letter};
use crate::pipeline::ports::{Letters, PortError};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::cell::Cell;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1Result};

const PATIENCE_MS: u32 = 10_000;

/// The first query of each isolate creates the table if it is missing, so that no migration is needed.
const SCHEMA: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS dead_letters (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, \
     source TEXT NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, received TEXT NOT NULL, \
     died INTEGER NOT NULL, reason TEXT NOT NULL, bytes INTEGER NOT NULL, payload TEXT, expires INTEGER NOT NULL, \
     message TEXT NOT NULL, taken_until INTEGER NOT NULL DEFAULT 0, redriven INTEGER, \
     redrives INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS dead_letters_by_source ON dead_letters (source, number)",
    "CREATE INDEX IF NOT EXISTS dead_letters_by_expiry ON dead_letters (expires)",
    "CREATE INDEX IF NOT EXISTS dead_letters_by_payload ON dead_letters (payload)",
];
/// Finds the column that tables of the previous version lack.
const HAS_REDRIVES: &str = "SELECT name FROM pragma_table_info('dead_letters') WHERE name = 'redrives'";
const ADD_REDRIVES: &str = "ALTER TABLE dead_letters ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0";
const COLUMNS: &str =
    "id, source, event_id, type, key, received, died, reason, bytes, payload, expires, message, redrives";

thread_local! {
    static TABLE_IS_THERE: Cell<bool> = const { Cell::new(false) };
}

fn seconds(time: UnixTime) -> JsValue {
    // D1 accepts numbers, and refuses a BigInt.
    JsValue::from(time.seconds() as f64)
}

fn text_or_null(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from)
}

/// A list as one parameter, because D1 accepts at most 100 parameters.
#[expect(clippy::expect_used, reason = "an empty list would name no letter")]
fn list(names: &[String]) -> JsValue {
    serde_json::to_string(names).expect("JSON can write every list of texts").into()
}

/// The [`COLUMNS`] of `letters` without their messages, as one parameter.
#[expect(clippy::expect_used, reason = "texts and numbers are JSON")]
fn values_of(letters: &[Letter]) -> JsValue {
    let values = |letter: &Letter| {
        let Letter { id, source, event_id, event_type, key, received, .. } = letter.clone();
        let (died, expires) = (letter.died.seconds(), letter.expires.seconds());
        let ends = (died, letter.reason.clone(), letter.bytes, letter.payload.clone(), expires, letter.redrives);
        ((id, source, event_id, event_type, key, received), ends)
    };
    let rows: Vec<_> = letters.iter().map(values).collect();
    serde_json::to_string(&rows).expect("texts and numbers are JSON").into()
}

impl Bindings {
    async fn query(&self, sql: &str, values: &[JsValue]) -> Result<D1Result, PortError> {
        let database = self.env.d1("LOG").map_err(failed("D1"))?;
        if !TABLE_IS_THERE.get() {
            for statement in SCHEMA {
                self.run(&database, statement, &[]).await?;
            }
            let columns: Vec<Named> = rows(&self.run(&database, HAS_REDRIVES, &[]).await?)?;
            if columns.is_empty() {
                self.run(&database, ADD_REDRIVES, &[]).await?;
            }
            TABLE_IS_THERE.set(true);
        }
        self.run(&database, sql, values).await
    }

    async fn run(&self, database: &D1Database, sql: &str, values: &[JsValue]) -> Result<D1Result, PortError> {
        let statement = database.prepare(sql).bind(values).map_err(failed("D1"))?;
        self.within(PATIENCE_MS, "D1", statement.all()).await
    }

    async fn rows<T: for<'r> Deserialize<'r>>(&self, sql: &str, values: &[JsValue]) -> Result<Vec<T>, PortError> {
        rows(&self.query(sql, values).await?)
    }
}

fn rows<T: for<'r> Deserialize<'r>>(answer: &D1Result) -> Result<Vec<T>, PortError> {
    answer.results().map_err(failed("D1"))
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
        environment::has(&self.env, "LOG")
    }

    async fn keep(&self, letter: &Letter) -> Result<(), PortError> {
        let sql = format!(
            "INSERT INTO dead_letters ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO \
             UPDATE SET died = excluded.died, reason = excluded.reason, message = excluded.message, \
             expires = max(dead_letters.expires, excluded.expires), redrives = excluded.redrives, taken_until = 0, \
             redriven = NULL WHERE excluded.redrives > dead_letters.redrives"
        );
        let texts = [&letter.id, &letter.source, &letter.event_id, &letter.event_type, &letter.key, &letter.received];
        let mut values: Vec<JsValue> = texts.into_iter().map(JsValue::from).collect();
        values.extend([seconds(letter.died), JsValue::from(&letter.reason), JsValue::from(letter.bytes as f64)]);
        values.extend([text_or_null(letter.payload.as_deref()), seconds(letter.expires), (&letter.message).into()]);
        values.push(letter.redrives.into());
        self.query(&sql, &values).await.map(|_| ())
    }

    async fn has(&self, id: &str) -> Result<bool, PortError> {
        let sql = "SELECT id AS name FROM dead_letters WHERE id = ?";
        Ok(!self.rows::<Named>(sql, &[id.into()]).await?.is_empty())
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Letter>, PortError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM dead_letters WHERE redriven IS NULL AND (?1 IS NULL OR source = ?1) \
             AND number > coalesce((SELECT number FROM dead_letters WHERE id = ?2), 0) ORDER BY number LIMIT ?3"
        );
        let (source, after) = (text_or_null(filter.source.as_deref()), text_or_null(filter.after.as_deref()));
        let rows: Vec<Row> = self.rows(&sql, &[source, after, filter.limit.into()]).await?;
        Ok(rows.into_iter().map(Into::into).collect())
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
        let rows: Vec<Row> = self.rows(&sql, &[id.into(), seconds(now), seconds(until), seconds(expires)]).await?;
        Ok(rows.into_iter().next().map(Into::into))
    }

    async fn redriven(&self, id: &str, redrives: u32, now: UnixTime) -> Result<(), PortError> {
        let sql = "UPDATE dead_letters SET redriven = ?2 WHERE id = ?1 AND redrives = ?3";
        self.query(sql, &[id.into(), seconds(now), redrives.into()]).await.map(|_| ())
    }

    async fn replayed(&self, letters: &[Letter], now: UnixTime) -> Result<(), PortError> {
        let sql = format!(
            "INSERT INTO dead_letters ({COLUMNS}, redriven) SELECT value ->> '$[0][0]', value ->> '$[0][1]', \
             value ->> '$[0][2]', value ->> '$[0][3]', value ->> '$[0][4]', value ->> '$[0][5]', value ->> '$[1][0]', \
             value ->> '$[1][1]', value ->> '$[1][2]', value ->> '$[1][3]', value ->> '$[1][4]', '', value ->> '$[1][5]', ?2 \
             FROM json_each(?1) WHERE true ON CONFLICT (id) DO UPDATE SET redriven = excluded.redriven, \
             redrives = excluded.redrives WHERE excluded.redrives >= dead_letters.redrives"
        );
        self.query(&sql, &[values_of(letters), seconds(now)]).await.map(|_| ())
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let sql = "DELETE FROM dead_letters WHERE expires <= ? RETURNING id AS name";
        self.rows::<Named>(sql, &[seconds(now)]).await.map(|rows| rows.len())
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let sql = "SELECT DISTINCT payload AS name FROM dead_letters \
            WHERE payload IN (SELECT value FROM json_each(?))";
        let rows: Vec<Named> = self.rows(sql, &[list(names)]).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }
}
