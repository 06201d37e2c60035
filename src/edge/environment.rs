//! The Worker's environment: its bindings by name, and the configuration. An isolate parses the configuration once.

use crate::config::{self, Config, ConfigError};
use crate::record::Record;
use serde_json::{Map, Value};
use std::cell::OnceCell;
use wasm_bindgen::prelude::*;
use worker::js_sys::{JSON, Object, Reflect};
use worker::{Env, console_error, console_log};

type Parsed = Result<Config, ConfigError>;

thread_local! {
    static CONFIG: OnceCell<&'static Parsed> = const { OnceCell::new() };
}

/// The configuration. Its problems are logged when it is parsed. A new configuration comes with a new isolate.
pub fn config(env: &Env) -> &'static Parsed {
    CONFIG.with(|cell| *cell.get_or_init(|| Box::leak(Box::new(parse(env)))))
}

/// Whether there is a binding, a variable or a secret of this name.
pub fn has(env: &Env, name: &str) -> bool {
    !value(env, name).is_undefined()
}

/// The binding, the variable or the secret of this name.
#[expect(clippy::expect_used, reason = "the environment is an object without getters that throw")]
pub fn value(env: &Env, name: &str) -> JsValue {
    Reflect::get(env, &name.into()).expect("a property of the environment can be read")
}

fn parse(env: &Env) -> Parsed {
    let text = |name: &str| match name {
        // The alerts are a table: wrangler sets an object.
        config::ALERTS => has(env, name).then(|| text_or_json(&value(env, name))),
        _ => text_or_number(&value(env, name)),
    };
    let bindings = config::Bindings {
        dedup: has(env, "DEDUP"),
        events: has(env, "EVENTS"),
        claims: has(env, "CLAIMS"),
        payloads: has(env, "PAYLOADS"),
        log: has(env, "LOG"),
        rejects: has(env, "REJECTS"),
    };
    let complain = |problem| console_error!("{}", Record::complaint("configuration", problem).line());
    let parsed = Config::parse_all(&variables(env), bindings, &text);
    match &parsed {
        Err(error) => complain(error.to_string()),
        Ok(config) => {
            config.warnings.iter().chain(&config.mistakes).cloned().for_each(complain);
            config.off.iter().for_each(|feature| console_log!("{}", Record::off(feature).line()));
            let broken = config.sources().filter_map(|(_, source)| source.err());
            broken.for_each(|error| complain(error.to_string()));
            config.alerts.as_ref().err().into_iter().for_each(|error| complain(error.to_string()));
        }
    }
    parsed
}

/// The variables that hold sources, by name. Wrangler sets an object. A variable that was set by hand is the JSON text of
/// an object. Any other value becomes `null`, which the configuration refuses because it is not a table.
fn variables(env: &Env) -> Map<String, Value> {
    let names = Object::keys(env.unchecked_ref::<Object>()).into_iter().filter_map(|name| name.as_string());
    let parsed = |name: String| {
        let table = serde_json::from_slice(text_or_json(&value(env, &name)).as_bytes()).unwrap_or(Value::Null);
        (name, table)
    };
    names.filter(|name| name.starts_with(config::SOURCES)).map(parsed).collect()
}

/// The text of a variable. A number is written in digits. `None` for any other type.
fn text_or_number(value: &JsValue) -> Option<String> {
    value.as_string().or_else(|| value.as_f64().map(|_| text_or_json(value)))
}

/// A text as it is, and any other value as JSON. Empty if JSON cannot write the value.
pub fn text_or_json(value: &JsValue) -> String {
    value.as_string().or_else(|| JSON::stringify(value).ok()?.as_string()).unwrap_or_default()
}
