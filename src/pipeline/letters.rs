//! Dead letters: taken from their queue and kept, and deleted when they expire.

use super::hold::{DeliveryClaim, Taken};
use super::ports::{Letters, Payloads, PortError, Ports};
use super::{Disposition, Failure};
use crate::config::{Config, ConfigError, LONGEST_IN_QUEUE};
use crate::delivery::{DecodeError, Event};
use crate::letter::Letter;
use crate::record::{Record, Verdict};
use crate::retry;
use crate::webhook::UnixTime;
use std::time::Duration;

/// How many pages of stored bodies a sweep looks at, a thousand each.
const MOST_PAGES: usize = 50;

/// Takes one message from the dead letters' queue, as attempt number `attempt` (from 1): keeps it where letters are kept,
/// and logs it.
pub async fn note_dead_letter<P: Ports>(
    message: &str,
    attempt: u32,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> (Disposition, Record) {
    let event = Event::decode(message);
    let letter = Letter::of(message, &event, now);
    let mut record = Record::default();
    if let Ok(event) = &event {
        record.of(event);
    }
    record.refused(Verdict::Dead, if event.is_ok() { "dead_letter" } else { "undecodable" }, letter.reason.clone());
    match keep(&letter, &event, config, ports, now, &mut record).await {
        Ok(disposition) => (disposition, record),
        Err(Failure { reason, problem }) => {
            record.refused(Verdict::Retried, reason, problem);
            (Disposition::Retry(retry::backoff(attempt, super::entropy(ports))), record)
        }
    }
}

async fn keep<P: Ports>(
    letter: &Letter,
    event: &Result<Event<'_>, DecodeError>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Disposition, Failure> {
    // One that the gateway gave up itself was settled then. One that the queue gave up may have been delivered all the
    // same, as another message, and no other may deliver it from now on.
    let given_up = event.as_ref().ok().filter(|event| event.dead_reason().is_none());
    let claim = match given_up {
        Some(event) => match claim(event, config, ports, now).await.map_err(Failure::of("claim_failed"))? {
            Some(Taken::Held(claim)) => Some(claim),
            Some(Taken::Duplicate) => {
                record.verdict = Verdict::Duplicate;
                return Ok(Disposition::Ack);
            }
            Some(Taken::InFlight(until)) => {
                record.verdict = Verdict::Retried;
                return Ok(Disposition::Retry(now.until(until).max(Duration::from_secs(1))));
            }
            None => None,
        },
        None => None,
    };
    if ports.keeps_letters()
        && let Err(error) = ports.keep(letter).await
    {
        if let Some(claim) = claim {
            claim.release(ports).await;
        }
        return Err(Failure::of("keep_failed")(error));
    }
    if let Some(claim) = claim
        && let Err(PortError(problem)) = claim.confirm(ports).await
    {
        record.trouble("confirm_failed", problem);
    }
    Ok(Disposition::Ack)
}

/// The claim on the delivery of `event`; nothing where its source is gone.
async fn claim<P: Ports>(
    event: &Event<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Result<Option<Taken<DeliveryClaim>>, PortError> {
    let Ok(config) = config else { return Ok(None) };
    let Some(Ok(source)) = config.source(event.source()) else { return Ok(None) };
    DeliveryClaim::take(event, source, config, ports, now).await.map(Some)
}

/// Deletes what is no longer needed: letters that expired, and bodies that neither a letter nor any message can refer to:
/// those of the letters that expired, and those whose message was never sent.
pub async fn sweep<P: Letters + Payloads>(ports: &P, now: UnixTime) -> Record {
    let mut record = Record { verdict: Verdict::Swept, ..Record::default() };
    match swept(ports, now).await {
        Ok((letters, payloads)) => record.detail = Some(format!("{letters} dead letters, {payloads} stored bodies")),
        Err(PortError(problem)) => record.refused(Verdict::Failed, "sweep_failed", problem),
    }
    record
}

async fn swept<P: Letters + Payloads>(ports: &P, now: UnixTime) -> Result<(usize, usize), PortError> {
    // The letters first. Their bodies are orphans then, unless another letter refers to them: the event's own, if it was
    // redriven and died again.
    let letters = if ports.keeps_letters() { ports.expire(now).await? } else { 0 };
    let payloads = if ports.stores_payloads() { sweep_orphans(ports, now).await? } else { 0 };
    Ok((letters, payloads))
}

async fn sweep_orphans<P: Letters + Payloads>(ports: &P, now: UnixTime) -> Result<usize, PortError> {
    // A message may have waited in the events' queue, and then among the dead letters.
    let before = now.minus(LONGEST_IN_QUEUE.saturating_mul(2));
    let mut cursor = None;
    let mut swept: usize = 0;
    for _ in 0..MOST_PAGES {
        let page = ports.stored_before(before, cursor).await?;
        let referred = if ports.keeps_letters() { ports.referred(&page.names).await? } else { Vec::new() };
        let orphans: Vec<String> = page.names.into_iter().filter(|name| !referred.contains(name)).collect();
        swept = swept.saturating_add(orphans.len());
        if !orphans.is_empty() {
            ports.discard(&orphans).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(swept)
}
