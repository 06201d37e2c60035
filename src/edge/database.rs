//! Runs statements in the D1 database.

use super::environment;
use super::ports::{Bindings, failed};
use crate::database::{Rows, Statement, statements_of};
use crate::pipeline::ports::{Database, PortError};
use std::cell::OnceCell;
use wasm_bindgen::prelude::*;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;

/// The time limit of one write or of one list. A queue's consumer acknowledges its batch after the write.
const PATIENCE_MS: u32 = 3_000;
/// The tables. They are created here if `make deploy` has not created them.
const MIGRATIONS: [&str; 6] = [
    include_str!("../../migrations/0001_dead_letters.sql"),
    include_str!("../../migrations/0002_log.sql"),
    include_str!("../../migrations/0003_jobs.sql"),
    include_str!("../../migrations/0004_log_events.sql"),
    include_str!("../../migrations/0005_pauses.sql"),
    include_str!("../../migrations/0006_held_bodies.sql"),
];

thread_local! {
    /// Whether there is a database. A request asks several times, and a new environment comes with a new isolate.
    static HAS_LOG: OnceCell<bool> = const { OnceCell::new() };
}

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = runStatements, catch)]
    fn run_statements(database: &JsValue, statements: &str) -> Result<Promise, JsValue>;
}

impl Bindings {
    async fn run_once(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        let database = environment::value(&self.env, "LOG");
        let text = serde_json::to_string(statements).map_err(|error| PortError(format!("D1: {error}")))?;
        let running = run_statements(&database, &text).map_err(failed("D1"))?;
        let answer = self.within(PATIENCE_MS, "D1", JsFuture::from(running)).await?;
        let unreadable = || PortError("D1: its answer cannot be read".to_owned());
        let rows: Vec<_> = serde_json::from_slice(answer.as_string().ok_or_else(unreadable)?.as_bytes())
            .map_err(|error| PortError(format!("D1: {error}")))?;
        Ok(rows.into_iter().map(Rows).collect())
    }
}

impl Database for Bindings {
    fn has_database(&self) -> bool {
        HAS_LOG.with(|known| *known.get_or_init(|| environment::has(&self.env, "LOG")))
    }

    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        match self.run_once(statements).await {
            Err(PortError(problem)) if problem.contains("no such table") => {
                let migrations: Vec<_> = MIGRATIONS.iter().flat_map(|file| statements_of(file)).collect();
                self.run_once(&migrations).await?;
                self.run_once(statements).await
            }
            outcome => outcome,
        }
    }
}
