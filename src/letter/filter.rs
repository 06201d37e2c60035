//! Which dead letters a list, a count or a redrive selects.

use crate::log::{LONGEST_VALUE, time_of};
use hookgate_verify::UnixTime;
use serde_json::{Map, Value};

/// A filter of dead letters. Every part must fit. An empty filter selects all letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
pub struct Filter {
    /// Only letters of this source. An empty text selects the letters whose source is unknown.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", length(max = LONGEST_VALUE)))]
    pub source: Option<String>,
    /// Only letters of this type: the whole text, without a pattern.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "type", with = "String", length(max = LONGEST_VALUE)))]
    pub event_type: Option<String>,
    /// Only letters with this reason: the whole text, as the list shows it.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", length(max = LONGEST_VALUE)))]
    pub reason: Option<String>,
    /// Only letters that died at this time or later: RFC 3339, or seconds or milliseconds since 1970.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub since: Option<UnixTime>,
    /// Only letters that died before this time.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub until: Option<UnixTime>,
}

impl Filter {
    /// The parameters.
    pub const NAMES: [&'static str; 5] = ["source", "type", "reason", "since", "until"];

    /// Sets the parameter `name`. `Ok(false)` if there is no such parameter.
    ///
    /// # Errors
    /// What is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let text = || short(value).map(Some);
        match name {
            "source" => self.source = text()?,
            "type" => self.event_type = text()?,
            "reason" => self.reason = text()?,
            "since" => self.since = Some(time_of(value)?),
            "until" => self.until = Some(time_of(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether there is a time between `since` and `until`.
    pub fn has_time(&self) -> bool {
        self.since.zip(self.until).is_none_or(|(since, until)| since < until)
    }
}

/// `value`, if it is not longer than any text of a letter.
fn short(value: &str) -> Result<String, String> {
    let is_long = value.chars().nth(LONGEST_VALUE).is_some();
    if is_long { Err(format!("must have at most {LONGEST_VALUE} characters")) } else { Ok(value.to_owned()) }
}

/// The first letters that a filter selects, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(default, deny_unknown_fields, rename = "DeadLetterFilter"))]
pub struct Selection {
    /// Which letters.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(flatten))]
    pub filter: Filter,
    /// Only letters after the letter with this id, in the order of the list.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", length(max = LONGEST_VALUE)))]
    pub after: Option<String>,
    /// The most letters to select.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(range(min = 1, max = Self::MOST)))]
    pub limit: u32,
}

impl Default for Selection {
    fn default() -> Self {
        Self { filter: Filter::default(), after: None, limit: Self::MOST }
    }
}

impl Selection {
    /// The largest `limit`.
    pub const MOST: u32 = 100;
    /// The parameters.
    pub const NAMES: [&'static str; 7] = ["source", "type", "reason", "since", "until", "after", "limit"];

    /// Sets the parameter `name`. `Ok(false)` if there is no such parameter.
    ///
    /// # Errors
    /// What is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "after" => self.after = Some(short(value)?),
            "limit" => {
                // A caller who asks for none must not get one.
                let limit = value.parse().ok().filter(|limit| (1..=Self::MOST).contains(limit));
                self.limit = limit.ok_or_else(|| format!("must be a number from 1 to {}", Self::MOST))?;
            }
            _ => return self.filter.set(name, value),
        }
        Ok(true)
    }

    /// Reads the selection in a JSON object: `limit` is a number, and all else is a text.
    ///
    /// # Errors
    /// Names an unknown or invalid member. A misspelt member, or `null`, must not select all letters.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, String> {
        let mut selection = Self::default();
        for (name, value) in members {
            let wrong = |problem: &str| format!("the member {name}: {problem}");
            let text = match (name.as_str(), value) {
                ("limit", Value::Number(number)) => &number.to_string(),
                ("limit", _) => return Err(wrong("must be a number")),
                (_, Value::String(text)) => text,
                (name, _) if Self::NAMES.contains(&name) => return Err(wrong("must be a text")),
                _ => "",
            };
            if !selection.set(name, text).map_err(|problem| wrong(&problem))? {
                return Err(wrong(&format!("is unknown; the members are {}", Self::NAMES.join(", "))));
            }
        }
        Ok(selection)
    }

    /// The selection without its source, for the audit. The texts are the last parts, because the audit cuts a long detail.
    pub fn told(&self) -> String {
        let Self { filter: Filter { source: _, event_type, reason, since, until }, after, limit } = self;
        let time = |name: &str, time: &Option<UnixTime>| time.map(|time| format!("{name}={}", time.to_rfc3339()));
        // In quotes: a text may contain blanks, and the name of another part.
        let text =
            |name: &str, text: &Option<String>| text.as_deref().map(|text| format!("{name}={}", Value::from(text)));
        let parts = [
            after.as_ref().map(|after| format!("after={after}")),
            Some(format!("limit={limit}")),
            time("since", since),
            time("until", until),
            text("type", event_type),
            text("reason", reason),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: Value) -> Result<Selection, String> {
        Selection::from_json(body.as_object().ok_or("no object")?)
    }

    #[test]
    fn each_parameter_is_a_member_and_a_part_of_the_filter() {
        let names: Vec<&str> = Filter::NAMES.into_iter().chain(["after", "limit"]).collect();
        assert_eq!(names, Selection::NAMES);
        for name in names {
            let value = if matches!(name, "since" | "until" | "limit") { "7" } else { "x" };
            let mut selection = Selection::default();
            assert_eq!(selection.set(name, value), Ok(true), "{name}");
            assert_ne!(selection, Selection::default(), "{name}");
        }
        assert_eq!(Selection::default().set("sorce", "x"), Ok(false));
        assert_eq!(Filter::default().set("limit", "1"), Ok(false));
    }

    #[test]
    fn a_member_with_a_mistake_selects_nothing() {
        for (name, value) in [
            ("sorce", Value::from("a")),
            ("sorce", Value::Null),
            ("source", Value::Null),
            ("type", Value::Null),
            ("reason", Value::Null),
            ("since", Value::Null),
            ("until", Value::Null),
            ("after", Value::Null),
            ("limit", Value::Null),
            ("source", 7.into()),
            ("type", vec!["a"].into()),
            ("reason", true.into()),
            ("since", "yesterday".into()),
            ("since", "".into()),
            ("until", (-1).into()),
            ("until", 1.5.into()),
            ("limit", "2".into()),
            ("limit", 0.into()),
            ("limit", 101.into()),
            ("limit", 1.5.into()),
            ("reason", "x".repeat(513).into()),
        ] {
            let body = Map::from_iter([(name.to_owned(), value.clone())]);
            let refused = Selection::from_json(&body).err();
            assert!(refused.as_ref().is_some_and(|text| text.contains(name)), "{name}: {value}: {refused:?}");
        }
    }

    #[test]
    fn times_have_offsets_and_since_is_before_until() -> Result<(), String> {
        let at = |since: &str, until: &str| parse(serde_json::json!({ "since": since, "until": until }));
        let selection = at("2026-01-15T13:30:00+01:00", "1768480201")?;
        let seconds = |time: Option<UnixTime>| time.map(UnixTime::seconds);
        let Filter { since, until, .. } = selection.filter;
        assert_eq!((seconds(since), seconds(until)), (Some(1_768_480_200), Some(1_768_480_201)));
        assert!(selection.filter.has_time());
        assert!(!at("7", "7")?.filter.has_time());
        assert!(!at("8", "7")?.filter.has_time());
        Ok(())
    }

    #[test]
    fn the_audit_shows_each_part() -> Result<(), String> {
        let body = serde_json::json!({
            "source": "a", "type": "b", "reason": "c limit=1 \"", "since": "1970-01-01T00:00:00Z", "until": "60", "after": "d", "limit": 7,
        });
        let expected =
            r#"after=d limit=7 since=1970-01-01T00:00:00Z until=1970-01-01T00:01:00Z type="b" reason="c limit=1 \"""#;
        assert_eq!(parse(body)?.told(), expected);
        assert_eq!(Selection::default().told(), "limit=100");
        Ok(())
    }
}
