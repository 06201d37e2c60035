//! Which events of the log a list, a search or a replay selects.

use super::State;
use super::entry::EventName;
use super::window::any_of;
use crate::database::Value;
use crate::dedup::DedupKey;
use hookgate_verify::{TimeUnit, UnixTime};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;
use thiserror::Error;

/// The longest value of a parameter, in characters.
pub const LONGEST_VALUE: usize = 512;
/// The most names in one parameter, such as `state=dead,retrying`.
pub const MOST_NAMES: usize = 20;

/// The longest time that the log keeps an event, and a day for the sweep.
pub const OLDEST: Duration = Duration::from_secs(31 * 24 * 3600);
/// The largest difference of two clocks.
pub(super) const CLOCKS: Duration = Duration::from_secs(300);

/// A parameter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the parameter {name}={value}: {problem}")]
pub struct FilterError {
    /// The parameter's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub problem: String,
}

/// A selection of events. Every part must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventFilter {
    /// Events of one of these sources.
    pub sources: Vec<String>,
    /// Events in one of these states.
    pub states: Vec<State>,
    /// Filtered events (`true`), or accepted events (`false`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_filtered: Option<bool>,
    /// Events whose last reason has one of these codes.
    pub reasons: Vec<String>,
    /// Events of one of these types. A name that ends with `*` selects all types with this beginning.
    pub types: Vec<String>,
    /// The event with this id.
    pub id: Option<String>,
    /// The events with this deduplication key.
    pub key: Option<String>,
    /// Events whose last attempt went to a URL with this beginning.
    pub destination: Option<String>,
    /// Events whose last answer had a status in one of these ranges.
    pub statuses: Vec<(u16, u16)>,
    /// Events that were received at this time or later.
    pub since: Option<UnixTime>,
    /// Events that were received before this time.
    pub until: Option<UnixTime>,
    /// Events whose id, type, headers or body have this text, in any case.
    pub text: Option<String>,
}

impl EventFilter {
    /// The parameters.
    pub const NAMES: [&'static str; 12] = [
        "source", "verdict", "state", "reason", "type", "id", "key", "destination", "status", "since", "until", "text",
    ];

    /// Sets the parameter `name`. `Ok(false)` if there is no such parameter.
    ///
    /// # Errors
    /// The value cannot be used. A filter with a mistake must not select all events.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, FilterError> {
        let wrong = |problem: &str| FilterError {
            name: name.to_owned(),
            value: crate::truncate::beginning(value, 100).into_owned(),
            problem: problem.to_owned(),
        };
        if !Self::NAMES.contains(&name) {
            return Ok(false);
        }
        if value.is_empty() || value.chars().nth(LONGEST_VALUE).is_some() {
            return Err(wrong("must have 1 to 512 characters"));
        }
        let names =
            || Some(value.split(',').map(str::to_owned).collect::<Vec<_>>()).filter(|all| all.len() <= MOST_NAMES);
        let list = || names().ok_or_else(|| wrong("must have at most 20 names"));
        let time = || time_of(value).map_err(wrong);
        match name {
            "source" => self.sources = list()?,
            "state" => {
                let state = |name: &String| State::ALL.into_iter().find(|state| state.name() == name);
                let states: Option<Vec<State>> = list()?.iter().map(state).collect();
                let known = "must be one or more of waiting, delivered, retrying, paused, dead and filtered";
                self.states = states.ok_or_else(|| wrong(known))?;
            }
            "verdict" => {
                let problem = "must be accepted or filtered: a duplicate is counted on its event, and refused requests are \
                               at /api/refused";
                let verdicts = [("accepted", false), ("filtered", true)];
                let verdict = verdicts.into_iter().find(|(known, _)| *known == value).ok_or_else(|| wrong(problem))?;
                self.is_filtered = Some(verdict.1);
            }
            "reason" => self.reasons = list()?,
            "type" => {
                let types = list()?;
                let is_pattern = |name: &String| name.find('*').is_none_or(|at| at.saturating_add(1) == name.len());
                if !types.iter().all(is_pattern) {
                    return Err(wrong("a pattern has one `*`, at its end"));
                }
                self.types = types;
            }
            "id" => self.id = Some(value.to_owned()),
            "key" => {
                let key = DedupKey::parse(value).ok_or_else(|| wrong("must be 64 hex digits, as in the log"))?;
                self.key = Some(key.to_string());
            }
            "destination" => self.destination = Some(value.to_owned()),
            "status" => {
                let ranges: Option<Vec<_>> = list()?.iter().map(|text| range(text)).collect();
                self.statuses = ranges.ok_or_else(|| wrong("must be a status such as 503, or a class such as 5xx"))?;
            }
            "since" => self.since = Some(time()?),
            "until" => self.until = Some(time()?),
            _ => self.text = Some(value.to_owned()),
        }
        Ok(true)
    }

    /// The first second of the selection, and the second after the last one. The log has no event that is older than
    /// [`OLDEST`].
    pub fn span(&self, now: UnixTime) -> (UnixTime, UnixTime) {
        let (oldest, newest) = (now.minus(OLDEST), now.plus(CLOCKS));
        (self.since.unwrap_or(oldest).max(oldest), self.until.unwrap_or(newest).min(newest))
    }

    /// The condition in SQL over the columns of `log_events`, without [`EventFilter::span`]. Its parameters are added to
    /// `values`. The text of `text` needs the columns `head` and `body`.
    pub fn condition(&self, values: &mut Vec<Value>) -> String {
        let mut all: Vec<Cow<'_, str>> = vec!["1".into()];
        all.extend(any_of("source", &self.sources, values).map(Cow::from));
        all.extend(any_of("reason", &self.reasons, values).map(Cow::from));
        let mut bind = |value: Value| {
            values.push(value);
            format!("?{}", values.len())
        };
        if !self.states.is_empty() {
            let states: Vec<String> = self.states.iter().map(|state| format!("'{}'", state.name())).collect();
            all.push(format!("state IN ({})", states.join(", ")).into());
        }
        if let Some(id) = &self.id {
            all.push(format!("event_id = {}", bind(id.as_str().into())).into());
        }
        if let Some(is_filtered) = self.is_filtered {
            all.push(if is_filtered { "state = 'filtered'" } else { "state <> 'filtered'" }.into());
        }
        if let Some(key) = &self.key {
            let key = bind(EventName::prefix(key).into());
            all.push(format!("substr(name, 1, {}) = {key}", EventName::KEY_DIGITS).into());
        }
        if let Some(destination) = &self.destination {
            let destination = bind(destination.as_str().into());
            all.push(format!("substr(destination, 1, length({destination})) = {destination}").into());
        }
        let types: Vec<String> = self
            .types
            .iter()
            .map(|name| {
                let (begins, name) = (name.ends_with('*'), name.trim_end_matches('*'));
                let bound = bind(name.into());
                if begins { format!("substr(type, 1, length({bound})) = {bound}") } else { format!("type = {bound}") }
            })
            .collect();
        let statuses: Vec<String> =
            self.statuses.iter().map(|(from, to)| format!("status BETWEEN {from} AND {to}")).collect();
        for alternatives in [types, statuses].into_iter().filter(|one| !one.is_empty()) {
            all.push(format!("({})", alternatives.join(" OR ")).into());
        }
        if let Some(text) = &self.text {
            let text = bind(text.to_ascii_lowercase().into());
            let has = |column: &str| format!("instr(lower({column}), {text}) > 0");
            // Bytes that are no text are not searched.
            all.push(format!("({} OR {})", has("head"), has("CAST(body AS TEXT)")).into());
        }
        all.join(" AND ")
    }
}

/// The time in a parameter: RFC 3339, or seconds or milliseconds since 1970.
///
/// # Errors
/// What is allowed.
pub fn time_of(value: &str) -> Result<UnixTime, &'static str> {
    // A program may write milliseconds, which would be a time far away that selects nothing.
    UnixTime::from_rfc3339(value)
        .or_else(|| UnixTime::read(TimeUnit::Unix, value))
        .ok_or("must be a time such as 2026-11-28T09:30:00Z, or (milli)seconds since 1970; a `+` in a URL is %2B")
}

/// The statuses of `503` or `5xx`.
fn range(text: &str) -> Option<(u16, u16)> {
    let class = text.strip_suffix("xx").filter(|digit| digit.len() == 1).and_then(|digit| digit.parse::<u16>().ok());
    let class = class.filter(|digit| (1..=5).contains(digit));
    if let Some(class) = class {
        let from = class.saturating_mul(100);
        return Some((from, from.saturating_add(99)));
    }
    let is_plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|status| is_plain && (100..=599).contains(status))?;
    Some((status, status))
}
