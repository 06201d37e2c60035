//! The variables with sources: every variable whose name begins with `SOURCES`. They are merged.

use super::ConfigError;
use serde_json::{Map, Value};

/// The beginning of the name of each variable with sources. One variable has at most 5 kB (Workers, Limits), about 40
/// sources. So there may be several variables: `SOURCES`, `SOURCES_SHOP`.
pub const PREFIX: &str = "SOURCES";

/// The table of a source, and its location.
pub(super) struct SourceEntry<'v> {
    pub variable: &'v str,
    pub name: &'v str,
    pub table: &'v Value,
    /// Another variable that has a source of the same name.
    pub rival: Option<&'v str>,
}

impl SourceEntry<'_> {
    /// The location of the source, such as `SOURCES_SHOP.orders`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.variable, self.name)
    }

    /// The error of a source whose name is in two variables: a request cannot be for both.
    pub fn ambiguity(&self) -> Option<ConfigError> {
        let rival = self.rival?;
        let problem = format!("{rival} has a source of the same name; take one of the two out, or rename it");
        Some(ConfigError { key: self.path(), problem })
    }
}

/// Every source, sorted by name, each name once; and the error of each variable that is not a table.
pub(super) fn merged(variables: &Map<String, Value>) -> (Vec<SourceEntry<'_>>, Vec<(String, ConfigError)>) {
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for (variable, value) in variables {
        match value {
            Value::Object(tables) => {
                let entry = |(name, table)| SourceEntry { variable, name, table, rival: None };
                entries.extend(tables.iter().map(|(name, table): (&String, &Value)| entry((name.as_str(), table))));
            }
            _ => unreadable.push((variable.clone(), not_a_table(variable))),
        }
    }
    entries.sort_unstable_by_key(|entry| (entry.name, entry.variable));
    entries.dedup_by(|later, first| {
        let same = later.name == first.name;
        if same {
            first.rival = first.rival.or(Some(later.variable));
        }
        same
    });
    (entries, unreadable)
}

/// The error does not show the value: it may be a secret whose name begins with `SOURCES` by chance.
pub(super) fn not_a_table(variable: &str) -> ConfigError {
    let problem = format!(
        "must be a table with one table per source, as [vars.{variable}.billing]; \
         a variable that holds something else needs a name that does not begin with {PREFIX}"
    );
    ConfigError { key: variable.to_owned(), problem }
}
