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
const MIGRATIONS: [&str; 7] = [
    include_str!("../../migrations/0001_dead_letters.sql"),
    include_str!("../../migrations/0002_log.sql"),
    include_str!("../../migrations/0003_jobs.sql"),
    include_str!("../../migrations/0004_log_events.sql"),
    include_str!("../../migrations/0005_pauses.sql"),
    include_str!("../../migrations/0006_held_bodies.sql"),
    include_str!("../../migrations/0007_waiting_letters.sql"),
];
/// What D1 says of a table of dead letters that an older version made. A migration cannot add the column: SQL cannot ask
/// whether a column is there.
const LACKS_REDRIVES: [&str; 2] = ["no such column: redrives", "has no column named redrives"];
const ADD_REDRIVES: &str = "ALTER TABLE dead_letters ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0";

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
    async fn run_once(&self, patience: u32, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        let database = environment::value(&self.env, "LOG");
        let text = serde_json::to_string(statements).map_err(|error| PortError(format!("D1: {error}")))?;
        let running = run_statements(&database, &text).map_err(failed("D1"))?;
        let answer = self.within(patience, "D1", JsFuture::from(running)).await?;
        let unreadable = || PortError("D1: its answer cannot be read".to_owned());
        let rows: Vec<_> = serde_json::from_slice(answer.as_string().ok_or_else(unreadable)?.as_bytes())
            .map_err(|error| PortError(format!("D1: {error}")))?;
        Ok(rows.into_iter().map(Rows).collect())
    }

    /// Runs the statements, each time with the limit `patience` in milliseconds. If a table or a column is missing, it is
    /// added first. Only D1's error shows that: a question before the statements would cost a call in each isolate.
    pub(super) async fn run_within(&self, patience: u32, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        let outcome = self.run_once(patience, statements).await;
        let Err(PortError(problem)) = &outcome else { return outcome };
        if problem.contains("no such table") {
            let migrations: Vec<_> = MIGRATIONS.iter().flat_map(|file| statements_of(file)).collect();
            self.run_once(patience, &migrations).await?;
        } else if LACKS_REDRIVES.iter().any(|text| problem.contains(text)) {
            // Another isolate may have added the column meanwhile, and then this fails. The statements show what is there.
            let _ = self.run_once(patience, &[Statement::new(ADD_REDRIVES, [])]).await;
        } else {
            return outcome;
        }
        self.run_once(patience, statements).await
    }
}

impl Database for Bindings {
    fn has_database(&self) -> bool {
        HAS_LOG.with(|known| *known.get_or_init(|| environment::has(&self.env, "LOG")))
    }

    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        self.run_within(PATIENCE_MS, statements).await
    }
}
