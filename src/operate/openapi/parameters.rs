//! The parameters of queries. Their bounds are the constants of the code that reads them.

use crate::letter::Filter;
use crate::log::EventFilter;
use crate::log::{LONGEST_VALUE, MOST_NAMES, State};
use serde_json::{Value, json};

/// An optional parameter of the query.
pub fn query(name: &str, description: &str, schema: &Value, example: impl Into<Value>) -> Value {
    let example: Value = example.into();
    json!({ "in": "query", "name": name, "description": description, "schema": schema, "example": example })
}

/// `parameter`, as one that each call needs.
pub fn required(mut parameter: Value) -> Value {
    if let Some(members) = parameter.as_object_mut() {
        members.insert("required".to_owned(), json!(true));
    }
    parameter
}

/// The parameter `limit`: how many entries a page has.
pub fn limit(most: u32, default: u32) -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": most, "default": default });
    query("limit", "The most entries of the page.", &schema, default)
}

/// The schema of 64 hex digits, in any case.
pub fn digest() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
}

/// The schema of a source's name.
pub fn source() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" })
}

/// The schema of a time in a parameter.
fn time() -> Value {
    json!({ "type": "string", "anyOf": [
        { "format": "date-time" },
        { "pattern": "^[1-9]([0-9]{0,10}|[0-9]{12})$" },
    ] })
}

/// The parameters of a filter of dead letters.
pub fn of_letters() -> Vec<Value> {
    Filter::NAMES.iter().map(|name| in_letters(name)).collect()
}

/// As [`in_filter`].
fn in_letters(name: &str) -> Value {
    let text = json!({ "type": "string", "maxLength": LONGEST_VALUE });
    let (description, schema, example) = match name {
        "source" => {
            ("Letters of this source. An empty text selects the letters whose source is unknown.", text, "billing")
        }
        "type" => ("Letters of this type: the whole text, without a pattern.", text, "invoice.paid"),
        "reason" => {
            ("Letters with this reason: the whole text, as the list shows it.", text, "the origin answered 410")
        }
        "since" => (
            "Letters that died at this time or later: RFC 3339, or seconds or milliseconds since 1970.",
            time(),
            "2026-11-28T09:30:00Z",
        ),
        "until" => ("Letters that died before this time.", time(), "1795861800"),
        _ => ("", text, ""),
    };
    query(name, description, &schema, example)
}

/// The parameters of an [`EventFilter`].
pub fn of_filter() -> Vec<Value> {
    EventFilter::NAMES.iter().map(|name| in_filter(name)).collect()
}

/// A description and a schema for each name. A name without them has no description, so the test of descriptions fails.
pub fn in_filter(name: &str) -> Value {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_VALUE });
    // The first and the last of at most so many names.
    let list = |one: &str| {
        let more = MOST_NAMES.saturating_sub(1);
        let pattern = format!("^{one}(,{one}){{0,{more}}}$");
        json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_VALUE, "pattern": pattern })
    };
    let names = || list("[^,]*");
    let (description, schema, example) = match name {
        "source" => ("Events of one of these sources.", names(), "billing"),
        "state" => {
            let states: Vec<&str> = State::ALL.into_iter().map(State::name).collect();
            ("Events in one of these states.", list(&format!("({})", states.join("|"))), "dead,retrying")
        }
        "verdict" => {
            let schema = json!({ "type": "string", "enum": ["accepted", "filtered"] });
            ("Filtered events, or all others.", schema, "accepted")
        }
        "reason" => ("Events whose last reason has one of these codes.", names(), "origin_failed"),
        "type" => (
            "Events of one of these types. A name that ends with `*` selects all types with this beginning.",
            names(),
            "invoice.*",
        ),
        "id" => ("The events with this id of the provider.", text, "evt_1"),
        "key" => ("The events with this deduplication key.", digest(), super::operations::KEY),
        "destination" => {
            ("Events whose last attempt went to a URL with this beginning.", text, "https://app.example.com/")
        }
        "status" => (
            "Events whose last answer had one of these statuses, such as `503`, or a status of a class, such as `5xx`.",
            list("[1-5]([0-9][0-9]|xx)"),
            "5xx,429",
        ),
        "since" => (
            "Events that were received at this time or later: RFC 3339, or seconds or milliseconds since 1970.",
            time(),
            "2026-11-28T09:30:00Z",
        ),
        "until" => ("Events that were received before this time.", time(), "1795861800"),
        "text" => ("Events whose id, type, headers or body have this text, in any case of a to z.", text, "cus_42"),
        _ => ("", text, ""),
    };
    query(name, description, &schema, example)
}
