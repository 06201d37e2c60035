//! The D1 database: SQLite in memory, with the tables of `migrations/`.

use hookgate::database::{Rows, Statement, Value};
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde_json::{Map, Value as Json};
use std::cell::RefCell;
use std::fs;
use std::path::Path;

pub struct Sqlite(RefCell<Connection>);

impl Default for Sqlite {
    fn default() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&migrations()).unwrap();
        Self(RefCell::new(connection))
    }
}

fn migrations() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// D1 has each number of a parameter or of an answer as a double.
struct Parameter<'v>(&'v Value);

impl rusqlite::ToSql for Parameter<'_> {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "D1 loses the same bits")]
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Number(number) => ValueRef::Real(*number as f64),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Sqlite {
    /// Runs the statements in one transaction. A statement that SQLite refuses is a mistake in the code, so it panics.
    pub fn run(&self, statements: &[Statement]) -> Vec<Rows> {
        let mut connection = self.0.borrow_mut();
        let transaction = connection.transaction().unwrap();
        let rows = statements.iter().map(|statement| rows(&transaction, statement)).collect();
        transaction.commit().unwrap();
        rows
    }

    /// How many steps SQLite's machine makes for the statements: about the work, without a clock.
    pub fn steps(&self, statements: &[Statement]) -> i64 {
        let connection = self.0.borrow();
        let steps = |Statement(sql, values): &Statement| {
            let mut prepared = connection.prepare(sql).unwrap();
            let mut rows = prepared.query(rusqlite::params_from_iter(values.iter().map(Parameter))).unwrap();
            while rows.next().unwrap().is_some() {}
            drop(rows);
            i64::from(prepared.get_status(rusqlite::StatementStatus::VmStep))
        };
        statements.iter().map(steps).sum()
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str) -> Vec<Map<String, Json>> {
        rows(&self.0.borrow(), &Statement::new(sql, [])).0
    }
}

fn rows(connection: &Connection, Statement(sql, values): &Statement) -> Rows {
    assert!(values.len() <= 100, "D1 takes at most 100 parameters: {sql}");
    let mut prepared = connection.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.query(rusqlite::params_from_iter(values.iter().map(Parameter))).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap_or_else(|error| panic!("{error}: {sql}")) {
        let value = |at| match row.get_ref(at).unwrap() {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) if number.fract() == 0.0 => format!("{number:.0}").parse::<i64>().unwrap().into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap().into(),
            ValueRef::Blob(bytes) => bytes.to_vec().into(),
        };
        all.push(names.iter().enumerate().map(|(at, name)| (name.clone(), value(at))).collect());
    }
    Rows(all)
}
