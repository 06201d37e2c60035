//! Finds and reads wrangler's configuration file, and splits it into environments by wrangler's rules.

use anyhow::{Result, anyhow};
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The names that wrangler looks for, in wrangler's order.
const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// The file in this directory that wrangler would read.
pub fn find() -> PathBuf {
    let [.., customary] = NAMES;
    NAMES.into_iter().map(PathBuf::from).find(|path| path.exists()).unwrap_or_else(|| customary.into())
}

/// Reads a file. The ending of its name decides between TOML and JSON with comments.
pub fn read(path: &Path) -> Result<Map<String, Value>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow!("cannot read {shown}: {error}; name the gateway's configuration with --config"))?;
    let json = path.extension().is_some_and(|extension| extension == "json" || extension == "jsonc");
    // The parsers' full messages quote the line, and the line may hold a secret by mistake.
    let value = if json {
        parse_to_serde_value(&text, &JSONC)
            .map_err(|error| anyhow!("{shown}, line {}: {}", error.line_display(), error.kind()))?
    } else {
        let table: toml::Table = toml::from_str(&text).map_err(|error| {
            let line = |span: Range<usize>| format!(", line {}", line_number(&text, span.start));
            anyhow!("{shown}{}: {}", error.span().map_or_else(String::new, line), error.message())
        })?;
        serde_json::to_value(table)?
    };
    match value {
        Value::Object(table) => Ok(table),
        _ => Err(anyhow!("{shown} is not a table of settings")),
    }
}

/// Wrangler accepts comments and trailing commas.
const JSONC: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn line_number(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count().saturating_add(1)
}

/// The names of the environments in `[env.*]`.
pub fn environments(file: &Map<String, Value>) -> Vec<String> {
    file.get("env").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
}

/// The settings that a Worker is deployed with: those of the top level, or those of `environment`. An environment
/// inherits the triggers and the account. Its name is the top level's name with its own name appended. It inherits no
/// variables and no bindings (Wrangler, Configuration, Environments).
pub fn settings(file: &Map<String, Value>, environment: Option<&str>) -> Value {
    let Some(environment) = environment else { return Value::Object(file.clone()) };
    let own = file.get("env").and_then(|environments| environments.get(environment)).and_then(Value::as_object);
    let mut settings = own.cloned().unwrap_or_else(Map::new);
    let mut inherit = |key: &str, value: Option<Value>| {
        if let (false, Some(value)) = (settings.contains_key(key), value) {
            settings.insert(key.to_owned(), value);
        }
    };
    inherit("triggers", file.get("triggers").cloned());
    inherit("account_id", file.get("account_id").cloned());
    let name = file.get("name").and_then(Value::as_str);
    inherit("name", name.map(|name| format!("{name}-{environment}").into()));
    Value::Object(settings)
}

/// The keys that hookgate needs, that the top level has, and that `environment` neither has nor inherits.
pub fn not_inherited(file: &Map<String, Value>, environment: &Value) -> Vec<&'static str> {
    const KEYS: [&str; 7] =
        ["vars", "kv_namespaces", "queues", "durable_objects", "d1_databases", "r2_buckets", "ratelimits"];
    KEYS.into_iter().filter(|key| file.contains_key(*key) && environment.get(key).is_none()).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("a table")
    }

    #[test]
    fn an_environment_inherits_what_wrangler_lets_it_inherit() {
        let file = file(json!({
            "name": "hookgate", "account_id": "a", "triggers": { "crons": ["1"] }, "vars": { "X": "1" }, "queues": {},
            "env": { "staging": { "vars": { "Y": "2" } }, "other": { "name": "own", "triggers": { "crons": [] } } },
        }));
        assert_eq!(environments(&file), ["other", "staging"]);
        let staging = settings(&file, Some("staging"));
        assert_eq!(staging["name"], "hookgate-staging");
        assert_eq!((&staging["account_id"], &staging["triggers"]), (&json!("a"), &json!({ "crons": ["1"] })));
        assert_eq!(staging["vars"], json!({ "Y": "2" }));
        assert_eq!(not_inherited(&file, &staging), ["queues"]);
        let other = settings(&file, Some("other"));
        assert_eq!((&other["name"], &other["triggers"]), (&json!("own"), &json!({ "crons": [] })));
        assert_eq!(settings(&file, None)["name"], "hookgate");
    }
}
