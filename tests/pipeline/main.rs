//! The pipeline over ports in memory: every row of the answer table, a failure at every step, and the stored keys after
//! each.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod acceptances;
mod access;
mod access_proofs;
mod alerts;
mod answers;
mod api;
mod bodies;
mod bodies_swept;
mod claims;
mod consumer;
mod contract;
mod dead_letters;
#[path = "../fakes/mod.rs"]
mod fakes;
mod filtered_letters;
mod filters;
mod forwarded_headers;
mod given_up;
mod handshakes;
mod ingest;
mod job_failures;
mod jobs;
mod late_retries;
mod lines;
mod log;
mod log_lists;
mod log_rows;
mod memory;
mod metrics;
mod numbers;
mod pause_failures;
mod pauses;
mod payloads;
mod providers;
mod published;
mod queues;
mod redrives;
mod refusals;
mod replay;
mod rivals;
mod sources;
mod test_events;
mod traces;

use hookgate::answer::Answer;
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate::headers::HeaderLines;
use hookgate::pause::Pauses;
use hookgate::pipeline::ports::{AccessIdentity, BodyError, PortError, Request};
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use hookgate::record::Record;
use hookgate::serve::Outcome;
use hookgate_verify::{Head, Preset, Secret, SignInput, presets, sign};
use memory::{DEAD, EVENTS, Memory, NOW};
use pollster::block_on;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "test-secret";
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "an-admin-token-of-some-length";
const BODY: &str = r#"{"id":"evt_1","type":"user.created","created_at":"2026-01-15T12:30:00Z"}"#;

#[derive(Clone)]
struct Post {
    method: &'static str,
    host: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, BodyError>,
    /// Whom Cloudflare Access has let in.
    access: Result<Option<AccessIdentity>, PortError>,
}

impl Head for Post {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }

    fn method(&self) -> String {
        self.method.to_owned()
    }

    fn query(&self) -> String {
        self.query.clone()
    }
}

impl Request for Post {
    fn host(&self) -> String {
        self.host.to_owned()
    }

    fn path(&self) -> String {
        self.path.clone()
    }

    fn headers(&self) -> HeaderLines {
        self.headers.iter().collect()
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.body.clone().and_then(|body| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) })
    }

    async fn access_identity(&self) -> Result<Option<AccessIdentity>, PortError> {
        assert!(self.path.starts_with("/api/"), "only /api asks for the identity");
        self.access.clone()
    }
}

/// The sources of most tests. `keyless` and `unknown` are misconfigured.
fn config() -> Result<Config, ConfigError> {
    let secrets = json!(["GENERIC_SECRET"]);
    let sources = json!({
        "queued": { "provider": "generic", "secrets": secrets, "max_body": "200kB" },
        "exact": { "provider": "generic", "secrets": secrets, "dedup": "exact", "max_body": "200kB" },
        "exact-straight": { "provider": "generic", "secrets": secrets, "dedup": "exact", "deliver": "origin" },
        "straight": { "provider": "generic", "secrets": secrets, "deliver": "origin" },
        "repeating": { "provider": "generic", "secrets": secrets, "dedup": "none" },
        "bytes": { "scheme": { "signature": { "header": "x-webhook-signature" } }, "secrets": secrets, "dedup": "none" },
        "faceless": {
            "scheme": { "signature": { "header": "x-webhook-signature" }, "identity": "none" },
            "secrets": secrets,
            "dedup": "exact",
        },
        "picky": { "provider": "generic", "secrets": secrets, "events": ["invoice.*"] },
        "keyless": { "provider": "generic", "secrets": ["MISSING_SECRET"] },
        "unknown": { "provider": "nobody", "secrets": secrets },
    });
    configured(sources)
}

fn configured(sources: Value) -> Result<Config, ConfigError> {
    Config::parse(&sources, ALL, &lookup)
}

/// A configuration in which the variable `name` is `text`, or is missing.
fn configured_with(sources: Value, name: &str, text: Option<&str>) -> Result<Config, ConfigError> {
    Config::parse(&sources, ALL, &|asked| if asked == name { text.map(str::to_owned) } else { lookup(asked) })
}

const ALL: Bindings = Bindings::ALL;

fn lookup(name: &str) -> Option<String> {
    let text = match name {
        "GENERIC_SECRET" => SECRET,
        "ORIGIN" => "https://origin.example/{source}",
        "ORIGIN_SIGNING_SECRET" => SIGNING,
        "ADMIN_TOKEN" => TOKEN,
        _ => return None,
    };
    Some(text.to_owned())
}

/// An unsigned request to `source`.
fn request(method: &'static str, source: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Post {
    Post {
        method,
        host: "hooks.example.com",
        path: format!("/webhooks/{source}"),
        query: query.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Ok(body.as_bytes().to_vec()),
        access: Ok(None),
    }
}

/// A request of the provider `generic`.
fn post(source: &str, body: impl Into<Vec<u8>>) -> Post {
    let request = signed(source, &presets::find("generic").unwrap(), body);
    request.with("content-type", "application/json; charset=utf-8")
}

/// A request of the provider `preset`.
fn signed(source: &str, preset: &Preset, body: impl Into<Vec<u8>>) -> Post {
    let body = body.into();
    let key = Secret::new(SECRET).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
    let delivery = SignInput { variant: 0, id: "", now: NOW, url: "", account: "", body: &body };
    let headers = sign(preset, &key, SECRET, delivery).unwrap().into_headers();
    Post { headers, body: Ok(body), ..request("POST", source, "", &[], "") }
}

impl Post {
    /// The request with one more header.
    fn with(mut self, name: &str, value: &str) -> Post {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request with another body, which its signature does not cover.
    fn forged(&self) -> Post {
        Post { body: Ok(b"{}".to_vec()), ..self.clone() }
    }
}

fn serve(request: &Post, ports: &Memory) -> Outcome {
    serve_as(request, &config(), ports)
}

fn serve_as(request: &Post, config: &Result<Config, ConfigError>, ports: &Memory) -> Outcome {
    block_on(hookgate::serve::serve(request, config, ports, ports.now()))
}

/// Consumes `text`, which `queue` hands over for the `attempt`-th time.
fn consume(queue: &str, text: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    let handed = ReceivedMessage { text, queue, attempt, now: ports.now(), pauses: &Pauses::default() };
    block_on(pipeline::consume(handed, &config(), ports))
}

/// Consumes a message of the events' queue under another configuration.
fn forward_as(text: &str, config: &Result<Config, ConfigError>, ports: &Memory) -> (Disposition, Record) {
    let handed = ReceivedMessage { text, queue: EVENTS, attempt: 1, now: ports.now(), pauses: &Pauses::default() };
    block_on(pipeline::consume(handed, config, ports))
}

fn forward(message: &str, attempt: u32, ports: &Memory) -> (Disposition, Record) {
    consume(EVENTS, message, attempt, ports)
}

fn note_dead_letter(message: &str, ports: &Memory) -> (Disposition, Record) {
    consume(DEAD, message, 1, ports)
}

/// Answers every message in the queue with 410, and keeps the dead letters.
fn kill_all(ports: &Memory) {
    ports.origin_status.set(Some(410));
    for message in ports.queue.take() {
        forward(&message, 1, ports);
    }
    ports.origin_status.set(None);
    for letter in ports.dead.take() {
        note_dead_letter(&letter, ports);
    }
}

fn sweep(days: u64, ports: &Memory) -> Record {
    block_on(pipeline::sweep(ports, &config(), NOW.plus(Duration::from_secs(days * 86_400))))
}

/// Whether the queue is told to wait for about `seconds`.
fn retried(disposition: &Disposition, seconds: u64) -> bool {
    let Disposition::Retry(delay) = disposition else { return false };
    (seconds * 3 / 4..=seconds).contains(&delay.as_secs())
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| &**value)
}

/// The status of the answer, and the reason in the log.
fn refusal(request: &Post, ports: &Memory) -> (u16, &'static str) {
    let outcome = serve(request, ports);
    assert_eq!(header(&outcome.answer, "content-type"), Some("application/problem+json"));
    assert_eq!(header(&outcome.answer, "cache-control"), Some("no-store"));
    assert_eq!(header(&outcome.answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(json_of(&outcome.answer)["status"], outcome.answer.status);
    (outcome.answer.status, outcome.record.unwrap().reason.unwrap())
}

/// The message that a request leaves in the queue.
fn queued(request: &Post) -> String {
    let ports = Memory::default();
    assert_eq!(serve(request, &ports).answer.status, 200);
    ports.queue.take().remove(0)
}
