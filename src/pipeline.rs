//! The way of a webhook, from top to bottom.
//!
//! ```text
//! receive → find source → bound the body → verify signature → check freshness → identify event
//!         → claim key → enqueue (or forward) → confirm claim → log → answer
//!
//! queue consumer:  take → claim the delivery → fetch the body → forward → confirm → ack │ retry later │ dead letter
//! ```
//!
//! What the way needs from outside are the [`ports`]; `edge` implements them for the runtime, tests in memory. Each step
//! that can fail says what the provider gets (`refusal.rs`) and what becomes of the claim.
//!
//! Architecture invariant: an event is durable before its claim is confirmed, and its claim is confirmed only then. A
//! crash in between repeats an event, and loses none.

mod api;
mod greeting;
mod hold;
mod letters;
pub mod ports;
mod published;
mod refusal;

pub use letters::{note_dead_letter, sweep};

use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Deliver, Origin, Source};
use crate::dedup::{DedupKey, Table, Token};
use crate::delivery::{Event, Message};
use crate::health::Health;
use crate::limit::{self, Blocked};
use crate::record::{Record, Verdict};
use crate::retry::{self, Next};
use crate::webhook::{HmacKey, Received, Standing, Strength, UnixTime, Verified, VerifyError};
use hold::{DeliveryClaim, KeyClaim, Taken};
use ports::{Local, OriginAnswer, PortError, Ports, Request};
use published::Published;
use refusal::Refusal;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How long a provider waits for the origin (`deliver = "origin"`); most give up after 10 to 30 s.
const ORIGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the queue's consumer waits for the origin.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(30);
/// What one isolate remembers between requests. Losing it loses no event.
#[derive(Debug, Default)]
pub struct Isolate {
    table: RefCell<Table>,
    blocked: RefCell<Blocked>,
    admitted_until: Cell<Option<UnixTime>>,
    published: RefCell<Published>,
}

/// What came of a request: the answer, and the line for the log.
#[derive(Debug)]
pub struct Outcome {
    /// What the sender gets.
    pub answer: Answer,
    /// What the operator gets; `None` for a health check.
    pub record: Option<Record>,
}

/// Takes one HTTP request, whatever it is.
pub async fn serve<R: Request, P: Ports>(
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
    let served = match path.strip_prefix("/api/") {
        Some(path) => api::serve(request, path, config, ports, now, &mut record).await,
        None => ingest(request, &path, config, ports, now, &mut record).await,
    };
    let answer = match served {
        Ok(answer) => answer,
        Err(refusal) => {
            record.refused(refusal.verdict(), refusal.code(), refusal.detail());
            if refusal.counts() {
                count_refusal(request, record.place(), ports, now).await;
            }
            refusal.answer()
        }
    };
    record.status = Some(answer.status);
    Outcome { answer, record: Some(record) }
}

/// Takes one webhook, in the order of the module's documentation.
async fn ingest<R: Request, P: Ports>(
    request: &R,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    // 1. Find the source, and take nothing from who was refused too often, and nothing but tests and POSTs.
    let (config, source) = find_source(path, config, record)?;
    refuse_blocked(request, source.name.as_str(), ports, now)?;
    if let Some(greeted) = greeting::at_the_door(request, source, ports, now)? {
        return greeting::answer(greeted, source, ports, record).await;
    }
    if request.method() != "POST" {
        return Err(Refusal::WrongMethod { allowed: "POST" });
    }
    // 2. Read what the head claims. A request that claims nothing costs no reading of its body.
    let received = match source.verifier.receive(request) {
        Ok(received) => received,
        Err(error) => {
            let greeted = greeting::unsigned(request, source, error, ports).await?;
            return greeting::answer(greeted, source, ports, record).await;
        }
    };
    // 3. Read the body, bounded.
    let body = request.body(source.max_body).await.map_err(|error| Refusal::body(error, source))?;
    record.body_bytes = u64::try_from(body.len()).ok();
    // 4. Prove signature, freshness and identity. Nothing was stored, looked up or forwarded so far.
    let verified = verify(received, &body, source, ports, now).await?;
    if let Some(greeted) = greeting::greet(request, source, Standing::Signed(&body), ports) {
        return greeting::answer(greeted, source, ports, record).await;
    }
    let key = DedupKey::new(&source.name, verified.identity());
    let id = verified.identity().shown();
    record.proven(&verified, &id, &key);
    record.strength = (source.verifier.preset().scheme.strength() == Strength::Weak).then_some("weak");
    if !source.wants(verified.event_type()) {
        record.verdict = Verdict::Filtered;
        return Ok(Answer::filtered(&id));
    }
    // 5. Claim the key.
    let claim = match KeyClaim::take(source, config, key, ports, now).await.map_err(Refusal::failed("claim_failed"))? {
        Taken::Held(claim) => claim,
        Taken::InFlight(_) => return Err(Refusal::InFlight),
        Taken::Duplicate => {
            record.verdict = Verdict::Duplicate;
            return Ok(Answer::duplicate(&id));
        }
    };
    // 6. Make the event durable: in the queue, or at the origin.
    let event = claim.mark(Event::new(source, &verified, &key, &request.headers(), now));
    if let Err(refusal) = make_durable(event, &verified, source, config.signing.as_ref(), ports, now).await {
        claim.release(ports, now).await;
        return Err(refusal);
    }
    // 7. Confirm the claim, now that nothing can be lost by it.
    if let Err(PortError(problem)) = claim.confirm(ports, now).await {
        record.trouble("confirm_failed", problem);
    }
    if source.dedup != Dedup::None {
        ports.remember(&key, source.dedup_ttl, now);
    }
    record.verdict = Verdict::Accepted;
    Ok(Answer::accepted(&id))
}

/// Proves the signature with the source's secrets, else with the keys that the provider publishes, else with those that it
/// publishes now, asked at most once a minute.
async fn verify<'b, P: Ports>(
    mut received: Received<'_>,
    body: &'b [u8],
    source: &Source,
    ports: &P,
    now: UnixTime,
) -> Result<Verified<'b>, Refusal> {
    if source.verifier.preset().scheme.keys.is_none() {
        return Ok(received.verify(body, now, ports)?);
    }
    let mut outcome = received.verify(body, now, ports);
    for again in [false, true] {
        let Err(VerifyError::SignatureMismatch { .. }) = outcome else { break };
        let Some(url) = received.published_at(body)? else { break };
        let keys = published::keys(&url, again, ports, now).await.map_err(Refusal::failed("keys_unavailable"))?;
        let Some(keys) = keys else { break };
        received = received.with_published(keys);
        outcome = received.verify(body, now, ports);
    }
    Ok(outcome?)
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

/// Somebody who was refused too often is not listened to for a while: nothing is read, and nothing hashed.
fn refuse_blocked(request: &impl Request, place: &str, ports: &impl Local, now: UnixTime) -> Result<(), Refusal> {
    let blocked = ports.isolate().blocked.borrow();
    let is_blocked = !blocked.is_empty() && blocked.is_blocked(&limit::pair(place, request), now);
    if is_blocked { Err(Refusal::TooMany) } else { Ok(()) }
}

async fn count_refusal(request: &impl Request, place: &str, ports: &impl Local, now: UnixTime) {
    let pair = limit::pair(place, request);
    if ports.is_over_limit(&pair).await {
        ports.isolate().blocked.borrow_mut().block(pair, now);
    }
}

async fn make_durable<P: Ports>(
    event: Event<'_>,
    verified: &Verified<'_>,
    source: &Source,
    signing: Option<&HmacKey>,
    ports: &P,
    now: UnixTime,
) -> Result<(), Refusal> {
    let origin = match &source.deliver {
        Deliver::Origin(origin) => origin,
        Deliver::Queue(_) => return queue(event, verified, ports).await,
    };
    let failed = Refusal::failed("origin_failed");
    let forward = event.forward(origin, 1, signing, now);
    match ports.send(forward, ORIGIN_TIMEOUT).await {
        Ok(OriginAnswer { status: 200..=299, .. }) => Ok(()),
        Ok(OriginAnswer { status, .. }) => Err(failed(PortError(format!("the origin answered {status}")))),
        Err(error) => Err(failed(error)),
    }
}

/// Puts the event into the queue, with its body beside it where no message can hold that.
async fn queue<P: Ports>(event: Event<'_>, verified: &Verified<'_>, ports: &P) -> Result<(), Refusal> {
    let event = match event.encode() {
        Ok(message) => return ports.enqueue(&message).await.map_err(Refusal::failed("enqueue_failed")),
        Err(too_large) if !ports.stores_payloads() => return Err(Refusal::MessageTooLarge(too_large)),
        Err(_) => {
            // A name of its own: whoever delivers this message deletes this body, and no other's. Where what follows
            // fails, it stays, since the message may be in the queue all the same; the sweep finds it.
            let name = format!("{}/{}", event.key(), Token(ports.random()));
            ports.store(&name, verified.body()).await.map_err(Refusal::failed("store_failed"))?;
            event.spilled(name)
        }
    };
    let message = event.encode().map_err(Refusal::MessageTooLarge)?;
    ports.enqueue(&message).await.map_err(Refusal::failed("enqueue_failed"))
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
pub async fn forward<P: Ports>(
    message: &str,
    attempt: u32,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> (Disposition, Record) {
    let mut record = Record { attempt: Some(attempt), ..Record::default() };
    let handed = Handed { message, attempt, now, later: retry::backoff(attempt, entropy(ports)) };
    let disposition = match Event::decode(message) {
        Ok(event) => deliver(event, &handed, config, ports, &mut record).await,
        Err(error) => {
            record.refused(Verdict::Failed, "undecodable", error.to_string());
            bury(message, ports).await
        }
    };
    let disposition = disposition.unwrap_or_else(|Failure { reason, problem }| {
        record.refused(Verdict::Retried, reason, problem);
        Disposition::Retry(handed.later)
    });
    (disposition, record)
}

/// A message as the queue handed it over.
struct Handed<'m> {
    message: &'m str,
    attempt: u32,
    now: UnixTime,
    /// The delay before the next attempt, where nothing else decides it.
    later: Duration,
}

/// Why a message is to be tried later.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    reason: &'static str,
    problem: String,
}

impl Failure {
    fn of(reason: &'static str) -> impl FnOnce(PortError) -> Self {
        move |PortError(problem)| Self { reason, problem }
    }
}

async fn deliver<P: Ports>(
    mut event: Event<'static>,
    handed: &Handed<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    record: &mut Record,
) -> Result<Disposition, Failure> {
    record.of(&event);
    // 1. Find where it goes. A source that is gone or broken since the event was accepted may come back; the event waits.
    let found = find_origin(event.source(), config).map_err(|problem| Failure { reason: "no_origin", problem });
    let (config, source, origin) = found?;
    // 2. Claim the delivery: a message may come twice, and an event may be in the queue twice.
    let taken = DeliveryClaim::take(&event, source, config, ports, handed.now).await;
    let claim = match taken.map_err(Failure::of("claim_failed"))? {
        Taken::Held(claim) => claim,
        Taken::Duplicate => {
            record.verdict = Verdict::Duplicate;
            return Ok(Disposition::Ack);
        }
        Taken::InFlight(until) => {
            record.refused(Verdict::Retried, "in_flight", "another delivery of this event is under way".to_owned());
            return Ok(Disposition::Retry(handed.now.until(until).max(Duration::from_secs(1))));
        }
    };
    // 3. Send it, or bury it where the origin refuses it for good.
    let sent = send(&mut event, origin, config.signing.as_ref(), handed, ports, record).await;
    let payload = event.payload().map(str::to_owned);
    let disposition = match sent {
        Ok(Next::Delivered) => Ok(Disposition::Ack),
        Ok(Next::Retry(delay)) => Ok(Disposition::Retry(delay)),
        Ok(Next::GiveUp) => bury_event(event, handed.message, ports, record).await,
        Err(failure) => Err(failure),
    };
    // 4. Settle the claim by what came of it; a body that was delivered is needed no more.
    if disposition != Ok(Disposition::Ack) {
        claim.release(ports).await;
        return disposition;
    }
    if let Err(PortError(problem)) = claim.confirm(ports).await {
        record.trouble("confirm_failed", problem);
    }
    if let Some(payload) = payload.filter(|_| record.verdict != Verdict::Dead)
        && let Err(PortError(problem)) = ports.discard(&[payload]).await
    {
        record.trouble("discard_failed", problem); // the sweep finds it
    }
    disposition
}

fn find_origin<'c>(
    source: &str,
    config: &'c Result<Config, ConfigError>,
) -> Result<(&'c Config, &'c Source, &'c Origin), String> {
    let config = config.as_ref().map_err(ToString::to_string)?;
    let source = config.source(source).ok_or("the source is no longer configured")?.map_err(ToString::to_string)?;
    Ok((config, source, source.deliver.origin().ok_or("the source has no origin")?))
}

/// Sends an event to its origin, once, and reads from the answer what is next.
async fn send<P: Ports>(
    event: &mut Event<'static>,
    origin: &Origin,
    signing: Option<&HmacKey>,
    handed: &Handed<'_>,
    ports: &P,
    record: &mut Record,
) -> Result<Next, Failure> {
    if let Some(payload) = event.payload() {
        let Some(body) = ports.load(payload).await.map_err(Failure::of("load_failed"))? else {
            // Nothing deletes it but a delivery of this very message.
            record.refused(Verdict::Duplicate, "payload_gone", "it was delivered, and its body deleted".to_owned());
            return Ok(Next::Delivered);
        };
        event.fetched(body);
    }
    let &Handed { attempt, now, .. } = handed;
    let answer = ports.send(event.forward(origin, attempt, signing, now), FORWARD_TIMEOUT).await;
    let OriginAnswer { status, retry_after } = answer.map_err(Failure::of("origin_unreachable"))?;
    record.status = Some(status);
    let next = retry::after_answer(status, retry_after, attempt, now, entropy(ports));
    match next {
        Next::Delivered => record.verdict = Verdict::Delivered,
        Next::Retry(_) => record.refused(Verdict::Retried, "origin_failed", format!("the origin answered {status}")),
        Next::GiveUp => record.refused(Verdict::Dead, "origin_refused", format!("the origin answered {status}")),
    }
    Ok(next)
}

/// Moves an event to the dead letters, with the reason why.
async fn bury_event<P: Ports>(
    event: Event<'_>,
    message: &str,
    ports: &P,
    record: &Record,
) -> Result<Disposition, Failure> {
    // The reason makes the message longer; where it does not fit, the letter goes without.
    let event = event.dead(record.detail.clone().unwrap_or_default());
    let letter = event.encode().map_or_else(|_| message.to_owned(), Message::into_text);
    bury(&letter, ports).await
}

async fn bury<P: Ports>(message: &str, ports: &P) -> Result<Disposition, Failure> {
    ports.bury(message).await.map_err(Failure::of("dead_letter_failed"))?;
    Ok(Disposition::Ack)
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 of the random bits will do")]
fn entropy(ports: &impl Local) -> u32 {
    ports.random() as u32
}
