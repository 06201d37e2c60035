//! The way of a webhook, from top to bottom.
//!
//! ```text
//! receive → find source → bound the body → verify signature → check freshness → identify event
//!         → look up key → enqueue (or forward) → remember key → log → answer
//!
//! queue consumer:  take → forward → ack │ retry later │ dead letter
//! ```
//!
//! What the way needs from outside are the ports below; `edge` implements them for the runtime, tests in
//! memory. Each step that can fail says what the provider gets: `Refusal::answer`, below.
//!
//! Architecture invariant: an event is durable before its key is remembered, and its key is remembered only then. A
//! crash in between repeats an event, and loses none.

use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Deliver, Origin, Source};
use crate::dedup::DedupKey;
use crate::delivery::{Event, Forward, Message, TooLarge};
use crate::health::Health;
use crate::record::{Record, Verdict};
use crate::retry::{self, Next, RetryAfter};
use crate::webhook::{Headers, Key, UnixTime, VerifyError};
use std::time::Duration;

/// How long a provider waits for the origin (`deliver = "origin"`); most give up after 10 to 30 s.
const ORIGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the queue's consumer waits for the origin.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(30);

/// A request as the pipeline reads it.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Request: Headers {
    /// The method, in capitals.
    fn method(&self) -> String;
    /// The URL's path.
    fn path(&self) -> String;
    /// Every header, by lower-case name.
    fn headers(&self) -> Vec<(String, String)>;
    /// The raw body, counted while it is read: [`BodyError::TooLarge`] as soon as it exceeds `limit` bytes.
    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError>;
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// The sender went away.
    Broken(String),
}

/// Where keys of events that are durable are remembered.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Claims {
    /// Whether `key` is remembered. Best effort: "no" may be stale.
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError>;
    /// Remembers `key` for `ttl`. May finish after the answer; a failure can only repeat an event.
    fn remember(&self, key: &DedupKey, ttl: Duration, now: UnixTime);
}

/// Where events become durable.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Outbox {
    /// Puts an event's text into the queue; returns once it is durable there.
    async fn enqueue(&self, message: &Message) -> Result<(), PortError>;
    /// Puts an event's text into the dead letters' queue; returns once it is durable there.
    async fn bury(&self, message: &str) -> Result<(), PortError>;
}

/// Where forwards go.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Upstream {
    /// Sends a forward, follows no redirect, and waits up to `timeout` for the answer's head.
    async fn send(&self, forward: Forward<'_>, timeout: Duration) -> Result<OriginAnswer, PortError>;
}

/// What the origin answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginAnswer {
    /// The status code.
    pub status: u16,
    /// Its `Retry-After`, where it has a readable one.
    pub retry_after: Option<RetryAfter>,
}

/// What the runtime said when a port failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortError(pub String);

/// What came of a request: the answer, and the line for the log.
#[derive(Debug)]
pub struct Outcome {
    /// What the sender gets.
    pub answer: Answer,
    /// What the operator gets; `None` for a health check.
    pub record: Option<Record>,
}

/// Takes one HTTP request, whatever it is.
pub async fn serve<R: Request, P: Claims + Outbox + Upstream>(
    request: &R,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Outcome {
    let path = request.path();
    if path == "/healthz" || path == "/webhooks/health" {
        let answer = match request.method().as_str() {
            "GET" | "HEAD" => Answer::ok(&Health::of(config, now)),
            _ => Answer::wrong_method("GET, HEAD"),
        };
        return Outcome { answer, record: None };
    }
    let mut record = Record::default();
    let answer = match ingest(request, &path, config, ports, now, &mut record).await {
        Ok(answer) => answer,
        Err(refusal) => {
            record.refused(refusal.verdict(), refusal.code(), refusal.detail());
            refusal.answer()
        }
    };
    record.status = Some(answer.status);
    Outcome { answer, record: Some(record) }
}

/// Takes one webhook, in the order of the module's documentation.
async fn ingest<R: Request, P: Claims + Outbox + Upstream>(
    request: &R,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    // 1. Find the source, and take nothing but a POST.
    let (config, source) = find_source(path, config, record)?;
    if request.method() != "POST" {
        return Err(Refusal::WrongMethod);
    }
    // 2. Read what the headers claim. A request that claims nothing costs no reading of its body.
    let received = source.verifier.receive(request)?;
    // 3. Read the body, bounded.
    let body = request.body(source.max_body).await.map_err(|error| Refusal::body(error, source))?;
    record.body_bytes = Some(body.len());
    // 4. Prove signature, freshness and identity. Nothing was stored, looked up or forwarded so far.
    let verified = received.verify(&body, now)?;
    let key = DedupKey::new(&source.name, verified.identity());
    let id = verified.identity().shown();
    record.proven(&verified, &id, &key);
    if !source.wants(verified.event_type()) {
        record.verdict = Verdict::Filtered;
        return Ok(Answer::filtered(&id));
    }
    // 5. Look the key up.
    if source.dedup == Dedup::Kv && ports.is_known(&key).await.map_err(Refusal::lookup)? {
        record.verdict = Verdict::Duplicate;
        return Ok(Answer::duplicate(&id));
    }
    // 6. Make the event durable: in the queue, or at the origin.
    let event = Event::new(source, &verified, &key, &request.headers(), now);
    make_durable(&event, source, config.signing.as_ref(), ports, now).await?;
    // 7. Remember the key, now that nothing can be lost by it.
    if source.dedup == Dedup::Kv {
        ports.remember(&key, source.dedup_ttl, now);
    }
    record.verdict = Verdict::Accepted;
    Ok(Answer::accepted(&id))
}

fn find_source<'c>(
    path: &str,
    config: &'c Result<Config, ConfigError>,
    record: &mut Record,
) -> Result<(&'c Config, &'c Source), Refusal> {
    let name = path.strip_prefix("/webhooks/").ok_or(Refusal::NotFound)?;
    let config = config.as_ref().map_err(|error| Refusal::Misconfigured(error.clone()))?;
    let source = config.source(name).ok_or(Refusal::NotFound)?;
    record.source = Some(name.to_owned());
    let source = source.map_err(|error| Refusal::Misconfigured(error.clone()))?;
    Ok((config, source))
}

async fn make_durable<P: Outbox + Upstream>(
    event: &Event<'_>,
    source: &Source,
    signing: Option<&Key>,
    ports: &P,
    now: UnixTime,
) -> Result<(), Refusal> {
    let origin = match &source.deliver {
        Deliver::Origin(origin) => origin,
        Deliver::Queue(_) => {
            let message = event.encode().map_err(Refusal::MessageTooLarge)?;
            return ports.enqueue(&message).await.map_err(Refusal::queue);
        }
    };
    let forward = event.forward(origin, 1, signing, now);
    let answer = ports.send(forward, ORIGIN_TIMEOUT).await.map_err(Refusal::origin)?;
    match answer.status {
        200..=299 => Ok(()),
        status => Err(Refusal::origin(PortError(format!("the origin answered {status}")))),
    }
}

/// What becomes of a message that the queue's consumer took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is done: delivered, or durable among the dead letters.
    Ack,
    /// The queue gives it again after this delay, and to the dead letters when its retries run out.
    Retry(Duration),
}

/// Takes one message from the queue and forwards it, as attempt number `attempt` (from 1).
pub async fn forward<P: Outbox + Upstream>(
    message: &str,
    attempt: u32,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    entropy: u32,
) -> (Disposition, Record) {
    let mut record = Record { attempt: Some(attempt), ..Record::default() };
    let later = Disposition::Retry(retry::backoff(attempt, entropy));
    let event = match Event::decode(message) {
        Ok(event) => event,
        Err(error) => {
            record.refused(Verdict::Failed, "undecodable", error.to_string());
            return (bury(message, ports, &mut record, later).await, record);
        }
    };
    record.of(&event);
    // A source that is gone or broken since the event was accepted may come back; the event waits.
    let (config, origin) = match find_origin(event.source(), config) {
        Ok(found) => found,
        Err(problem) => {
            record.refused(Verdict::Failed, "no_origin", problem);
            return (later, record);
        }
    };
    let outgoing = event.forward(origin, attempt, config.signing.as_ref(), now);
    let answer = match ports.send(outgoing, FORWARD_TIMEOUT).await {
        Ok(answer) => answer,
        Err(PortError(problem)) => {
            record.refused(Verdict::Retried, "origin_unreachable", problem);
            return (later, record);
        }
    };
    record.status = Some(answer.status);
    let reason = format!("the origin answered {}", answer.status);
    match retry::after_answer(answer.status, answer.retry_after, attempt, now, entropy) {
        Next::Delivered => {
            record.verdict = Verdict::Delivered;
            (Disposition::Ack, record)
        }
        Next::Retry(delay) => {
            record.refused(Verdict::Retried, "origin_failed", reason);
            (Disposition::Retry(delay), record)
        }
        Next::GiveUp => {
            record.refused(Verdict::Dead, "origin_refused", reason.clone());
            // The reason makes the message longer; where it does not fit, the letter goes without.
            let letter = event.dead(reason).encode();
            let letter = letter.as_ref().map_or(message, Message::as_str);
            (bury(letter, ports, &mut record, later).await, record)
        }
    }
}

fn find_origin<'c>(source: &str, config: &'c Result<Config, ConfigError>) -> Result<(&'c Config, &'c Origin), String> {
    let config = config.as_ref().map_err(ToString::to_string)?;
    let source = config.source(source).ok_or("the source is no longer configured")?.map_err(ToString::to_string)?;
    Ok((config, source.deliver.origin().ok_or("the source has no origin")?))
}

/// Moves a message to the dead letters; where that fails, the queue gives it again.
async fn bury<P: Outbox>(message: &str, ports: &P, record: &mut Record, later: Disposition) -> Disposition {
    match ports.bury(message).await {
        Ok(()) => Disposition::Ack,
        Err(PortError(problem)) => {
            record.refused(Verdict::Retried, "dead_letter_failed", problem);
            later
        }
    }
}

/// Takes one message from the dead letters' queue: it is logged, and done.
pub fn note_dead_letter(message: &str) -> Record {
    let mut record = Record::default();
    match Event::decode(message) {
        Ok(event) => {
            record.of(&event);
            let reason = event.dead_reason().unwrap_or("its retries ran out").to_owned();
            record.refused(Verdict::Dead, "dead_letter", reason);
        }
        Err(error) => record.refused(Verdict::Dead, "undecodable", error.to_string()),
    }
    record
}

/// Why a request is not accepted.
#[derive(Debug)]
enum Refusal {
    NotFound,
    WrongMethod,
    Misconfigured(ConfigError),
    Unverified(VerifyError),
    BodyTooLarge { limit: usize },
    BodyBroken(String),
    MessageTooLarge(TooLarge),
    Failed { code: &'static str, problem: String },
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::Unverified(error)
    }
}

impl Refusal {
    fn body(error: BodyError, source: &Source) -> Self {
        match error {
            BodyError::TooLarge => Self::BodyTooLarge { limit: source.max_body },
            BodyError::Broken(problem) => Self::BodyBroken(problem),
        }
    }

    fn lookup(PortError(problem): PortError) -> Self {
        Self::Failed { code: "lookup_failed", problem }
    }

    fn queue(PortError(problem): PortError) -> Self {
        Self::Failed { code: "enqueue_failed", problem }
    }

    fn origin(PortError(problem): PortError) -> Self {
        Self::Failed { code: "origin_failed", problem }
    }

    /// What the provider gets: DESIGN's table, row by row.
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound => Answer::not_found(),
            Self::WrongMethod => Answer::wrong_method("POST"),
            Self::Misconfigured(_) => Answer::misconfigured(),
            Self::Unverified(error) if error.is_authentic() => Answer::unusable(&error.to_string()),
            Self::Unverified(_) => Answer::unauthentic(),
            Self::BodyTooLarge { limit } => Answer::body_too_large(*limit),
            Self::MessageTooLarge(_) => Answer::message_too_large(),
            Self::BodyBroken(_) | Self::Failed { .. } => Answer::unavailable(),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Misconfigured(_) | Self::BodyBroken(_) | Self::Failed { .. } => Verdict::Failed,
            _ => Verdict::Rejected,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::WrongMethod => "wrong_method",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unverified(error) => error.code(),
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyBroken(_) => "body_broken",
            Self::MessageTooLarge(_) => "message_too_large",
            Self::Failed { code, .. } => code,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NotFound => "nothing is configured at this path".to_owned(),
            Self::WrongMethod => "a webhook is a POST".to_owned(),
            Self::Misconfigured(error) => error.to_string(),
            Self::Unverified(error) => error.to_string(),
            Self::BodyTooLarge { limit } => format!("the body is over {limit} bytes; raise max_body to take it"),
            Self::BodyBroken(problem) | Self::Failed { problem, .. } => problem.clone(),
            Self::MessageTooLarge(error) => error.to_string(),
        }
    }
}
