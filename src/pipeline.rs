//! The steps of a webhook, from top to bottom.
//!
//! ```text
//! receive → find source → bound the body → verify signature → check freshness → identify event
//!         → claim key → enqueue (or deliver) → confirm claim → log → answer
//! ```
//!
//! `consume.rs` has the steps after the queue. The steps use the runtime through the [`ports`]: `edge` implements them for
//! Cloudflare, and tests implement them in memory. `refusal.rs` has the answer for each step that fails.
//!
//! Architecture invariant: a claim is confirmed only after its event is durable. A crash between the two repeats an event,
//! and loses no event.

pub(crate) mod alerting;
pub(crate) mod any_request;
pub(crate) mod bodies;
pub(crate) mod claims;
mod consume;
mod disposition;
mod filter;
mod handshakes;
pub(crate) mod jobs;
mod letters;
pub(crate) mod limiter;
pub(crate) mod logged;
mod pausing;
pub mod ports;
mod published;
mod queues;
pub(crate) mod refusal;
pub(crate) mod replays;
mod retention;

pub use alerting::watch;
pub use consume::consume;
pub use disposition::{Disposition, ReceivedMessage};
pub use letters::sweep;
pub use logged::write_log;
pub use pausing::read_pauses;

use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Deliver, Source};
use crate::dedup::{ClaimToken, DedupKey, IsolateTable};
use crate::limit::Limited;
use crate::log::LogBuffer;
use crate::message::Event;
use crate::pause::Pauses;
use crate::record::{Record, Verdict};
use crate::trace::TraceContext;
use any_request::AnyRequest;
use claims::{Acquisition, KeyClaim};
use hookgate_verify::{
    HandshakeStage, Head, HmacKey, Identity, PublicKeySource, Received, Strength, UnixTime, Verified, VerifyError,
};
use ports::{DestinationAnswer, Local, PortError, Ports, Request};
use published::{PublicKeyUrl, PublishedKeys};
use queues::QueueRoles;
use refusal::Refusal;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How long a provider waits for the destination with `deliver = "origin"`. Most providers give up after 10 to 30 s.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What one isolate remembers between requests. Losing it loses no event.
#[derive(Debug, Default)]
pub struct IsolateState {
    table: RefCell<IsolateTable>,
    limited: RefCell<Limited>,
    admitted_until: Cell<Option<UnixTime>>,
    published: RefCell<PublishedKeys>,
    queues: RefCell<QueueRoles>,
    log: RefCell<LogBuffer>,
    /// The pauses that were read last. They count while the database fails.
    pauses: RefCell<Pauses>,
}

/// Handles one webhook, in the order of the module's documentation.
pub(crate) async fn ingest<R: Request, P: Ports>(
    request: &AnyRequest<'_, R>,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    // 1. Find the source. Allow only handshakes and POSTs, and from a sender over the limit only requests with a proof.
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
    // 2. Read the head. The body of a request without a signature is not read, except for a handshake.
    let received = match source.verifier.receive(request) {
        Ok(received) => received,
        Err(error) if is_limited => return Err(error.into()),
        Err(error) => {
            let handshake = handshakes::in_unsigned_body(request, source, error, ports).await?;
            return handshakes::answer(handshake, source, ports, record).await;
        }
    };
    // 3. Read the body, up to the limit.
    let body = request.body(source.max_body).await.map_err(|error| Refusal::body(error, source))?;
    record.body_bytes = u64::try_from(body.len()).ok();
    // A slow sender must not keep a request fresh, so the clock is read after the body.
    let now = ports.now();
    // 4. Prove signature, freshness and identity. Before this step, nothing is stored, looked up or forwarded.
    let verified = match verify(received, &body, source, ports, now, record).await {
        Ok(verified) => verified,
        Err(refusal) => {
            record.body = Some(logged::beginning(body));
            return Err(refusal);
        }
    };
    if let Some(handshake) = handshakes::find(request, source, HandshakeStage::Signed(&body), ports) {
        return handshakes::answer(handshake, source, ports, record).await;
    }
    if !record.test {
        logged::proven(source, &verified, ports, now);
    }
    let (identified, key) = key_of(source, &verified, ports);
    let id = key.id_of(verified.identity());
    record.proven(&verified, &id, &key);
    record.strength = (source.verifier.preset().scheme.strength() == Strength::Weak).then_some("weak");
    if !source.wants(verified.event_types()) {
        let claimed = identified.filter(|_| filter::must_claim(source, &verified));
        filter::claim_filtered(claimed, source, config, ports, now, record).await?;
        record.filtered();
        logged::filtered(request, source, &verified, &key, ports, now, record);
        return Ok(Answer::filtered(&id).as_configured(&source.success));
    }
    let headers = source.forwarded_headers().keep(&request.headers()).map_err(Refusal::HeadersTooLarge)?;
    let traced = TraceContext::of(&headers);
    record.trace = traced.as_ref().map(|context| context.trace.id());
    // 5. Claim the key. An event without an identity has no duplicates.
    let acquired = KeyClaim::acquire(source, config, identified, ports, now).await;
    let claim = match acquired.map_err(Refusal::failed("claim_failed"))? {
        Acquisition::Acquired(claim) => claim,
        Acquisition::InFlight(_) => return Err(Refusal::InFlight),
        Acquisition::Duplicate => {
            record.verdict = Verdict::Duplicate;
            return Ok(Answer::duplicate(&id).as_configured(&source.success));
        }
    };
    // 6. Make the event durable: in the queue, or at the destination.
    let traced = traced.unwrap_or_else(|| TraceContext::begin(&key, ports.random()));
    record.trace = Some(traced.trace.id());
    let event = Event::new(source, &verified, (&key, claim.acceptance()), &headers, traced, now);
    let event = claim.mark(event.marked_as_test(record.test));
    if let Err(refusal) = make_durable(event, &verified, source, config.signing.as_ref(), ports, now, record).await {
        claim.release(ports, now).await;
        return Err(refusal);
    }
    // 7. Confirm the claim. The event is durable now.
    settle(claim, identified, source, ports, now, record).await;
    record.verdict = Verdict::Accepted;
    Ok(Answer::accepted(&id).as_configured(&source.success))
}

/// Confirms a claim and stores its key in KV.
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

/// The key of the event's identity, and the key of the event. An event without an identity gets a unique key. With
/// `dedup = "none"`, so does an event whose identity is only a digest: two events with the same bytes would otherwise have
/// the same idempotency key and the same dead letter.
fn key_of(source: &Source, verified: &Verified<'_>, ports: &impl Local) -> (Option<DedupKey>, DedupKey) {
    let identified = match verified.identity() {
        Identity::Digest(..) | Identity::Split(..) if source.dedup == Dedup::None => None,
        identity => DedupKey::new(&source.name, identity),
    };
    let unique = || DedupKey::unique(&source.name, [ports.random(), ports.random()]);
    (identified, identified.unwrap_or_else(unique))
}

/// Proves the signature with the source's secrets, then with the published keys in the cache, and then with keys that are
/// fetched again, at most once a minute.
async fn verify<'b, P: Ports>(
    mut received: Received<'_>,
    body: &'b [u8],
    source: &Source,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Verified<'b>, Refusal> {
    let is_from_request = match &source.verifier.preset().scheme.public_keys {
        None => return Ok(received.verify(body, now, ports)?),
        Some(PublicKeySource::Jwks(_)) => false,
        Some(PublicKeySource::Certificate(..)) => true,
    };
    let mut outcome = received.verify(body, now, ports);
    for again in [false, true] {
        let Err(VerifyError::SignatureMismatch { .. }) = outcome else { break };
        let Some(url) = received.published_at(body)? else { break };
        let at = PublicKeyUrl { source: source.name.as_str(), url: &url, is_from_request };
        let Some(keys) = published::public_keys(at, again, ports, now, record).await? else { break };
        received = received.with_published(keys);
        outcome = received.verify(body, now, ports);
        if outcome.is_ok() {
            published::proved(at, ports);
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
    record: &mut Record,
) -> Result<(), Refusal> {
    let destination = match &source.deliver {
        Deliver::Direct(destination) => destination,
        Deliver::Queue(_) => return queue(event, verified, ports).await,
    };
    let failed = Refusal::failed("origin_failed");
    let request = event.attempt_request(source.forwarded_headers(), destination, 1, signing, ports.random(), now);
    let began = ports.milliseconds();
    match ports.send(request, None, DIRECT_TIMEOUT).await {
        Ok(DestinationAnswer { status: status @ 200..=299, .. }) => {
            logged::direct(&event, source, destination, (status, began), ports, record, now);
            Ok(())
        }
        Ok(DestinationAnswer { status, .. }) => Err(failed(PortError(format!("the origin answered {status}")))),
        Err(error) => Err(failed(error)),
    }
}

/// Puts the event into the queue. A body that is too large for a message goes to R2.
async fn queue<P: Ports>(event: Event<'_>, verified: &Verified<'_>, ports: &P) -> Result<(), Refusal> {
    let event = match event.encode() {
        Ok(message) => return ports.enqueue(&message).await.map_err(Refusal::failed("enqueue_failed")),
        Err(too_large) if !ports.stores_payloads() => return Err(Refusal::MessageTooLarge(too_large)),
        Err(_) => {
            // Each message has its own copy of the body, because the delivery of the message marks the body.
            // After a failed `enqueue`, the body stays: the message may be in the queue. The sweep deletes a body without a
            // message.
            let name = format!("{}/{}", event.key(), ClaimToken(ports.random()));
            ports.store(&name, verified.body()).await.map_err(Refusal::failed("store_failed"))?;
            event.spilled(name)
        }
    };
    let message = event.encode().map_err(Refusal::MessageTooLarge)?;
    ports.enqueue(&message).await.map_err(Refusal::failed("enqueue_failed"))
}

#[expect(clippy::cast_possible_truncation, reason = "the lower 32 bits of a random number are random too")]
fn entropy(ports: &impl Local) -> u32 {
    ports.random() as u32
}
