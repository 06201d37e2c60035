//! The steps of a queued event, from top to bottom.
//!
//! ```text
//! receive → find the queue's role → hold while the source is paused
//!         → claim the delivery → fetch the body → attempt → confirm → ack │ retry │ dead letter
//! ```

use super::claims::{Acquisition, OptionalClaim};
use super::disposition::{Disposition, Failure, ReceivedMessage, retention};
use super::ports::{DestinationAnswer, Local, PortError, Ports, Stored};
use super::queues::{self, QueueRole};
use super::replays::{self, Begun};
use super::{alerting, bodies, entropy, jobs, letters, logged};
use crate::config::{Config, ConfigError, Destination, LogPolicy, Source};
use crate::log::State;
use crate::message::Event;
use crate::pause::Held;
use crate::record::{Record, Verdict};
use crate::retry::{self, AfterAttempt};
use hookgate_verify::{HmacKey, UnixTime};
use std::time::Duration;

/// How long the queue's consumer waits for the destination.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Consumes one message from a queue: delivers an event, or keeps a dead letter.
pub async fn consume<P: Ports>(
    handed: ReceivedMessage<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> (Disposition, Record) {
    let ReceivedMessage { text, queue, now, .. } = handed;
    if let Some(asker) = queues::parse_probe(text) {
        return learn(queues::probe_arrived(&asker, queue, ports, now).await, handed, ports);
    }
    if let Some(notice) = alerting::parse(text) {
        return alerting::deliver(notice, &handed, config, ports).await;
    }
    if let Some(asked) = jobs::parse(text) {
        return jobs::step(&asked, handed, config, ports).await;
    }
    // A message with the gateway's mark is a dead letter in any queue, and so is an unreadable message. For the other
    // messages, the role of the queue decides. A failure to learn the role delays no message: a later message learns it.
    let ((disposition, mut record), learnt) = match Event::decode(text) {
        Ok(event) if event.dead_reason().is_none() => {
            let (role, learnt) = queues::role(queue, config.as_ref().ok(), ports, now).await;
            let outcome = match role {
                QueueRole::DeadLetters => letters::keep_dead_letter(handed, &Ok(event), config, ports).await,
                QueueRole::Events | QueueRole::Unknown => forward(event, &handed, config, ports).await,
            };
            (outcome, learnt)
        }
        dead => {
            let learnt = match &dead {
                Ok(_) => queues::learn_dead_letters_queue(queue, ports, now).await,
                Err(_) => Ok(()),
            };
            (letters::keep_dead_letter(handed, &dead, config, ports).await, learnt)
        }
    };
    if let Err(PortError(problem)) = learnt {
        record.trouble("note_failed", problem);
    }
    (disposition, record)
}

fn learn(learnt: Result<(), PortError>, handed: ReceivedMessage<'_>, ports: &impl Local) -> (Disposition, Record) {
    let mut record = Record { verdict: Verdict::Learnt, attempt: Some(handed.attempt), ..Record::default() };
    match learnt {
        Ok(()) => {
            record.detail = Some(format!("the queue {} is the dead letters' queue", handed.queue));
            (Disposition::Ack, record)
        }
        Err(PortError(problem)) => {
            record.refused(Verdict::Retried, "note_failed", problem);
            (Disposition::Retry(retry::backoff(handed.attempt, entropy(ports))), record)
        }
    }
}

/// Whether an event of this age gets no more attempts. If the age cannot be read (`None`), the queue could delete the event
/// before a retry, so the first failure is the last.
fn is_over(age: Option<Duration>, delay: Duration, retention: Duration) -> bool {
    age.is_none_or(|age| retry::is_over(age, delay, retention))
}

/// Delivers an event, or decides on the next attempt.
async fn forward<P: Ports>(
    event: Event<'static>,
    handed: &ReceivedMessage<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> (Disposition, Record) {
    let mut record = Record { attempt: Some(handed.attempt), ..Record::default() };
    let later = retry::backoff(handed.attempt, entropy(ports));
    let is_over = is_over(event.age(handed.now), later, retention(config));
    let is_first = handed.attempt == 1 && !event.is_redriven() && event.replay().is_none();
    let mut is_marked = true;
    let disposition = match deliver(event, handed, config, ports, &mut record).await {
        // The message has no mark of a dead letter, so the letter's consumer claims the delivery, and counts the event.
        Err(failure) if is_over => {
            is_marked = false;
            record.refused(
                Verdict::Dead,
                failure.reason,
                format!("{}; it has no time for another attempt", failure.problem),
            );
            send_to_dead_letters(handed.text, ports).await
        }
        disposition => disposition,
    };
    let disposition = disposition.unwrap_or_else(|Failure { reason, problem }| {
        record.refused(Verdict::Retried, reason, problem);
        Disposition::Retry(later)
    });
    let later = match disposition {
        Disposition::Ack => None,
        Disposition::Retry(delay) => Some(delay),
    };
    // An event whose job was cancelled was dead before. It is no news for an alert.
    let counts_dead = is_marked && record.reason != Some("replay_cancelled");
    logged::consumed(&mut record, later, (is_first, counts_dead), ports, handed.now);
    (disposition, record)
}

async fn deliver<P: Ports>(
    mut event: Event<'static>,
    handed: &ReceivedMessage<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    record: &mut Record,
) -> Result<Disposition, Failure> {
    record.of(&event);
    // 1. Find the destination. A source that is missing or misconfigured may come back, so the event waits.
    let found = find_destination(event.source(), config).map_err(|problem| Failure { reason: "no_origin", problem });
    let (config, source, destination) = match found {
        Ok(found) => found,
        Err(failure) => {
            record.entry = logged::taken(&event, LogPolicy::UNKNOWN, ports, handed.now);
            return Err(failure);
        }
    };
    event.keep_only(source.forwarded_headers());
    record.entry = logged::taken(&event, &source.log, ports, handed.now);
    // 2. An event of a paused source waits without a claim. It is claimed when its time is over, as before each dead letter.
    let age = event.age(handed.now);
    let mut over = match handed.pauses.hold(source, age, config.retention) {
        None => None,
        Some(Held::Waits(text, delay)) => {
            record.refused(Verdict::Retried, "paused", text);
            return Ok(Disposition::Retry(delay));
        }
        Some(Held::Over(text)) => Some(Failure { reason: "paused_too_long", problem: text }),
    };
    // 3. Claim the delivery. The queue may hand over a message twice, and an event may have two messages.
    let acquired = OptionalClaim::of_delivery(&event, source, config, ports, handed.now).await;
    let claim = match acquired.map_err(Failure::of("claim_failed"))? {
        Acquisition::Acquired(claim) => claim,
        Acquisition::Duplicate => {
            record.verdict = Verdict::Duplicate;
            return Ok(Disposition::Ack);
        }
        Acquisition::InFlight(until) => return Ok(in_flight(until, handed, record)),
    };
    let replay = match replays::begin(handed, &event, config, ports).await {
        Ok(Begun::Wanted(replay)) => replay,
        Ok(Begun::Cancelled(replay)) => {
            let problem = "its job was cancelled before the event was delivered".to_owned();
            over = Some(Failure { reason: "replay_cancelled", problem });
            replay
        }
        Ok(Begun::Obsolete { may_wait }) => return Ok(leave_out(claim, may_wait, ports, record).await),
        Ok(Begun::InFlight(until)) => {
            claim.release(ports).await;
            return Ok(in_flight(until, handed, record));
        }
        Err(failure) => {
            claim.release(ports).await;
            return Err(failure);
        }
    };
    // 4. Send the event. It goes to the dead letters' queue if the destination refuses it or no time is left for a retry.
    let mut next = match over {
        None => send(&event, source, destination, config.signing.as_ref(), handed, ports, record).await,
        Some(Failure { reason, problem }) => {
            record.refused(Verdict::Dead, reason, problem);
            Ok(AfterAttempt::GiveUp)
        }
    };
    if let Ok(AfterAttempt::Retry(delay)) = next
        && is_over(age, delay, config.retention)
    {
        record.verdict = Verdict::Dead;
        next = Ok(AfterAttempt::GiveUp);
    }
    let body = bodies::Delivered::of(&event, source, ports);
    let is_delivered = matches!(next, Ok(AfterAttempt::Delivered));
    let disposition = match next {
        Ok(AfterAttempt::Delivered) => Ok(Disposition::Ack),
        Ok(AfterAttempt::Retry(delay)) => Ok(Disposition::Retry(delay)),
        Ok(AfterAttempt::GiveUp) => give_up(event, ports, record).await,
        Err(failure) => Err(failure),
    };
    // 5. Release or confirm the claims. Mark a delivered body: the queue may hand the message over twice.
    if disposition != Ok(Disposition::Ack) {
        claim.release(ports).await;
        replay.release(ports).await;
        return disposition;
    }
    if let Err(PortError(problem)) = claim.confirm(ports).await {
        record.trouble("confirm_failed", problem);
    }
    if !is_delivered {
        replay.release(ports).await;
    } else if let Err(PortError(problem)) = replay.confirm(ports).await {
        record.trouble("confirm_failed", problem);
    }
    if let Some(body) = body.filter(|_| record.verdict == Verdict::Delivered)
        && let Err(PortError(problem)) = body.mark(ports).await
    {
        record.trouble("mark_failed", problem); // the sweep deletes the body
    }
    disposition
}

/// Lets the message wait until the claim of another message ends.
fn in_flight(until: UnixTime, handed: &ReceivedMessage<'_>, record: &mut Record) -> Disposition {
    let problem = "another message of this event is being delivered";
    record.refused(Verdict::Retried, "in_flight", problem.to_owned());
    Disposition::Retry(handed.now.until(until).max(Duration::from_secs(1)))
}

/// Ends a message that must not be sent anymore.
async fn leave_out<P: Ports>(claim: OptionalClaim, may_wait: bool, ports: &P, record: &mut Record) -> Disposition {
    // This message may have waited in the log after the delivery, because its source was paused.
    if let Some(entry) = record.entry.as_mut().filter(|_| may_wait) {
        entry.state = State::Delivered;
    }
    let problem = "another message delivered the event meanwhile, or its job was cancelled";
    record.refused(Verdict::Duplicate, "replay_obsolete", problem.to_owned());
    if let Err(PortError(problem)) = claim.confirm(ports).await {
        record.trouble("confirm_failed", problem);
    }
    Disposition::Ack
}

/// The source, and its destination.
pub(super) fn find_destination<'c>(
    source: &str,
    config: &'c Result<Config, ConfigError>,
) -> Result<(&'c Config, &'c Source, &'c Destination), String> {
    let config = config.as_ref().map_err(ToString::to_string)?;
    let (source, destination) = destination_in(source, config)?;
    Ok((config, source, destination))
}

/// The source in `config`, and its destination.
pub(super) fn destination_in<'c>(source: &str, config: &'c Config) -> Result<(&'c Source, &'c Destination), String> {
    let source = config.source(source).ok_or("the source is no longer configured")?.map_err(ToString::to_string)?;
    Ok((source, source.deliver.origin().ok_or("the source has no destination")?))
}

/// Makes one attempt to deliver the event, and decides on the next step.
async fn send<P: Ports>(
    event: &Event<'static>,
    source: &Source,
    destination: &Destination,
    signing: Option<&HmacKey>,
    handed: &ReceivedMessage<'_>,
    ports: &P,
    record: &mut Record,
) -> Result<AfterAttempt, Failure> {
    let mut stored = None;
    if let Some(payload) = event.payload() {
        match bodies::find(event, payload, ports).await.map_err(Failure::of("load_failed"))? {
            Stored::Bytes(body) => stored = Some((payload, body)),
            Stored::Delivered => {
                record.refused(
                    Verdict::Duplicate,
                    "delivered_before",
                    "the body in R2 has the mark of a delivery".to_owned(),
                );
                return Ok(AfterAttempt::Delivered);
            }
            // A missing body does not prove a delivery. R2 shows a stored body at once, so a retry would not help.
            Stored::Nothing => {
                let problem = format!("its body is missing from the bucket PAYLOADS: {payload}");
                record.refused(Verdict::Dead, "body_missing", problem);
                return Ok(AfterAttempt::GiveUp);
            }
        }
    }
    let &ReceivedMessage { attempt, now, .. } = handed;
    let drawn = ports.random();
    let mut request = event.attempt_request(source.forwarded_headers(), destination, attempt, signing, drawn, now);
    let stored = match (signing, stored) {
        (Some(key), Some((payload, body))) => {
            let signed = sign(key, event, payload, body, now, ports).await;
            let (headers, again) = signed.map_err(Failure::of("load_failed"))?;
            request.headers.extend(headers.map(|(name, value)| (name.to_owned(), value)));
            Some(again)
        }
        (_, stored) => stored.map(|(_, body)| body),
    };
    let began = ports.milliseconds();
    let answer = ports.send(request, stored, ATTEMPT_TIMEOUT).await;
    let outcome = answer.as_ref().map(|answer| answer.status).map_err(|PortError(problem)| problem.as_str());
    logged::attempted(record, destination, outcome, began, (event, handed), ports);
    let DestinationAnswer { status, retry_after } = answer.map_err(Failure::of("origin_unreachable"))?;
    record.status = Some(status);
    let next = retry::after_answer(status, retry_after, attempt, now, entropy(ports));
    match next {
        AfterAttempt::Delivered => record.verdict = Verdict::Delivered,
        AfterAttempt::Retry(_) => {
            record.refused(Verdict::Retried, "origin_failed", format!("the origin answered {status}"))
        }
        AfterAttempt::GiveUp => {
            record.refused(Verdict::Dead, "origin_refused", format!("the origin answered {status}"))
        }
    }
    Ok(next)
}

/// The headers that sign a body in R2, and the body again. The headers are sent before the body and sign all of it, so the
/// body is read twice and is never in memory. Both reads get the same bytes, because a body is stored only once.
async fn sign<P: Ports>(
    key: &HmacKey,
    event: &Event<'_>,
    payload: &str,
    body: P::Body,
    now: UnixTime,
    ports: &P,
) -> Result<([(&'static str, String); 2], P::Body), PortError> {
    let mut signer = key.signer(&event.key().to_string(), now);
    ports.read(body, |part| signer.update(part)).await?;
    match ports.open(payload).await? {
        Stored::Bytes(again) => Ok((signer.headers(), again)),
        Stored::Delivered | Stored::Nothing => Err(PortError("the body was deleted while it was signed".to_owned())),
    }
}

/// Sends an event to the dead letters' queue, with the reason.
async fn give_up<P: Ports>(event: Event<'_>, ports: &P, record: &Record) -> Result<Disposition, Failure> {
    let event = event.dead(record.detail.as_deref().unwrap_or_default());
    let letter =
        event.encode_again().map_err(|error| Failure { reason: "dead_letter_failed", problem: error.to_string() });
    send_to_dead_letters(&letter?.into_text(), ports).await
}

async fn send_to_dead_letters<P: Ports>(message: &str, ports: &P) -> Result<Disposition, Failure> {
    ports.send_to_dead_letters(message).await.map_err(Failure::of("dead_letter_failed"))?;
    Ok(Disposition::Ack)
}
