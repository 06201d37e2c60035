//! Every HTTP request: a webhook, a call of the operator's API, or a health check.

use crate::answer::Answer;
use crate::config::{Config, ConfigError};
use crate::health::Health;
use crate::operate::{self, access};
use crate::pipeline::any_request::AnyRequest;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::{ingest, limiter, logged};
use crate::record::Record;
use hookgate_verify::UnixTime;

/// The answer to a request, and the line for the log.
#[derive(Debug)]
pub struct Outcome {
    /// The answer to the sender.
    pub answer: Answer,
    /// The line for the operator. `None` for a health check, for a page that asks whether it needs a token, and for a refusal
    /// that another line counts.
    pub record: Option<Record>,
    /// Whether this request must call [`write_log`](crate::pipeline::write_log) a few seconds after its answer. Other requests rely on it.
    pub must_write_log: bool,
}

/// Handles one HTTP request.
pub async fn serve<R: Request, P: Ports>(
    request: &R,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Outcome {
    let path = request.path();
    let mut record = Record::default();
    let called = path.strip_prefix("/api/");
    let is_read = request.method() == "GET";
    let served = match called {
        None if path == "/healthz" || path == "/webhooks/health" => match health(request, config, now) {
            Ok(answer) => return Outcome { answer, record: None, must_write_log: false },
            Err(refusal) => Err(refusal),
        },
        Some(path) => match operate::serve(request, path, config, ports, now, &mut record).await {
            // "Who am I?" of a page without a token is no attempt to get in, so it is neither refused nor counted.
            Err(refusal) if path == "caller" && is_read && access::claims_nothing(&refusal) => {
                return Outcome { answer: Answer::nobody(), record: None, must_write_log: false };
            }
            served => served,
        },
        None => ingest(&AnyRequest::Outside(request), &path, config, ports, now, &mut record).await,
    };
    let answer = match served {
        Ok(answer) => answer,
        Err(refusal) => {
            let (refusal, is_told) = limiter::settle(refusal, request, &mut record, ports, now).await;
            let answer = if called.is_some() { refusal.answer_to_operator() } else { refusal.answer() };
            let answer = if wants_empty_answers(config, &record) { answer.without_body() } else { answer };
            logged::refused(request, config, &answer, &mut record, ports, now);
            if !is_told {
                let must_write_log = logged::must_write(ports, now);
                return Outcome { answer, record: None, must_write_log };
            }
            answer
        }
    };
    record.status = Some(answer.status);
    logged::served(&mut record, ports, now);
    Outcome { answer, record: Some(record), must_write_log: logged::must_write(ports, now) }
}

/// Whether the gateway works. The operator also gets a list of the sources.
fn health(request: &impl Request, config: &Result<Config, ConfigError>, now: UnixTime) -> Result<Answer, Refusal> {
    if !matches!(request.method().as_str(), "GET" | "HEAD") {
        return Ok(Answer::wrong_method("GET, HEAD"));
    }
    let health = Health::of(config, now);
    // A wrong token is refused and counted, as at /api. Otherwise it could be guessed here without a limit.
    match access::admin(request, config).zip(request.header("authorization")) {
        None => Ok(Answer::ok(&health)),
        Some((admin, header)) => {
            access::by_token(&header, request, admin)?;
            Ok(Answer::ok(&health.with_sources(config)))
        }
    }
}

/// Whether the source's provider needs answers without a body.
fn wants_empty_answers(config: &Result<Config, ConfigError>, record: &Record) -> bool {
    let source = config.as_ref().ok().zip(record.source.as_deref()).and_then(|(config, name)| config.source(name));
    source.and_then(Result::ok).is_some_and(|source| source.verifier.preset().empty_answers)
}
