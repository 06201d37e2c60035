//! Stores the audit in D1.

use super::environment;
use super::ports::{Bindings, failed};
use crate::audit::AuditEntry;
use crate::pipeline::ports::{Audit, PortError};
use serde::Deserialize;
use std::cell::Cell;
use wasm_bindgen::JsValue;

const PATIENCE_MS: u32 = 10_000;

/// The first query of each isolate creates the table if it is missing, so that no migration is needed. The id begins with
/// the time, so the table needs no index.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS audit (id TEXT PRIMARY KEY, at INTEGER NOT NULL, caller TEXT NOT NULL, \
     action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL) WITHOUT ROWID";
const COLUMNS: &str = "id, at, caller, action, target, detail";

thread_local! {
    static TABLE_IS_THERE: Cell<bool> = const { Cell::new(false) };
}

impl Bindings {
    async fn query_audit<T: for<'r> Deserialize<'r>>(
        &self,
        sql: &str,
        values: &[JsValue],
    ) -> Result<Vec<T>, PortError> {
        let database = self.env.d1("LOG").map_err(failed("D1"))?;
        if !TABLE_IS_THERE.get() {
            self.within(PATIENCE_MS, "D1", database.prepare(SCHEMA).all()).await?;
            TABLE_IS_THERE.set(true);
        }
        let statement = database.prepare(sql).bind(values).map_err(failed("D1"))?;
        let answer = self.within(PATIENCE_MS, "D1", statement.all()).await?;
        answer.results().map_err(failed("D1"))
    }
}

impl Audit for Bindings {
    fn keeps_audit(&self) -> bool {
        environment::has(&self.env, "LOG")
    }

    async fn audit(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let sql = format!("INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
        // D1 accepts numbers, and refuses a BigInt.
        let mut values = vec![JsValue::from(&entry.id), JsValue::from(entry.at.seconds() as f64)];
        values.extend([&entry.caller, &entry.action, &entry.target, &entry.detail].map(JsValue::from));
        self.query_audit::<serde_json::Value>(&sql, &values).await.map(|_| ())
    }

    async fn audited(&self, before: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        // Every id is smaller than a text that begins with a letter after `f`.
        self.query_audit(&sql, &[before.unwrap_or("g").into(), limit.into()]).await
    }
}
