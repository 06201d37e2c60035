//! Reads a table's fields by name and type. Every error names the key, its value, and the nearest known key.

use super::{ConfigError, span};
use crate::headers::unlistable;
use crate::{HeaderPattern, JsonPath, Preset};
use serde_json::{Map, Value};
use std::time::Duration;

/// More than any origin reads.
const MOST_HEADERS: usize = 32;

/// A table of the configuration, known to have no unknown keys.
pub struct Fields<'t> {
    path: String,
    table: &'t Map<String, Value>,
}

impl<'t> Fields<'t> {
    /// Holds `table`, which stands at `path`, to the keys in `known`.
    ///
    /// # Errors
    /// It is no table, or has a key that is not known.
    pub fn of(path: &str, table: &'t Value, known: &[&'static str]) -> Result<Self, ConfigError> {
        match table {
            Value::Object(table) => Self::held(path.to_owned(), table, known),
            _ => Err(ConfigError { key: path.to_owned(), problem: "must be a table".to_owned() }),
        }
    }

    fn held(path: String, table: &'t Map<String, Value>, known: &[&'static str]) -> Result<Self, ConfigError> {
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            let hint = did_you_mean(key, known.iter().copied());
            return Err(ConfigError { key: format!("{path}.{key}"), problem: format!("unknown key{hint}") });
        }
        Ok(Self { path, table })
    }

    /// The key's full name, as `SOURCES.billing.dedup`.
    pub fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// The value of `key`, as it stands.
    pub fn value(&self, key: &str) -> Option<&'t Value> {
        self.table.get(key)
    }

    /// An error about the value of `key`.
    pub fn error(&self, key: &str, problem: String) -> ConfigError {
        let problem = match self.table.get(key) {
            Some(Value::String(text)) => format!("\"{text}\": {problem}"),
            _ => problem,
        };
        ConfigError { key: self.key(key), problem }
    }

    /// The text at `key`.
    ///
    /// # Errors
    /// It is no text.
    pub fn text(&self, key: &str) -> Result<Option<&'t str>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "must be a text in quotes".to_owned())),
        }
    }

    /// The list of texts at `key`.
    ///
    /// # Errors
    /// It is no list of texts. The error does not show it, for it may be a secret.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'t str>>, ConfigError> {
        // What stands in a list that should hold names may be a secret, so it is not shown.
        let problem = || ConfigError { key: self.key(key), problem: "must be a list of texts, as [\"A\"]".to_owned() };
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().ok_or_else(problem)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(problem()),
        }
    }

    /// The text at `key`, one of `choices`.
    ///
    /// # Errors
    /// It is none of them.
    pub fn choice(&self, key: &str, choices: &[&'static str]) -> Result<Option<&'t str>, ConfigError> {
        match self.text(key)? {
            Some(text) if !choices.contains(&text) => {
                Err(self.error(key, format!("must be one of {}", choices.join(", "))))
            }
            text => Ok(text),
        }
    }

    /// A list of texts, or one text for a list of one.
    ///
    /// # Errors
    /// It is neither.
    pub fn one_or_more(&self, key: &str) -> Result<Vec<&'t str>, ConfigError> {
        match self.table.get(key) {
            Some(Value::String(text)) => Ok(vec![text]),
            _ => Ok(self.texts(key)?.unwrap_or_default()),
        }
    }

    /// `false` where it is not set.
    ///
    /// # Errors
    /// It is neither true nor false.
    pub fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        match self.table.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.error(key, "must be true or false".to_owned())),
        }
    }

    /// The number at `key`.
    ///
    /// # Errors
    /// It is no whole number from 0 to 65535.
    pub fn number(&self, key: &str) -> Result<Option<u16>, ConfigError> {
        let problem = || self.error(key, "must be a number".to_owned());
        let read = |value: &Value| value.as_u64().and_then(|number| number.try_into().ok()).ok_or_else(problem);
        self.table.get(key).map(read).transpose()
    }

    /// The path into a JSON body at `key`.
    ///
    /// # Errors
    /// It is no path.
    pub fn path(&self, key: &str) -> Result<Option<JsonPath>, ConfigError> {
        let problem = || self.error(key, "must be a path of keys, such as \"event.id\"".to_owned());
        self.text(key)?.map(|text| JsonPath::parse(text).ok_or_else(problem)).transpose()
    }

    /// Headers that go on to the origin from a source of `preset`: names, and beginnings of names with `*` at the end.
    ///
    /// # Errors
    /// One of them is no name, or a header that never goes on.
    pub fn headers(&self, key: &str, preset: &Preset) -> Result<Vec<HeaderPattern>, ConfigError> {
        let read = |text: &str| {
            let error = |problem: &str| ConfigError { key: self.key(key), problem: format!("\"{text}\" {problem}") };
            let expected =
                "is no header's name in lower case, as \"x-tenant\", or the beginning of one, as \"x-acme-*\"";
            let pattern = HeaderPattern::parse(text).ok_or_else(|| error(expected))?;
            match unlistable(preset, &pattern) {
                None => Ok(pattern),
                Some(why) => Err(error(&format!("{why}, so it never goes on to the origin"))),
            }
        };
        let listed = self.texts(key)?.unwrap_or_default();
        if listed.len() > MOST_HEADERS {
            let problem = format!("lists {} headers, of {MOST_HEADERS} at most", listed.len());
            return Err(ConfigError { key: self.key(key), problem });
        }
        listed.into_iter().map(read).collect()
    }

    /// The table at `key`, whatever its keys are.
    ///
    /// # Errors
    /// It is no table.
    pub fn map(&self, key: &str) -> Result<Option<&'t Map<String, Value>>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.error(key, "must be a table, as { key = \"value\" }".to_owned())),
        }
    }

    /// The table at `key`, held to its own known keys.
    ///
    /// # Errors
    /// It is no table, or has a key that is not known.
    pub fn table(&self, key: &str, known: &[&'static str]) -> Result<Option<Self>, ConfigError> {
        let Some(table) = self.map(key)? else { return Ok(None) };
        Self::held(self.key(key), table, known).map(Some)
    }

    /// The list of tables at `key`.
    ///
    /// # Errors
    /// It is no list.
    pub fn tables(&self, key: &str) -> Result<Option<&'t [Value]>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(tables)) => Ok(Some(tables)),
            Some(_) => Err(self.error(key, "must be a list of tables, as [[ ]]".to_owned())),
        }
    }

    /// The duration at `key`, as [`span::parse`] reads it.
    ///
    /// # Errors
    /// It is no duration with a unit.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let problem = || self.error(key, "must be a duration with its unit, such as \"5m\" or \"7d\"".to_owned());
        span::parse(text).map(Some).ok_or_else(problem)
    }

    /// A size in bytes.
    ///
    /// # Errors
    /// It is no size with a unit.
    pub fn size(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        const UNITS: &[(&str, u64)] = &[("B", 1), ("kB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20)];
        let problem = || self.error(key, "must be a size with its unit, such as \"512KiB\" or \"1MiB\"".to_owned());
        span::with_unit(text, UNITS).map(Some).ok_or_else(problem)
    }
}

/// ` (did you mean …?)` where one of `known` is near `text`, else the list of them.
#[cfg(feature = "hints")]
pub fn did_you_mean<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(text, candidate);
    match known.iter().copied().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= 3 => format!(" (did you mean `{nearest}`?)"),
        _ if known.len() > 30 => "; `hookgate providers` lists what is known".to_owned(),
        _ => format!("; known are {}", known.join(", ")),
    }
}

/// The Worker's log says no more than that it is unknown: `hookgate check` is who explains.
#[cfg(not(feature = "hints"))]
pub fn did_you_mean<'k>(_text: &str, _known: impl Iterator<Item = &'k str>) -> String {
    "; `hookgate check` lists what is known".to_owned()
}
