//! Dead letters, in D1.

use super::environment::Database;
use super::ports::{Bindings, failed, missing};
use crate::letter::{Filter, Letter};
use crate::pipeline::ports::{Letters, PortError};
use hookgate_verify::UnixTime;
use js_sys::{Array, Reflect};
use std::cell::Cell;
use wasm_bindgen::prelude::*;

const PATIENCE_MS: u32 = 10_000;

/// The table is made by who needs it first, so that nobody has to remember a migration.
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
/// What tables of the version before this one lack.
const HAS_REDRIVES: &str = "SELECT name FROM pragma_table_info('dead_letters') WHERE name = 'redrives'";
const ADD_REDRIVES: &str = "ALTER TABLE dead_letters ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0";
const COLUMNS: &str =
    "id, source, event_id, type, key, received, died, reason, bytes, payload, expires, message, redrives";

thread_local! {
    static TABLE_IS_THERE: Cell<bool> = const { Cell::new(false) };
}

fn seconds(time: UnixTime) -> JsValue {
    // D1 takes numbers, and no BigInt.
    JsValue::from(time.seconds() as f64)
}

fn text_or_null(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from)
}

/// A list as one parameter: D1 takes a hundred of them at most.
fn list(names: &[String]) -> JsValue {
    serde_json::to_string(names).unwrap_or_default().into()
}

impl Bindings {
    async fn query(&self, sql: &str, values: &[JsValue]) -> Result<JsValue, PortError> {
        let database = self.env.log().ok_or_else(|| missing("LOG"))?;
        if !TABLE_IS_THERE.get() {
            for statement in SCHEMA {
                self.run(&database, statement, &[]).await?;
            }
            let columns = results(&self.run(&database, HAS_REDRIVES, &[]).await?)?;
            if columns.length() == 0 {
                self.run(&database, ADD_REDRIVES, &[]).await?;
            }
            TABLE_IS_THERE.set(true);
        }
        self.run(&database, sql, values).await
    }

    async fn run(&self, database: &Database, sql: &str, values: &[JsValue]) -> Result<JsValue, PortError> {
        let values: Array = values.iter().collect();
        let statement = database.prepare(sql).map_err(failed("D1"))?.bind(&values).map_err(failed("D1"))?;
        self.called("D1", PATIENCE_MS, statement.all()).await
    }

    /// The rows of a query.
    async fn rows(&self, sql: &str, values: &[JsValue]) -> Result<Array, PortError> {
        results(&self.query(sql, values).await?)
    }
}

fn results(answer: &JsValue) -> Result<Array, PortError> {
    let rows = Reflect::get(answer, &"results".into()).map_err(failed("D1"))?;
    rows.dyn_into().map_err(|_| PortError("D1: no rows in its answer".to_owned()))
}

fn column(row: &JsValue, name: &str) -> JsValue {
    Reflect::get(row, &name.into()).unwrap_or_default()
}

fn text(row: &JsValue, name: &str) -> String {
    column(row, name).as_string().unwrap_or_default()
}

fn number(row: &JsValue, name: &str) -> f64 {
    column(row, name).as_f64().unwrap_or_default()
}

/// The letter in a row of [`COLUMNS`], each of which the table holds to its type.
fn letter(row: &JsValue) -> Letter {
    let time = |name| UnixTime::from_seconds(number(row, name) as i64);
    Letter {
        id: text(row, "id"),
        source: text(row, "source"),
        event_id: text(row, "event_id"),
        event_type: text(row, "type"),
        key: text(row, "key"),
        received: text(row, "received"),
        died: time("died"),
        reason: text(row, "reason"),
        bytes: number(row, "bytes") as u64,
        payload: column(row, "payload").as_string(),
        expires: time("expires"),
        message: text(row, "message"),
        redrives: number(row, "redrives") as u32,
    }
}

impl Letters for Bindings {
    fn keeps_letters(&self) -> bool {
        self.env.log().is_some()
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
        let rows = self.rows("SELECT 1 FROM dead_letters WHERE id = ?", &[id.into()]).await?;
        Ok(rows.length() > 0)
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Letter>, PortError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM dead_letters WHERE redriven IS NULL AND (?1 IS NULL OR source = ?1) \
             AND number > coalesce((SELECT number FROM dead_letters WHERE id = ?2), 0) ORDER BY number LIMIT ?3"
        );
        let (source, after) = (text_or_null(filter.source.as_deref()), text_or_null(filter.after.as_deref()));
        let rows = self.rows(&sql, &[source, after, filter.limit.into()]).await?;
        Ok(rows.iter().map(|row| letter(&row)).collect())
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
        let rows = self.rows(&sql, &[id.into(), seconds(now), seconds(until), seconds(expires)]).await?;
        Ok(rows.iter().next().map(|row| letter(&row)))
    }

    async fn redriven(&self, id: &str, redrives: u32, now: UnixTime) -> Result<(), PortError> {
        let sql = "UPDATE dead_letters SET redriven = ?2 WHERE id = ?1 AND redrives = ?3";
        self.query(sql, &[id.into(), seconds(now), redrives.into()]).await.map(|_| ())
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let sql = "DELETE FROM dead_letters WHERE expires <= ? RETURNING id AS name";
        self.rows(sql, &[seconds(now)]).await.map(|rows| rows.iter().count())
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let sql = "SELECT DISTINCT payload AS name FROM dead_letters \
            WHERE payload IN (SELECT value FROM json_each(?))";
        let rows = self.rows(sql, &[list(names)]).await?;
        Ok(rows.iter().map(|row| text(&row, "name")).collect())
    }
}
