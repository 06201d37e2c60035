//! The way of a webhook, from top to bottom.
//!
//! ```text
//! receive → find source → bound the body → verify signature → check freshness → identify event
//!         → claim key → enqueue (or forward) → confirm claim → log → answer
//!
//! ```
//!
//! What becomes of it then is in `consume.rs`.
//!
//! What the way needs from outside are the [`ports`]; `edge` implements them for the runtime, tests in memory. Each step
//! that can fail says what the provider gets (`refusal.rs`) and what becomes of the claim.
//!
//! Architecture invariant: an event is durable before its claim is confirmed, and its claim is confirmed only then. A
//! crash in between repeats an event, and loses none.

mod api;
mod claims;
mod consume;
mod disposition;
mod filter;
mod handshakes;
mod letters;
mod limiter;
pub mod ports;
mod published;
mod queues;
mod refusal;

pub use consume::consume;
pub use disposition::{Disposition, ReceivedMessage};
pub use letters::sweep;

use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Deliver, Source};
use crate::dedup::{ClaimToken, DedupKey, IsolateTable};
use crate::health::Health;
use crate::limit::Limited;
use crate::message::Event;
use crate::record::{Record, Verdict};
use claims::{Acquisition, KeyClaim};
use hookgate_verify::{
    HandshakeStage, HmacKey, Identity, PublicKeySource, Received, Strength, UnixTime, Verified, VerifyError,
};
use ports::{DestinationAnswer, Local, PortError, Ports, Request};
use published::{PublicKeyUrl, PublishedKeys};
use queues::QueueRoles;
use refusal::Refusal;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How long a provider waits for the origin (`deliver = "origin"`); most give up after 10 to 30 s.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What one isolate remembers between requests. Losing it loses no event.
#[derive(Debug, Default)]
pub struct IsolateState {
    table: RefCell<IsolateTable>,
    limited: RefCell<Limited>,
    admitted_until: Cell<Option<UnixTime>>,
    published: RefCell<PublishedKeys>,
    queues: RefCell<QueueRoles>,
}

/// What came of a request: the answer, and the line for the log.
#[derive(Debug)]
pub struct Outcome {
    /// What the sender gets.
    pub answer: Answer,
    /// What the operator gets; `None` for a health check, and for what a line of the log tells of already.
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
    let mut record = Record::default();
    let served = match path.strip_prefix("/api/") {
        None if path == "/healthz" || path == "/webhooks/health" => match health(request, config, now) {
            Ok(answer) => return Outcome { answer, record: None },
            Err(refusal) => Err(refusal),
        },
        Some(path) => api::serve(request, path, config, ports, now, &mut record).await,
        None => ingest(request, &path, config, ports, now, &mut record).await,
    };
    let answer = match served {
        Ok(answer) => answer,
        Err(refusal) => {
            let (refusal, is_told) = limiter::settle(refusal, request, &mut record, ports, now).await;
            let answer = refusal.answer();
            let answer = if wants_empty_answers(config, &record) { answer.without_body() } else { answer };
            if !is_told {
                return Outcome { answer, record: None };
            }
            answer
        }
    };
    record.status = Some(answer.status);
    Outcome { answer, record: Some(record) }
}

/// Tells everybody whether the gateway is well, and the operator which sources are usable.
fn health(request: &impl Request, config: &Result<Config, ConfigError>, now: UnixTime) -> Result<Answer, Refusal> {
    if !matches!(request.method().as_str(), "GET" | "HEAD") {
        return Ok(Answer::wrong_method("GET, HEAD"));
    }
    let health = Health::of(config, now);
    // Who shows a token wants to know more. A wrong one is refused as at /api, or it could be guessed here, uncounted.
    match api::admin(request, config).filter(|_| request.header("authorization").is_some()) {
        None => Ok(Answer::ok(&health)),
        Some(admin) => {
            api::authorize(request, admin)?;
            Ok(Answer::ok(&health.with_sources(config)))
        }
    }
}

/// Whether the provider of the source that refused a request wants no body in any answer.
fn wants_empty_answers(config: &Result<Config, ConfigError>, record: &Record) -> bool {
    let source = config.as_ref().ok().zip(record.source.as_deref()).and_then(|(config, name)| config.source(name));
    source.and_then(Result::ok).is_some_and(|source| source.verifier.preset().empty_answers)
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
    // 1. Find the source, and take nothing but tests and POSTs. From a sender over the limit, only what can be proven.
    let (config, source) = find_source(path, config, record)?;
    let is_limited = limiter::is_limited(request, source.name.as_str(), ports, now);
    if let Some(handshake) = handshakes::in_head(request, source, ports, now)? {
        if is_limited && handshake.secret.is_some() {
            return Err(Refusal::SecretPending);
        }
        return handshakes::answer(handshake, source, ports, record).await;
    }
    if request.method() != "POST" {
        return Err(Refusal::WrongMethod { allowed: "POST" });
    }
    // 2. Read what the head claims. A request that claims nothing costs no reading of its body.
    let received = match source.verifier.receive(request) {
        Ok(received) => received,
        Err(error) if is_limited => return Err(error.into()),
        Err(error) => {
            let handshake = handshakes::in_unsigned_body(request, source, error, ports).await?;
            return handshakes::answer(handshake, source, ports, record).await;
        }
    };
    // 3. Read the body, bounded.
    let body = request.body(source.max_body).await.map_err(|error| Refusal::body(error, source))?;
    record.body_bytes = u64::try_from(body.len()).ok();
    // A sender chooses how long its body takes. What is fresh is decided when all of it is here.
    let now = ports.now();
    // 4. Prove signature, freshness and identity. Nothing was stored, looked up or forwarded so far.
    let verified = verify(received, &body, source, ports, now, record).await?;
    if let Some(handshake) = handshakes::find(request, source, HandshakeStage::Signed(&body), ports) {
        return handshakes::answer(handshake, source, ports, record).await;
    }
    let (identified, key) = key_of(source, &verified, ports);
    let id = key.id_of(verified.identity());
    record.proven(&verified, &id, &key);
    record.strength = (source.verifier.preset().scheme.strength() == Strength::Weak).then_some("weak");
    if !source.wants(verified.event_types()) {
        let claims = identified.filter(|_| filter::must_claim(source, &verified));
        filter::claim_filtered(claims, source, config, ports, now, record).await?;
        record.filtered();
        return Ok(Answer::filtered(&id).as_configured(&source.success));
    }
    let headers = source.forwarded_headers().keep(&request.headers()).map_err(Refusal::HeadersTooLarge)?;
    // 5. Claim the key. Where the event has no identity, nothing could be a duplicate of it.
    let taken = KeyClaim::acquire(source, config, identified, ports, now).await;
    let claim = match taken.map_err(Refusal::failed("claim_failed"))? {
        Acquisition::Acquired(claim) => claim,
        Acquisition::InFlight(_) => return Err(Refusal::InFlight),
        Acquisition::Duplicate => {
            record.verdict = Verdict::Duplicate;
            return Ok(Answer::duplicate(&id).as_configured(&source.success));
        }
    };
    // 6. Make the event durable: in the queue, or at the origin.
    let of = (&key, claim.acceptance());
    let event = claim.mark(Event::new(source, &verified, of, &headers, now));
    if let Err(refusal) = make_durable(event, &verified, source, config.signing.as_ref(), ports, now).await {
        claim.release(ports, now).await;
        return Err(refusal);
    }
    // 7. Confirm the claim, now that nothing can be lost by it.
    settle(claim, identified, source, ports, now, record).await;
    record.verdict = Verdict::Accepted;
    Ok(Answer::accepted(&id).as_configured(&source.success))
}

/// Confirms a claim and remembers its key.
async fn settle<P: Ports>(
    claim: KeyClaim,
    key: Option<DedupKey>,
    source: &Source,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) {
    if let Err(PortError(problem)) = claim.confirm(ports, now).await {
        record.trouble("confirm_failed", problem);
    }
    if let Some(key) = key.filter(|_| source.dedup != Dedup::None) {
        ports.remember(&key, source.dedup_ttl, now);
    }
}

/// What identifies a proven event, where anything does, and its key. Where nothing does, each acceptance is an event of its
/// own; and so it is where nobody looks for duplicates and only bytes tell events apart: else two of them would be one for
/// the origin, and for the dead letters.
fn key_of(source: &Source, verified: &Verified<'_>, ports: &impl Local) -> (Option<DedupKey>, DedupKey) {
    let identified = match verified.identity() {
        Identity::Digest(..) | Identity::Split(..) if source.dedup == Dedup::None => None,
        identity => DedupKey::new(&source.name, identity),
    };
    let unique = || DedupKey::unique(&source.name, [ports.random(), ports.random()]);
    (identified, identified.unwrap_or_else(unique))
}

/// Proves the signature with the source's secrets, else with the keys that the provider publishes, else with those that it
/// publishes now, asked at most once a minute.
async fn verify<'b, P: Ports>(
    mut received: Received<'_>,
    body: &'b [u8],
    source: &Source,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Verified<'b>, Refusal> {
    let is_chosen = match &source.verifier.preset().scheme.public_keys {
        None => return Ok(received.verify(body, now, ports)?),
        Some(PublicKeySource::Jwks(_)) => false,
        Some(PublicKeySource::Certificate(..)) => true,
    };
    let mut outcome = received.verify(body, now, ports);
    for again in [false, true] {
        let Err(VerifyError::SignatureMismatch { .. }) = outcome else { break };
        let Some(url) = received.published_at(body)? else { break };
        let place = PublicKeyUrl { source: source.name.as_str(), url: &url, is_chosen };
        let Some(keys) = published::public_keys(place, again, ports, now, record).await? else { break };
        received = received.with_published(keys);
        outcome = received.verify(body, now, ports);
        if outcome.is_ok() {
            published::proved(place, ports);
        }
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

async fn make_durable<P: Ports>(
    event: Event<'_>,
    verified: &Verified<'_>,
    source: &Source,
    signing: Option<&HmacKey>,
    ports: &P,
    now: UnixTime,
) -> Result<(), Refusal> {
    let origin = match &source.deliver {
        Deliver::Direct(origin) => origin,
        Deliver::Queue(_) => return queue(event, verified, ports).await,
    };
    let failed = Refusal::failed("origin_failed");
    let forward = event.attempt_request(source.forwarded_headers(), origin, 1, signing, now);
    match ports.send(forward, None, DIRECT_TIMEOUT).await {
        Ok(DestinationAnswer { status: 200..=299, .. }) => Ok(()),
        Ok(DestinationAnswer { status, .. }) => Err(failed(PortError(format!("the origin answered {status}")))),
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
            let name = format!("{}/{}", event.key(), ClaimToken(ports.random()));
            ports.store(&name, verified.body()).await.map_err(Refusal::failed("store_failed"))?;
            event.spilled(name)
        }
    };
    let message = event.encode().map_err(Refusal::MessageTooLarge)?;
    ports.enqueue(&message).await.map_err(Refusal::failed("enqueue_failed"))
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 of the random bits will do")]
fn entropy(ports: &impl Local) -> u32 {
    ports.random() as u32
}
