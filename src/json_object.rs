//! A JSON object in the body of a request for `/api`.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// The members of the object in `body`. An empty body is an empty object.
///
/// # Errors
/// The body is no object, or a member is there twice: the gateway cannot know which one the caller means.
pub fn members(body: &[u8]) -> Result<Map<String, Value>, String> {
    match body.trim_ascii() {
        [] => Ok(Map::new()),
        body => match serde_json::from_slice(body) {
            Ok(Members(members)) => Ok(members),
            Err(error) => Err(format!("the body: {error}")),
        },
    }
}

struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Once)
    }
}

/// Reads each member once.
struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an object such as {"source": "billing"}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = from.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {name} is there twice")));
            }
            members.insert(name, value);
        }
        Ok(Members(members))
    }
}
