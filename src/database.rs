//! Statements for the D1 database, and the rows that they return. SQL is text here, so that tests run it in SQLite.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `NULL`.
    Null,
    /// A number. D1 has it as a double, so it is exact up to 2^53.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes that are not a text.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A text if the bytes are UTF-8. The database gives the same bytes back in both cases.
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

/// As `calls.js` reads it: bytes are the base64 in a list of one element.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_none(),
            Self::Number(number) => to.serialize_i64(*number),
            Self::Text(text) => to.serialize_str(text),
            Self::Bytes(bytes) => to.collect_seq([STANDARD.encode(bytes)]),
        }
    }
}

/// A statement with its parameters, `?1` and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement(pub String, pub Vec<Value>);

impl Statement {
    /// The statement `sql` with `values`.
    pub fn new(sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        Self(sql.into(), values.into_iter().collect())
    }

    /// The number of bytes of the texts and bytes in the parameters.
    pub fn bytes(&self) -> usize {
        let sizes = self.1.iter().map(|value| match value {
            Value::Null | Value::Number(_) => 8,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        });
        sizes.fold(self.0.len(), usize::saturating_add)
    }
}

/// The statements of a file of `migrations/`, without comments.
pub fn statements_of(file: &str) -> Vec<Statement> {
    let lines = file.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    text.split(';').map(str::trim).filter(|sql| !sql.is_empty()).map(|sql| Statement::new(sql, [])).collect()
}

/// The rows of a statement: the columns by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows(pub Vec<Map<String, Json>>);

impl Rows {
    /// The rows as values of `T`.
    ///
    /// # Errors
    /// A column is missing or has another type. The text names the column.
    pub fn parse<T: DeserializeOwned>(self) -> Result<Vec<T>, String> {
        let parse = |row| serde_json::from_value(Json::Object(row)).map_err(|error| format!("a row of D1: {error}"));
        self.0.into_iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_a_list_and_bytes_are_marked() {
        let values = [Value::Null, 7_i64.into(), "a\"".into(), vec![0xff, 0].into(), b"text".to_vec().into()];
        let text = serde_json::to_string(&Statement::new("SELECT ?1", values)).expect("JSON");
        assert_eq!(text, r#"["SELECT ?1",[null,7,"a\"",["/wA="],"text"]]"#);
    }
}
