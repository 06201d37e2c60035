//! Every handshake that a provider makes with an endpoint, through the whole pipeline: `tests/handshakes/NAME.json`, a file
//! for each preset with handshakes.
//!
//! A case has the request of the provider (`method`, `query`, `headers`, `body`; at 2026-01-15T12:30:00Z) and the settings
//! of the source (`secret`, `token`, `armed`, `url`, `account`). `answer` is the expected answer: the `status`, `headers`,
//! and the body as `json` or `text`. If `answer` is `"event"`, the request is an event. `source` names the documentation.

use super::memory::Memory;
use super::{ALL, Post, header, serve_as};
use hookgate::config::{Config, ConfigError};
use hookgate::record::Verdict;
use hookgate_verify::presets;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    source: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    secret: String,
    token: Option<String>,
    #[serde(default)]
    armed: bool,
    url: Option<String>,
    account: Option<String>,
    answer: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    /// `"event"`.
    Event(String),
    Answer {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        json: Option<Value>,
        text: Option<String>,
    },
}

fn post() -> String {
    "POST".to_owned()
}

impl Case {
    fn config(&self, provider: &str) -> Result<Config, ConfigError> {
        let mut source = Map::from_iter([("provider".to_owned(), json!(provider))]);
        source.insert("deliver".to_owned(), json!("origin"));
        if self.armed {
            source.insert("handshake".to_owned(), json!("armed"));
            source.insert("dedup".to_owned(), json!("none"));
        } else if presets::find(provider).unwrap().scheme.public_keys.is_none() {
            source.insert("secrets".to_owned(), json!(["THE_SECRET"]));
        }
        if self.token.is_some() {
            source.insert("handshake_secret".to_owned(), json!("THE_TOKEN"));
        }
        let texts = [("url", &self.url), ("account", &self.account)];
        source.extend(texts.iter().filter_map(|(key, text)| Some(((*key).to_owned(), json!(text.as_ref()?)))));
        let lookup = |name: &str| match name {
            "THE_SECRET" => Some(self.secret.clone()),
            "THE_TOKEN" => self.token.clone(),
            _ => super::lookup(name),
        };
        Config::parse(&json!({ "endpoint": source }), ALL, &lookup)
    }

    fn request(&self) -> Post {
        Post {
            method: self.method.clone().leak(),
            host: "hooks.example.com",
            path: "/webhooks/endpoint".to_owned(),
            query: self.query.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            body: Ok(self.body.clone().into_bytes()),
            access: Ok(None),
        }
    }

    /// The differences from the case.
    fn faults(&self, provider: &str) -> Vec<String> {
        let outcome = serve_as(&self.request(), &self.config(provider), &Memory::default());
        let Some(record) = &outcome.record else { return vec![format!("no record: {:?}", outcome.answer)] };
        let answer = &outcome.answer;
        let mut faults = Vec::new();
        let mut hold = |holds: bool, what: String| faults.extend((!holds).then_some(what));
        match &self.answer {
            Expected::Event(word) => {
                hold(word == "event", format!("{word:?} is no answer"));
                hold((record.verdict, answer.status) == (Verdict::Accepted, 200), format!("no event: {record:?}"));
            }
            Expected::Answer { status, headers, json, text } => {
                let verdict = if *status < 400 { Verdict::Handshake } else { Verdict::Rejected };
                hold((record.verdict, answer.status) == (verdict, *status), format!("{} {record:?}", answer.status));
                for (name, value) in headers {
                    hold(header(answer, name) == Some(value.as_str()), format!("{name}: {:?}", header(answer, name)));
                }
                let body = &answer.body;
                let is_json = |json: &Value| serde_json::from_str::<Value>(body).is_ok_and(|body| body == *json);
                hold(json.as_ref().is_none_or(is_json), format!("the body is {body:?}"));
                hold(text.as_ref().is_none_or(|text| text == body), format!("the body is {body:?}"));
            }
        }
        faults
    }
}

/// Presets whose handshake needs a published certificate: `providers.rs` and `published.rs` have their tests.
const ELSEWHERE: [&str; 2] = ["aws_sns", "aws_sns_v1"];

#[test]
fn every_handshake_is_answered_as_its_provider_documents_it() {
    let mut faults = Vec::new();
    for preset in presets::ALL.iter().filter(|preset| !ELSEWHERE.contains(&preset.name.as_str())) {
        let path = format!("tests/handshakes/{}.json", preset.name);
        let cases: Vec<Case> = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")),
            Err(_) => Vec::new(),
        };
        let answered = cases.iter().filter(|case| matches!(case.answer, Expected::Answer { status: 200..=299, .. }));
        let (answered, known) = (answered.count(), preset.handshakes.len());
        if answered < known {
            faults.push(format!("{path} has {answered} cases that are answered, the preset {known} handshakes"));
        }
        for case in &cases {
            assert!(case.source.len() > 10, "{path} does not name the documentation of {}", case.id);
            faults.extend(case.faults(&preset.name).into_iter().map(|fault| format!("{path}, {}: {fault}", case.id)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The answer would be `|` and the MAC: Braintree saves no URL after it.
#[test]
fn a_handshake_whose_answer_names_the_account_is_not_answered_without_an_account() {
    let text = fs::read_to_string("tests/handshakes/braintree.json").unwrap();
    let mut cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    for case in &mut cases {
        case.account = None;
        case.answer = Expected::Answer { status: 405, headers: BTreeMap::new(), json: None, text: None };
    }
    let faults: Vec<_> = cases.iter().flat_map(|case| case.faults("braintree")).collect();
    assert!(!cases.is_empty() && faults.is_empty(), "{faults:?}");
}
