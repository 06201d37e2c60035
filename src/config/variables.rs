//! The variables that hold sources: every one whose name begins with `SOURCES`. All are merged.

use super::ConfigError;
use serde_json::{Map, Value};

/// How the name of each variable that holds sources begins. One variable holds at most 5 kB (Workers, Limits), which is
/// some 40 sources, so there may be several: `SOURCES`, `SOURCES_SHOP`.
pub const PREFIX: &str = "SOURCES";

/// A source's table, and where it stands.
pub(super) struct SourceEntry<'v> {
    pub variable: &'v str,
    pub name: &'v str,
    pub table: &'v Value,
    /// Another variable that has a source of the same name.
    pub rival: Option<&'v str>,
}

impl SourceEntry<'_> {
    /// Where the source stands, as `SOURCES_SHOP.orders`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.variable, self.name)
    }

    /// That two variables have a source of this name: a request cannot be for both.
    pub fn ambiguity(&self) -> Option<ConfigError> {
        let rival = self.rival?;
        let problem = format!("{rival} has a source of the same name; take one of the two out, or rename it");
        Some(ConfigError { key: self.path(), problem })
    }
}

/// Every source by name, each name once; and what each variable that is no table is told, by the variable's name.
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

/// The value is not shown: it may be a secret whose name was not known to mean anything.
pub(super) fn not_a_table(variable: &str) -> ConfigError {
    let problem = format!(
        "must be a table with one table per source, as [vars.{variable}.billing]; \
         a variable that holds something else needs a name that does not begin with {PREFIX}"
    );
    ConfigError { key: variable.to_owned(), problem }
}
