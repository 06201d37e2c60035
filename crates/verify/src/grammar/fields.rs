//! Reads a table's fields by name and type. Every error names the key, its value, and the nearest known key.

use super::{ConfigError, span};
use crate::headers::unlistable;
use crate::{HeaderPattern, JsonPath, Preset};
use serde_json::{Map, Value};
use std::time::Duration;

/// The most headers that a source may forward.
const MOST_HEADERS: usize = 32;

/// A table of the configuration without unknown keys.
pub struct Fields<'t> {
    path: String,
    table: &'t Map<String, Value>,
}

impl<'t> Fields<'t> {
    /// The fields of `table`, which may only have the keys in `known`. `path` is the table's key in the configuration.
    ///
    /// # Errors
    /// The value is not a table, or has an unknown key.
    pub fn of(path: &str, table: &'t Value, known: &[&'static str]) -> Result<Self, ConfigError> {
        match table {
            Value::Object(table) => Self::checked(path.to_owned(), table, known),
            _ => Err(ConfigError { key: path.to_owned(), problem: "must be a table".to_owned() }),
        }
    }

    fn checked(path: String, table: &'t Map<String, Value>, known: &[&'static str]) -> Result<Self, ConfigError> {
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            let hint = did_you_mean(key, known.iter().copied());
            return Err(ConfigError { key: format!("{path}.{key}"), problem: format!("unknown key{hint}") });
        }
        Ok(Self { path, table })
    }

    /// The key's full name, such as `SOURCES.billing.dedup`.
    pub fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// The value of `key`, unchanged.
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
    /// The value is not a text.
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
    /// The value is not a list of texts. The error does not show the value: it may contain a secret.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&'t str>>, ConfigError> {
        let problem =
            || ConfigError { key: self.key(key), problem: "must be a list of texts, such as [\"A\"]".to_owned() };
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().ok_or_else(problem)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(problem()),
        }
    }

    /// The value of the text at `key`, from `choices`: texts, each with its value.
    ///
    /// # Errors
    /// The text is not one of `choices`.
    pub fn choice<T: Clone>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(Some(value.clone())),
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                Err(self.error(key, format!("must be one of {}", names.join(", "))))
            }
        }
    }

    /// The list of texts at `key`. One text counts as a list with one element; a missing key, as an empty list.
    ///
    /// # Errors
    /// The value is neither a text nor a list of texts.
    pub fn one_or_more(&self, key: &str) -> Result<Vec<&'t str>, ConfigError> {
        match self.table.get(key) {
            Some(Value::String(text)) => Ok(vec![text]),
            _ => Ok(self.texts(key)?.unwrap_or_default()),
        }
    }

    /// The flag at `key`; `false` if the key is missing.
    ///
    /// # Errors
    /// The value is neither true nor false.
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
    /// The value is not a whole number from 0 to 65535.
    pub fn number(&self, key: &str) -> Result<Option<u16>, ConfigError> {
        let problem = || self.error(key, "must be a number".to_owned());
        let read = |value: &Value| value.as_u64().and_then(|number| number.try_into().ok()).ok_or_else(problem);
        self.table.get(key).map(read).transpose()
    }

    /// The path into a JSON body at `key`.
    ///
    /// # Errors
    /// The value is not a path.
    pub fn path(&self, key: &str) -> Result<Option<JsonPath>, ConfigError> {
        let problem = || self.error(key, "must be a path of keys, such as \"event.id\"".to_owned());
        self.text(key)?.map(|text| JsonPath::parse(text).ok_or_else(problem)).transpose()
    }

    /// The headers that a source of `preset` forwards to its destination: names, and prefixes of names with `*` at the end.
    ///
    /// # Errors
    /// An element is not a name, or is a header that hookgate never forwards.
    pub fn headers(&self, key: &str, preset: &Preset) -> Result<Vec<HeaderPattern>, ConfigError> {
        let read = |text: &str| {
            let error = |problem: &str| ConfigError { key: self.key(key), problem: format!("\"{text}\" {problem}") };
            let expected =
                "is no header's name in lower case, such as \"x-tenant\", and no prefix, such as \"x-acme-*\"";
            let pattern = HeaderPattern::parse(text).ok_or_else(|| error(expected))?;
            match unlistable(preset, &pattern) {
                None => Ok(pattern),
                Some(why) => Err(error(&format!("{why}, so hookgate never forwards it"))),
            }
        };
        let listed = self.texts(key)?.unwrap_or_default();
        if listed.len() > MOST_HEADERS {
            let problem = format!("lists {} headers, of {MOST_HEADERS} at most", listed.len());
            return Err(ConfigError { key: self.key(key), problem });
        }
        listed.into_iter().map(read).collect()
    }

    /// The table at `key`, with any keys.
    ///
    /// # Errors
    /// The value is not a table.
    pub fn map(&self, key: &str) -> Result<Option<&'t Map<String, Value>>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.error(key, "must be a table, such as { key = \"value\" }".to_owned())),
        }
    }

    /// The table at `key`, which may only have the keys in `known`.
    ///
    /// # Errors
    /// The value is not a table, or has an unknown key.
    pub fn table(&self, key: &str, known: &[&'static str]) -> Result<Option<Self>, ConfigError> {
        let Some(table) = self.map(key)? else { return Ok(None) };
        Self::checked(self.key(key), table, known).map(Some)
    }

    /// The list of tables at `key`.
    ///
    /// # Errors
    /// The value is not a list.
    pub fn tables(&self, key: &str) -> Result<Option<&'t [Value]>, ConfigError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(tables)) => Ok(Some(tables)),
            Some(_) => Err(self.error(key, "must be a list of tables, such as [[ ]]".to_owned())),
        }
    }

    /// The duration at `key`, as [`span::parse`] reads it.
    ///
    /// # Errors
    /// The value is not a duration with a unit.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let problem = || self.error(key, "must be a duration with its unit, such as \"5m\" or \"7d\"".to_owned());
        span::parse(text).map(Some).ok_or_else(problem)
    }

    /// The size at `key`, in bytes.
    ///
    /// # Errors
    /// The value is not a size with a unit.
    pub fn size(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        const UNITS: &[(&str, u64)] = &[("B", 1), ("kB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20)];
        let problem = || self.error(key, "must be a size with its unit, such as \"512KiB\" or \"1MiB\"".to_owned());
        span::with_unit(text, UNITS).map(Some).ok_or_else(problem)
    }
}

/// ` (did you mean …?)` with the nearest of `known`, or the list of `known` if none is near to `text`.
#[cfg(feature = "hints")]
pub fn did_you_mean<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(text, candidate);
    match known.iter().copied().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= 3 => format!(" (did you mean `{nearest}`?)"),
        _ if known.len() > 30 => "; `hookgate providers` lists the known names".to_owned(),
        _ => format!("; known are {}", known.join(", ")),
    }
}

/// The Worker has no hints, because they would make it larger. `hookgate check` shows them.
#[cfg(not(feature = "hints"))]
pub fn did_you_mean<'k>(_text: &str, _known: impl Iterator<Item = &'k str>) -> String {
    "; `hookgate check` lists the known names".to_owned()
}
