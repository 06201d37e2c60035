//! Dead letters: they come from their queue, are kept in D1, and are deleted when they expire.

use super::claims::{Acquisition, OptionalClaim};
use super::disposition::{Disposition, Failure, ReceivedMessage, retention};
use super::ports::{Database, Letters, Outbox, Payloads, PortError, Ports, Stored};
use super::retention::Expired;
use super::{bodies, logged};
use crate::config::{Config, ConfigError};
use crate::letter::{Letter, PARKED_PREFIX, ParkedLetter};
use crate::log::OLDEST;
use crate::message::{DecodeError, Event};
use crate::payload::{PARTS, part};
use crate::record::{Record, Verdict};
use crate::retry;
use hookgate_verify::UnixTime;
use std::time::Duration;

/// The most pages of names that a sweep reads. A page has a thousand names.
const MOST_PAGES: usize = 50;

/// How long a message or a row of the log may name a body: a message waits for 14 days in the events' queue and then in the
/// dead letters' queue, and no row is older than [`OLDEST`].
const LONGEST_NAMED: Duration = OLDEST;

/// After this number of attempts, about two minutes, a letter goes to the bucket if the database fails.
const TRIES_IN_DATABASE: u32 = 5;
/// After this number of attempts, a letter is kept without a claim if the claim fails. The first half of the attempts is the
/// time for a repair of the configuration, and the second half is left for the database.
const TRIES_TO_CLAIM: u32 = retry::LETTER_TRIES / 2;

/// Keeps one dead letter from its queue in the database, and logs it.
pub async fn keep_dead_letter<P: Ports>(
    handed: ReceivedMessage<'_>,
    event: &Result<Event<'_>, DecodeError>,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> (Disposition, Record) {
    let letter = Letter::of(handed.text, event, handed.now);
    let mut record = Record::default();
    if let Ok(event) = event {
        record.of(event);
    }
    record.refused(Verdict::Dead, if event.is_ok() { "dead_letter" } else { "undecodable" }, letter.reason.clone());
    match keep(&letter, event, config, ports, &handed, &mut record).await {
        Ok(disposition) => {
            let given_up = event.as_ref().ok().filter(|event| event.dead_reason().is_none());
            if let Some(event) = given_up.filter(|_| record.verdict == Verdict::Dead) {
                logged::given_up(event, &letter.reason, config, ports, handed.now);
            }
            (disposition, record)
        }
        Err(Failure { reason, problem }) => {
            record.refused(Verdict::Retried, reason, problem);
            (Disposition::Retry(retry::letter_backoff(handed.attempt, retention(config))), record)
        }
    }
}

async fn keep<P: Ports>(
    letter: &Letter,
    event: &Result<Event<'_>, DecodeError>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    handed: &ReceivedMessage<'_>,
    record: &mut Record,
) -> Result<Disposition, Failure> {
    // A letter from the gateway was claimed before. An event that the queue gave up may have been delivered as another
    // message, or may still be delivered as one: the claim prevents a delivery after this.
    let given_up = event.as_ref().ok().filter(|event| event.dead_reason().is_none());
    let acquired = match given_up {
        Some(event) => claim(event, config, ports, handed.now).await,
        None => Ok(None),
    };
    let claim = match acquired {
        Ok(Some(Acquisition::Acquired(claim))) => Some(claim),
        Ok(Some(Acquisition::Duplicate)) => {
            record.verdict = Verdict::Duplicate;
            return Ok(Disposition::Ack);
        }
        Ok(Some(Acquisition::InFlight(until))) => {
            record.verdict = Verdict::Retried;
            return Ok(Disposition::Retry(handed.now.until(until).max(Duration::from_secs(1))));
        }
        Ok(None) => None,
        // The queue deletes the letter after its last attempt. A second delivery is better than a lost event.
        Err(PortError(problem)) if handed.attempt > TRIES_TO_CLAIM => {
            record.trouble("claim_failed", format!("{problem}; the letter is kept without a claim"));
            None
        }
        Err(error) => return Err(Failure::of("claim_failed")(error)),
    };
    if let Err(failure) = store(letter, ports, handed, record).await {
        if let Some(claim) = claim {
            claim.release(ports).await;
        }
        return Err(failure);
    }
    if let Some(claim) = claim
        && let Err(PortError(problem)) = claim.confirm(ports).await
    {
        record.trouble("confirm_failed", problem);
    }
    Ok(Disposition::Ack)
}

/// Stores a letter in the database. If the database fails for long, the letter goes to the bucket, and the sweep moves it
/// into the database later. The queue would delete the letter if the database failed for longer than the queue's retention.
async fn store<P: Ports>(
    letter: &Letter,
    ports: &P,
    handed: &ReceivedMessage<'_>,
    record: &mut Record,
) -> Result<(), Failure> {
    if !ports.keeps_letters() {
        return Ok(());
    }
    let Err(PortError(problem)) = ports.keep(letter).await else { return Ok(()) };
    if handed.attempt <= TRIES_IN_DATABASE || !ports.stores_payloads() {
        return Err(Failure { reason: "keep_failed", problem });
    }
    let parked = ParkedLetter { died: letter.died, message: letter.message.clone() };
    ports.store(&ParkedLetter::name(letter), &parked.to_bytes()).await.map_err(Failure::of("keep_failed"))?;
    record.trouble("keep_failed", format!("{problem}; the letter waits in the bucket PAYLOADS"));
    Ok(())
}

/// Moves the letters in the bucket into the database. Returns the number of moved letters, and of unreadable ones, which
/// stay.
async fn move_parked<P: Letters + Payloads>(ports: &P, now: UnixTime) -> Result<(usize, usize), PortError> {
    let (mut moved, mut unreadable) = (0_usize, 0_usize);
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = ports.stored_before(PARKED_PREFIX, now.plus(Duration::from_secs(1)), cursor).await?;
        for name in page.names {
            let Stored::Bytes(bytes) = ports.load(&name).await? else { continue };
            let Some(parked) = ParkedLetter::parse(&bytes) else {
                unreadable = unreadable.saturating_add(1);
                continue;
            };
            let event = Event::decode(&parked.message);
            ports.keep(&Letter::of(&parked.message, &event, parked.died)).await?;
            ports.discard(&[name]).await?;
            moved = moved.saturating_add(1);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok((moved, unreadable))
}

/// The claim on the delivery of `event`. `None` if its source is no longer configured: no message delivers the event then.
///
/// # Errors
/// A failure of the claim, or a configuration that cannot be read: after its repair, another message could deliver the
/// event.
async fn claim<P: Ports>(
    event: &Event<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Result<Option<Acquisition<OptionalClaim>>, PortError> {
    let misconfigured = |error: &ConfigError| PortError(error.to_string());
    let config = config.as_ref().map_err(misconfigured)?;
    let Some(source) = config.source(event.source()) else { return Ok(None) };
    let source = source.map_err(misconfigured)?;
    OptionalClaim::of_delivery(event, source, config, ports, now).await.map(Some)
}

/// Deletes expired letters, and bodies to which no letter and no message can refer: bodies of expired letters, and bodies
/// whose message was never sent, and expired rows of the log. Jobs that stand still go on. Before that, letters in the bucket move into the database.
pub async fn sweep<P: Letters + Payloads + Database + Outbox>(
    ports: &P,
    config: &Result<Config, ConfigError>,
    now: UnixTime,
) -> Record {
    let mut record = Record { verdict: Verdict::Swept, ..Record::default() };
    match swept(ports, now).await {
        Ok(Swept { moved, unreadable, letters, payloads }) => {
            let moved = if moved > 0 { format!("{moved} letters moved into the database, ") } else { String::new() };
            record.detail = Some(format!("{moved}{letters} dead letters, {payloads} stored bodies"));
            if unreadable > 0 {
                record.trouble(
                    "sweep",
                    format!("{unreadable} objects under {PARKED_PREFIX} cannot be read and stay in the bucket"),
                );
            }
        }
        Err(PortError(problem)) => record.refused(Verdict::Failed, "sweep_failed", problem),
    }
    if ports.has_database() {
        match super::retention::expire(ports, config.as_ref().ok(), now).await {
            Ok(Expired { rows: 0, .. }) => {}
            Ok(Expired { rows, bodies }) => {
                let told = record.detail.take().map(|told| format!("{told}, ")).unwrap_or_default();
                let bodies = if bodies > 0 { format!(" with {bodies} stored bodies") } else { String::new() };
                record.detail = Some(format!("{told}{rows} rows of the log{bodies}"));
            }
            Err(PortError(problem)) => record.trouble("log_sweep", problem),
        }
        match super::jobs::restart(ports, now).await {
            Ok(0) => {}
            Ok(jobs) => record.trouble("job_restarted", format!("{jobs} replays stood still, and go on")),
            Err(PortError(problem)) => record.trouble("job_sweep", problem),
        }
    }
    record
}

struct Swept {
    moved: usize,
    unreadable: usize,
    letters: usize,
    payloads: usize,
}

async fn swept<P: Letters + Payloads + Database>(ports: &P, now: UnixTime) -> Result<Swept, PortError> {
    // Letters in the bucket refer to bodies, so they move before the search for orphans.
    let both = ports.keeps_letters() && ports.stores_payloads();
    let (moved, unreadable) = if both { move_parked(ports, now).await? } else { (0, 0) };
    // Letters are deleted before bodies. After that, their bodies are orphans, unless another letter refers to the same
    // body: the letter of an event that was redriven and died again.
    let letters = if ports.keeps_letters() { ports.expire(now).await? } else { 0 };
    let payloads = if ports.stores_payloads() { sweep_orphans(ports, now).await? } else { 0 };
    Ok(Swept { moved, unreadable, letters, payloads })
}

async fn sweep_orphans<P: Letters + Payloads + Database>(ports: &P, now: UnixTime) -> Result<usize, PortError> {
    let (swept, is_all) = sweep_names("", ports, now).await?;
    if is_all {
        return Ok(swept);
    }
    // The bucket has more names than a run looks at. So each hour looks at another part of them.
    let hour = now.seconds().div_euclid(3600).rem_euclid(i64::from(PARTS));
    let (more, _) = sweep_names(&part(u32::try_from(hour).unwrap_or(0)), ports, now).await?;
    Ok(swept.saturating_add(more))
}

/// Deletes the bodies and marks under `prefix` that nothing names. Returns their number, and whether it has looked at all
/// names.
async fn sweep_names<P: Letters + Payloads + Database>(
    prefix: &str,
    ports: &P,
    now: UnixTime,
) -> Result<(usize, bool), PortError> {
    let before = now.minus(LONGEST_NAMED);
    let mut cursor = None;
    let mut swept: usize = 0;
    for _ in 0..MOST_PAGES {
        let page = ports.stored_before(prefix, before, cursor).await?;
        let names = page.names.into_iter().filter(|name| !name.starts_with(PARKED_PREFIX)).collect();
        swept = swept.saturating_add(bodies::discard(names, ports).await?);
        cursor = page.next;
        if cursor.is_none() {
            return Ok((swept, true));
        }
    }
    Ok((swept, false))
}
