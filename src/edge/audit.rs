//! Stores the audit in D1.

use super::environment;
use super::ports::Bindings;
use crate::audit::AuditEntry;
use crate::database::{Statement, Value};
use crate::pipeline::ports::{Audit, Database, PortError};

const COLUMNS: &str = "id, at, caller, action, target, detail";

impl Audit for Bindings {
    fn keeps_audit(&self) -> bool {
        environment::has(&self.env, "LOG")
    }

    async fn audit(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let sql = format!("INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING");
        let text = |text: &String| Value::from(text.as_str());
        let values = [&entry.caller, &entry.action, &entry.target, &entry.detail].map(text);
        let values = [text(&entry.id), entry.at.seconds().into()].into_iter().chain(values);
        self.run(vec![Statement::new(sql, values)]).await.map(|_| ())
    }

    async fn audited(&self, before: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        // Every id is smaller than a text that begins with a letter after `f`.
        let values = [before.unwrap_or("g").into(), limit.into()];
        let rows = self.run(vec![Statement::new(sql, values)]).await?;
        rows.into_iter().next().unwrap_or_default().parse().map_err(PortError)
    }
}
