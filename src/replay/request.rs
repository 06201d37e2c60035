//! The body of `POST /api/replay`.

use super::selection::{Scope, Selection};
use crate::json_object;
use crate::log::EventFilter;
use serde_json::Value;

/// How many events a second a job sends, if the operator asks for no other rate.
pub const DEFAULT_RATE: u32 = 10;
/// The most events a second.
pub const LARGEST_RATE: u32 = 100;
/// The members of the filter that may be a list.
pub const LISTS: [&str; 5] = ["source", "state", "reason", "type", "status"];

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Which events.
    pub selection: Selection,
    /// How many events a second, from 1 to 100.
    pub rate: u32,
    /// The token of the dry run. `None` asks for a dry run.
    pub scope: Option<Scope>,
}

const OPTIONS: [&str; 5] = ["dry_run", "include_delivered", "include_retrying", "rate", "token"];

impl ReplayRequest {
    /// Reads a JSON object. An empty body is an empty object: the dry run of all events.
    ///
    /// # Errors
    /// Names the member, and what is allowed. A misspelt member must not select all events.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let members = json_object::members(body)?;
        let mut request = Self { selection: Selection::default(), rate: DEFAULT_RATE, scope: None };
        let mut is_dry = true;
        for (name, value) in &members {
            let wrong = |problem: &str| format!("the member {name}: {problem}");
            let flag = || value.as_bool().ok_or_else(|| wrong("must be true or false"));
            match name.as_str() {
                "dry_run" => is_dry = flag()?,
                "include_delivered" => request.selection.include_delivered = flag()?,
                "include_retrying" => request.selection.include_retrying = flag()?,
                "rate" => {
                    let rate = value.as_u64().and_then(|rate| u32::try_from(rate).ok());
                    let rate = rate.filter(|rate| (1..=LARGEST_RATE).contains(rate));
                    request.rate = rate.ok_or_else(|| wrong("must be a number from 1 to 100, in events a second"))?;
                }
                "token" => {
                    let scope = value.as_str().and_then(Scope::parse);
                    request.scope = Some(scope.ok_or_else(|| wrong("must be the `token` of a dry run"))?);
                }
                _ => {
                    let known = EventFilter::NAMES.contains(&name.as_str());
                    if !known {
                        return Err(wrong(&format!("is unknown{}", nearest(name))));
                    }
                    let is_list = LISTS.contains(&name.as_str());
                    let expected = if is_list { "a text, a number, or a list of them" } else { "a text or a number" };
                    let text = text_of(value, is_list).ok_or_else(|| wrong(&format!("must be {expected}")))?;
                    request.selection.filter.set(name, &text).map_err(|error| error.to_string())?;
                }
            }
        }
        match (is_dry, &request.scope) {
            (true, None) | (false, Some(_)) => Ok(request),
            (true, Some(_)) => Err("a `token` needs `dry_run` false".to_owned()),
            (false, None) => Err("make a dry run first, and send its `token` back".to_owned()),
        }
    }
}

/// The value as a parameter of the list of events has it.
fn text_of(value: &Value, is_list: bool) -> Option<String> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        // A comma separates two names.
        Value::Array(all) if is_list => {
            let all: Option<Vec<String>> =
                all.iter().map(|value| one(value).filter(|text| !text.contains(','))).collect();
            all.map(|all| all.join(","))
        }
        value => one(value),
    }
}

/// The member that the operator perhaps meant.
fn nearest(name: &str) -> String {
    let known = EventFilter::NAMES.into_iter().chain(OPTIONS);
    let near = known.map(|known| (strsim::levenshtein(name, known), known)).min();
    match near {
        Some((distance, known)) if distance <= 3 => format!("; did you mean {known}?"),
        _ => format!("; the members are {}, {}", EventFilter::NAMES.join(", "), OPTIONS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ReplayRequest, String> {
        ReplayRequest::parse(text.as_bytes())
    }

    #[test]
    fn nothing_is_sent_without_a_token_and_without_dry_run_false() {
        for text in ["", " ", "{}", r#"{"source":"billing","rate":100}"#, r#"{"dry_run":true}"#] {
            assert_eq!(parse(text).map(|request| request.scope), Ok(None), "{text}");
        }
        let token = "1768480200-0123456789abcdef0123456789abcdef";
        let real = parse(&format!(r#"{{"dry_run":false,"token":"{token}"}}"#)).map(|request| request.scope);
        assert_eq!(real.map(|scope| scope.map(|scope| scope.to_string())), Ok(Some(token.to_owned())));
        for text in [r#"{"dry_run":false}"#.to_owned(), format!(r#"{{"token":"{token}"}}"#)] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mistake_selects_nothing_and_is_named() {
        let cases = [
            ("[]", "object"),
            ("null", "object"),
            ("{", "the body"),
            (r#"{"source":"billing","source":"orders"}"#, "the member source is there twice"),
            (r#"{"sorce":"billing"}"#, "did you mean source?"),
            (r#"{"dryrun":false}"#, "did you mean dry_run?"),
            (r#"{"limit":7}"#, "the member limit"),
            (r#"{"completely_different":7}"#, "the members are source, verdict, state"),
            (r#"{"source":null}"#, "the member source"),
            (r#"{"source":""}"#, "source"),
            (r#"{"source":[]}"#, "source"),
            (r#"{"source":["a,b"]}"#, "the member source"),
            (r#"{"source":{"a":1}}"#, "the member source"),
            // The text `evt_1,evt_2` would be one id, of no event.
            (r#"{"id":["evt_1","evt_2"]}"#, "the member id: must be a text or a number"),
            (r#"{"state":"lost"}"#, "state=lost"),
            (r#"{"status":"9xx"}"#, "status=9xx"),
            (r#"{"since":"yesterday"}"#, "since=yesterday"),
            (r#"{"rate":0}"#, "from 1 to 100"),
            (r#"{"rate":101}"#, "from 1 to 100"),
            (r#"{"rate":"10"}"#, "from 1 to 100"),
            (r#"{"rate":1.5}"#, "from 1 to 100"),
            (r#"{"rate":-1}"#, "from 1 to 100"),
            (r#"{"dry_run":"false"}"#, "true or false"),
            (r#"{"include_delivered":1}"#, "true or false"),
            (r#"{"token":"1-2"}"#, "token"),
            (r#"{"token":"-1-0123456789abcdef0123456789abcdef"}"#, "token"),
        ];
        for (text, words) in cases {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains(words), "{text}: {problem}");
        }
    }

    #[test]
    fn a_member_is_what_the_parameter_of_the_list_is() -> Result<(), String> {
        let request = parse(r#"{"source":["a","b"],"status":503,"since":1768480200,"state":"dead,retrying"}"#)?;
        let filter = request.selection.filter;
        assert_eq!((filter.sources, filter.statuses), (vec!["a".to_owned(), "b".to_owned()], vec![(503, 503)]));
        assert_eq!((filter.since.map(|since| since.seconds()), filter.states.len()), (Some(1_768_480_200), 2));
        Ok(())
    }
}
