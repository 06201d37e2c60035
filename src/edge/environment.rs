//! The Worker's environment: bindings by name, and the configuration, parsed once per isolate.

use super::{log, log_error};
use crate::config::{self, Config, ConfigError};
use crate::record::Record;
use js_sys::{Array, JSON, Object, Promise, Reflect, Uint8Array};
use serde_json::{Map, Value};
use std::cell::OnceCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What the runtime hands to each event: bindings, variables and secrets by name.
    #[derive(Clone)]
    pub type Env;
    /// The KV namespace of the keys.
    #[wasm_bindgen(method, getter, js_name = DEDUP)]
    pub fn dedup(this: &Env) -> Option<KvNamespace>;
    /// The producer of the events' queue.
    #[wasm_bindgen(method, getter, js_name = EVENTS)]
    pub fn events(this: &Env) -> Option<Queue>;
    /// The producer of the dead letters' queue.
    #[wasm_bindgen(method, getter, js_name = DEAD)]
    pub fn dead(this: &Env) -> Option<Queue>;
    /// The Durable Objects that hold exact claims.
    #[wasm_bindgen(method, getter, js_name = CLAIMS)]
    pub fn claims(this: &Env) -> Option<ObjectNamespace>;
    /// The bucket of the bodies that no queue message can hold.
    #[wasm_bindgen(method, getter, js_name = PAYLOADS)]
    pub fn payloads(this: &Env) -> Option<Bucket>;
    /// The database of the dead letters.
    #[wasm_bindgen(method, getter, js_name = LOG)]
    pub fn log(this: &Env) -> Option<Database>;
    /// The limiter of refusals.
    #[wasm_bindgen(method, getter, js_name = REJECTS)]
    pub fn rejects(this: &Env) -> Option<RateLimiter>;

    /// A KV namespace.
    pub type KvNamespace;
    /// Reads a value; `null` where there is none.
    #[wasm_bindgen(method, catch)]
    pub fn get(this: &KvNamespace, key: &str) -> Result<Promise, JsValue>;
    /// Writes a value.
    #[wasm_bindgen(method, catch)]
    pub fn put(this: &KvNamespace, key: &str, value: &str, options: &JsValue) -> Result<Promise, JsValue>;
    /// Deletes a value.
    #[wasm_bindgen(method, catch)]
    pub fn delete(this: &KvNamespace, key: &str) -> Result<Promise, JsValue>;

    /// The producer of a queue.
    pub type Queue;

    /// A namespace of Durable Objects.
    pub type ObjectNamespace;

    /// An R2 bucket.
    pub type Bucket;
    #[wasm_bindgen(method, catch)]
    pub fn put(this: &Bucket, name: &str, body: &Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn get(this: &Bucket, name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn delete(this: &Bucket, names: &Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn list(this: &Bucket, options: &JsValue) -> Result<Promise, JsValue>;

    /// What a bucket's `get` finds.
    pub type BucketObject;
    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    pub fn array_buffer(this: &BucketObject) -> Result<Promise, JsValue>;

    /// A D1 database.
    pub type Database;
    #[wasm_bindgen(method, catch)]
    pub fn prepare(this: &Database, sql: &str) -> Result<Statement, JsValue>;

    /// A statement of a D1 database.
    pub type Statement;
    #[wasm_bindgen(method, variadic, catch)]
    pub fn bind(this: &Statement, values: &Array) -> Result<Statement, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn all(this: &Statement) -> Result<Promise, JsValue>;

    /// A rate limiter.
    pub type RateLimiter;
    #[wasm_bindgen(method, catch)]
    pub fn limit(this: &RateLimiter, options: &JsValue) -> Result<Promise, JsValue>;
}

type Parsed = Result<Config, ConfigError>;

thread_local! {
    static CONFIG: OnceCell<&'static Parsed> = const { OnceCell::new() };
}

/// The configuration; what is wrong with it is logged when it is parsed. A new configuration comes in a new isolate.
pub fn config(env: &Env) -> &'static Parsed {
    CONFIG.with(|cell| *cell.get_or_init(|| Box::leak(Box::new(parse(env)))))
}

fn parse(env: &Env) -> Parsed {
    let text = |name: &str| Reflect::get(env, &name.into()).ok().and_then(|value| text_or_number(&value));
    let bindings = config::Bindings {
        dedup: env.dedup().is_some(),
        events: env.events().is_some(),
        claims: env.claims().is_some(),
        payloads: env.payloads().is_some(),
        log: env.log().is_some(),
        rejects: env.rejects().is_some(),
    };
    let complain = |problem| log_error(&Record::complaint("configuration", problem).line());
    let parsed = Config::parse_all(&variables(env), bindings, &text);
    match &parsed {
        Err(error) => complain(error.to_string()),
        Ok(config) => {
            config.warnings.iter().cloned().for_each(complain);
            config.off.iter().for_each(|feature| log(&Record::off(feature).line()));
            let broken = config.sources().filter_map(|(_, source)| source.err());
            broken.for_each(|error| complain(error.to_string()));
        }
    }
    parsed
}

/// The variables that hold sources, each as wrangler hands it over: an object, or the text of one where it was set by
/// hand. What is neither is `null`, which is no table.
fn variables(env: &Env) -> Map<String, Value> {
    let names = Object::keys(env.unchecked_ref::<Object>()).into_iter().filter_map(|name| name.as_string());
    let value = |name: &str| Reflect::get(env, &name.into()).unwrap_or(JsValue::NULL);
    let parsed = |name: String| {
        let table = serde_json::from_str(&text_or_json(&value(&name))).unwrap_or(Value::Null);
        (name, table)
    };
    names.filter(|name| name.starts_with(config::SOURCES)).map(parsed).collect()
}

/// A variable's text; a number's digits.
fn text_or_number(value: &JsValue) -> Option<String> {
    value.as_string().or_else(|| value.as_f64().map(|_| text_or_json(value)))
}

/// A text as it is, anything else as JSON; empty where it is neither.
pub fn text_or_json(value: &JsValue) -> String {
    value.as_string().or_else(|| JSON::stringify(value).ok()?.as_string()).unwrap_or_default()
}
