//! What the pipeline tells the log in the database. Nothing here waits, except [`write_log`].

use super::ports::{Database, Local, PortError, Ports, Request};
use super::{IsolateState, ReceivedMessage};
use crate::answer::Answer;
use crate::config::{Config, ConfigError, Destination, LogPolicy, Source};
use crate::dedup::{Acceptance, ClaimToken, DedupKey};
use crate::log::{Attempt, Delivery, Entry, GIVEN_UP, Refused, SAMPLE_BODY, State};
use crate::message::Event;
use crate::pause::Pauses;
use crate::record::{Record, Verdict};
use crate::redact::BodyPart;
use crate::trace::TraceContext;
use hookgate_verify::{UnixTime, Verified};
use std::time::Duration;

/// The name for the log of a header whose value is not kept.
const WITHHELD: &str = "[withheld]";

/// The entry of an event, before its attempt. Without a database there is none.
pub fn taken(event: &Event<'_>, policy: &LogPolicy, ports: &impl Database, now: UnixTime) -> Option<Box<Entry>> {
    if !ports.has_database() {
        return None;
    }
    Entry::of(event, policy, State::Waiting, now).map(Box::new)
}

/// Notes an attempt that began at `began` (milliseconds since 1970).
pub fn attempted(
    record: &mut Record,
    destination: &Destination,
    outcome: Result<u16, &str>,
    began: u64,
    (event, handed): (&Event<'_>, &ReceivedMessage<'_>),
    ports: &impl Local,
) {
    let Some(entry) = &mut record.entry else { return };
    entry.attempt = Some(Attempt {
        at: handed.now,
        number: handed.attempt,
        destination: destination.without_query().to_owned(),
        status: outcome.ok(),
        ms: ports.milliseconds().saturating_sub(began),
        error: outcome.err().map(str::to_owned),
        next: None,
        redrive: event.redrives(),
        replay: event.replay().map(str::to_owned),
    });
}

/// Gives the entry of a queued event to the log. `later` is the delay before the next attempt. `counts_dead` is false if
/// [`given_up`] counts the event, should it die.
pub fn consumed(
    record: &mut Record,
    later: Option<Duration>,
    (is_first, counts_dead): (bool, bool),
    ports: &impl Local,
    now: UnixTime,
) {
    let Some(mut entry) = record.entry.take() else { return };
    let next = later.map(|delay| now.plus(delay));
    entry.state = match (record.verdict, &entry.attempt) {
        (Verdict::Delivered, _) => State::Delivered,
        (Verdict::Dead, _) => State::Dead,
        (Verdict::Retried, Some(_)) => State::Retrying,
        // Another message of the event is on its way, and tells the log about it.
        (Verdict::Retried, None) if record.reason == Some("in_flight") => return,
        (Verdict::Retried, None) if record.reason == Some("paused") => State::Paused,
        (Verdict::Retried, None) => State::Waiting,
        // Another message delivered the event, and counted the delivery. This one must not wait in the log.
        (Verdict::Duplicate, None) if entry.state == State::Delivered => {
            entry.updated = now;
            ports.isolate().log.borrow_mut().entry(*entry);
            return;
        }
        // The event is settled, and another message told the log about it.
        _ => return,
    };
    (entry.reason, entry.detail, entry.next, entry.updated) = (record.reason, record.detail.clone(), next, now);
    if let Some(attempt) = &mut entry.attempt {
        attempt.next = next;
    }
    let delivery = Delivery {
        is_first,
        is_delivered: entry.state == State::Delivered,
        is_dead: entry.state == State::Dead && counts_dead,
        attempt: entry.attempt.as_ref().map(|attempt| (attempt.status, attempt.ms)),
    };
    let destination = entry.attempt.as_ref().map_or("", |attempt| &attempt.destination);
    let mut log = ports.isolate().log.borrow_mut();
    log.delivery(entry.source(), destination, delivery, now);
    log.entry(*entry);
}

/// Notes which secret proved a request.
pub fn proven<P: Database + Local>(source: &Source, verified: &Verified<'_>, ports: &P, now: UnixTime) {
    if let Some(name) = source.matched_secret(verified).filter(|_| ports.has_database()) {
        ports.isolate().log.borrow_mut().matched(source.name.as_str(), name, now);
    }
}

/// Notes an event that its source does not want. Its row has the whole event, so that it can be sent after all.
pub fn filtered<P: Ports>(
    request: &impl Request,
    source: &Source,
    verified: &Verified<'_>,
    key: &DedupKey,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) {
    if !ports.has_database() {
        return;
    }
    // An event whose headers are too large for a forward could not be sent after all.
    let Ok(headers) = source.forwarded_headers().keep(&request.headers()) else { return };
    // A filtered event has no acceptance. One name for all of them makes one row of requests in the same minute.
    let acceptance = Acceptance::Drawn(ClaimToken(0));
    let traced = TraceContext::of(&headers).unwrap_or_else(|| TraceContext::begin(key, ports.random()));
    let event = Event::new(source, verified, (key, acceptance), &headers, traced, now);
    record.entry = taken(&event, &source.log, ports, now).map(|mut entry| {
        (entry.state, entry.reason, entry.detail) = (State::Filtered, Some("unwanted_type"), record.detail.clone());
        entry
    });
}

/// Notes an event that the destination accepted while the provider waited.
pub fn direct(
    event: &Event<'_>,
    source: &Source,
    destination: &Destination,
    (status, began): (u16, u64),
    ports: &(impl Database + Local),
    record: &mut Record,
    now: UnixTime,
) {
    record.entry = taken(event, &source.log, ports, now);
    let handed = ReceivedMessage { text: "", queue: "", attempt: 1, now, pauses: &Pauses::default() };
    attempted(record, destination, Ok(status), began, (event, &handed), ports);
    let verdict = std::mem::replace(&mut record.verdict, Verdict::Delivered);
    consumed(record, None, (true, true), ports, now);
    record.verdict = verdict;
}

/// Notes that an event is dead because the queue gave its message up. No attempt of the gateway knew that it was the last
/// one, so the row of the event still waits for another attempt.
pub fn given_up(
    event: &Event<'_>,
    detail: &str,
    config: &Result<Config, ConfigError>,
    ports: &(impl Database + Local),
    now: UnixTime,
) {
    let source = config.as_ref().ok().and_then(|config| config.source(event.source())?.ok());
    let mut event = event.clone();
    if let Some(source) = source {
        event.keep_only(source.forwarded_headers());
    }
    let policy = source.map_or(LogPolicy::UNKNOWN, |source| &source.log);
    let Some(mut entry) = taken(&event, policy, ports, now) else { return };
    (entry.state, entry.reason, entry.detail) = (State::Dead, Some(GIVEN_UP), Some(detail.to_owned()));
    let destination = source.and_then(|source| source.deliver.origin()).map_or("", Destination::without_query);
    let mut log = ports.isolate().log.borrow_mut();
    log.delivery(entry.source(), destination, Delivery { is_dead: true, ..Delivery::default() }, now);
    log.entry(*entry);
}

/// Counts a request that was served, but not accepted.
pub fn served<P: Database + Local>(record: &mut Record, ports: &P, now: UnixTime) {
    if !ports.has_database() {
        return;
    }
    let mut log = ports.isolate().log.borrow_mut();
    match record.verdict {
        Verdict::Duplicate if record.reason.is_none() => {
            log.count(record.place(), record.verdict, None, now);
            if let Some(key) = record.key.as_deref().and_then(DedupKey::parse) {
                log.duplicate(key, now);
            }
        }
        Verdict::Filtered => {
            log.count(record.place(), record.verdict, None, now);
            if let Some(entry) = record.entry.take() {
                log.entry(*entry);
            }
        }
        Verdict::Handshake => {
            log.count(record.place(), record.verdict, None, now);
        }
        // The rest is counted as a refusal, or by the consumer, or is no webhook.
        _ => {}
    }
}

/// The part of a refused body that a sample has. The rest is freed at once, because many large forged bodies may come.
pub fn beginning(mut body: Vec<u8>) -> Vec<u8> {
    body.truncate(SAMPLE_BODY);
    body.shrink_to_fit();
    body
}

/// Counts a refused request, and keeps a sample of it if the log wants one.
pub fn refused<P: Database + Local>(
    request: &impl Request,
    config: &Result<Config, ConfigError>,
    answer: &Answer,
    record: &mut Record,
    ports: &P,
    now: UnixTime,
) {
    let body = record.body.take();
    if !ports.has_database() {
        return;
    }
    // A request to no source and not to the API has an empty name.
    let path = request.path();
    let place = if record.source.is_none() && !path.starts_with("/api/") { "" } else { record.place() };
    let mut log = ports.isolate().log.borrow_mut();
    if !log.count(place, record.verdict, record.reason, now) {
        return;
    }
    let Some(reason) = record.reason else { return };
    let source = record.source.as_deref().and_then(|name| config.as_ref().ok()?.source(name)?.ok());
    let shown = |name: &str, value: &str| match source {
        // The headers that are forwarded contain no secret. The values of all others are withheld.
        Some(source) if source.forwarded_headers().admits(name, value) => {
            source.log.redactions.header(name, value).to_owned()
        }
        // The size that the sender claims says why a body was too large.
        _ if name.eq_ignore_ascii_case("content-length") && is_number(value) => value.to_owned(),
        _ => WITHHELD.to_owned(),
    };
    let headers = request.headers();
    let headers = headers.iter().map(|(name, value)| (name.to_owned(), shown(name, value)));
    let policy = source.map_or(LogPolicy::UNKNOWN, |source| &source.log);
    let body = body.filter(|_| policy.bodies.is_some());
    log.sample(Refused {
        at: now,
        source: place.to_owned(),
        reason,
        detail: record.detail.clone().unwrap_or_else(|| reason.to_owned()),
        status: answer.status,
        method: request.method(),
        path,
        headers: headers.collect(),
        bytes: record.body_bytes,
        body: body.and_then(|body| policy.redactions.body(part(&body)).bytes().map(<[u8]>::to_vec)),
    });
}

fn is_number(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A body of the largest size was perhaps cut.
fn part(body: &[u8]) -> BodyPart<'_> {
    if body.len() < SAMPLE_BODY { BodyPart::Whole(body) } else { BodyPart::Beginning(body) }
}

/// Whether this request must write the log after its answer.
pub fn must_write<P: Database + Local>(ports: &P, now: UnixTime) -> bool {
    ports.has_database() && ports.isolate().log.borrow_mut().promise(now)
}

/// Writes what waits in this isolate. A failure is a line in the log, and the entries wait for the next write. Entries that
/// were dropped are a line too, even if the rest is written. So each write has at most one line.
pub async fn write_log<P: Database + Local>(ports: &P) -> Option<Record> {
    let outcome = write_waiting(ports).await;
    let dropped = ports.isolate().log.borrow_mut().dropped().map(|dropped| format!("{dropped} entries were dropped"));
    match (outcome, dropped) {
        (Ok(()), None) => None,
        (Ok(()), Some(lost)) => {
            let problem = format!("{lost}: more came between two writes than this isolate keeps");
            Some(Record::complaint("log_full", problem))
        }
        (Err(PortError(problem)), None) => Some(Record::complaint("log_failed", problem)),
        (Err(PortError(problem)), Some(lost)) => Some(Record::complaint("log_failed", format!("{problem}; {lost}"))),
    }
}

/// Writes what waits in this isolate. After a failure, the entries wait for the next write, which tells how many were dropped.
///
/// # Errors
/// The database failed.
pub async fn write_waiting<P: Database + Local>(ports: &P) -> Result<(), PortError> {
    let IsolateState { log, .. } = ports.isolate();
    let mut groups = log.borrow_mut().take().into_iter();
    while let Some(group) = groups.next() {
        if let Err(error) = ports.run_all(&group).await {
            log.borrow_mut().put_back(std::iter::once(group).chain(groups).collect());
            return Err(error);
        }
    }
    Ok(())
}
