//! The steps of a job of replays. A message to the Worker itself drives each step:
//!
//! ```text
//! take the lease → read the next events → enqueue them → send the message of the next step → note the step
//! ```
//!
//! After a crash anywhere, the queue hands the message of the step over again, and the step is made again. Then an event may
//! be enqueued twice. Both messages belong to one replay, so the event is delivered once. The message of the next step waits
//! until this step is noted. So each job has one step at a time.

use super::disposition::{Disposition, Failure, ReceivedMessage};
use super::logged;
use super::ports::{Database, Local, Outbox, PortError, Ports};
use super::replays::{self, ReplayFailure};
use crate::config::{Config, ConfigError};
use crate::database::Rows;
use crate::dedup::ClaimToken;
use crate::letter::Letter;
use crate::log::{EventName, State};
use crate::message::Event;
use crate::record::{Record, Verdict};
use crate::replay::LoggedEvent;
use crate::replay::job::{Job, StepDone};
use crate::replay::selection::{Next, Part, part_of};
use crate::retry;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most bytes of bodies that are read from the database at once.
const MOST_BYTES: u64 = 2 << 20;
/// The most events that are read from the database at once.
const MOST_ROWS: usize = 25;
/// After this time, a step ends. It is far below the lease.
const LONGEST_STEP: u64 = 30_000;
/// How long a message waits for the step before it, and a step for a store that failed.
const LATER: Duration = Duration::from_secs(5);
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// A message from the Worker to itself: make this step of this job.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepMessage {
    hookgate_replay: String,
    step: u32,
}

const PREFIX: &str = "{\"hookgate_replay\"";

/// A step of a job that a message asks for.
pub struct Asked {
    job: String,
    step: u32,
}

/// The step that `message` asks for. `None` for any other message.
pub fn parse(message: &str) -> Option<Asked> {
    // The prefix saves reading each large message as JSON. No event has this prefix.
    let step = message.starts_with(PREFIX).then(|| serde_json::from_slice::<StepMessage>(message.as_bytes()).ok());
    step.flatten().map(|step| Asked { job: step.hookgate_replay, step: step.step })
}

/// Sends the message of the step `step` of the job `id`.
///
/// # Errors
/// The queue failed. The message may be in the queue.
#[expect(clippy::expect_used, reason = "a text and a number are JSON")]
pub async fn send(id: &str, step: u32, delay: Duration, ports: &impl Outbox) -> Result<(), PortError> {
    let message = StepMessage { hookgate_replay: id.to_owned(), step };
    let text = serde_json::to_string(&message).expect("a text and a number are JSON");
    ports.enqueue_later(&text, delay).await
}

/// Makes the step that `asked` asks for, if it is the next one.
pub async fn step<P: Ports>(
    asked: &Asked,
    handed: ReceivedMessage<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> (Disposition, Record) {
    let mut record = Record { verdict: Verdict::Replayed, attempt: Some(handed.attempt), ..Record::default() };
    let disposition = match make(asked, handed.now, config, ports).await {
        Ok((disposition, detail)) => {
            record.detail = Some(format!("the job {}, step {}: {detail}", asked.job, asked.step));
            disposition
        }
        Err(Failure { reason, problem }) => {
            record.refused(Verdict::Retried, reason, format!("the job {}: {problem}", asked.job));
            Disposition::Retry(retry::backoff(handed.attempt, super::entropy(ports)).min(AFTER_FAILURE))
        }
    };
    (disposition, record)
}

async fn make<P: Ports>(
    asked: &Asked,
    now: UnixTime,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> Result<(Disposition, String), Failure> {
    let failed = || Failure::of("replay_failed");
    if !ports.has_database() {
        return Ok((Disposition::Ack, "without the binding LOG there are no jobs".to_owned()));
    }
    // Otherwise no source would be usable, and the step would skip its events.
    if let Err(error) = config {
        return Err(failed()(PortError(error.to_string())));
    }
    let lease = ClaimToken(ports.random()).to_string();
    let answers = ports.run(Job::take(&asked.job, asked.step, &lease, now)).await.map_err(failed())?;
    let mut answers = answers.into_iter();
    let is_again = answers.next().is_some_and(|rows| !rows.0.is_empty());
    let taken = Job::of(&mut answers).map_err(PortError).map_err(failed())?.into_iter().next();
    let known = Job::of(&mut answers).map_err(PortError).map_err(failed())?.into_iter().next();
    let Some(job) = taken else { return Ok(wait(asked, known, now)) };
    if job.is_too_old(now) {
        let problem = "it did not end within a day";
        ports.run(vec![Job::end(&job.id, "failed", Some(problem), now)]).await.map_err(failed())?;
        return Ok((Disposition::Ack, problem.to_owned()));
    }
    match work(&job, (&lease, is_again), now, config, ports).await {
        Ok(detail) => Ok((Disposition::Ack, detail)),
        Err(PortError(problem)) => {
            // Without this, the message would wait until the lease ends.
            let _ = ports.run(vec![job.release(&lease, &problem, now)]).await;
            Err(failed()(PortError(problem)))
        }
    }
}

/// What becomes of a message whose step cannot be made now.
fn wait(asked: &Asked, known: Option<Job>, now: UnixTime) -> (Disposition, String) {
    let told = |text: &str| (Disposition::Ack, text.to_owned());
    let Some(job) = known else { return told("there is no such job") };
    if !job.is_running() {
        return told(&format!("the job is {}", job.state));
    }
    if asked.step < job.step {
        return told("the step was made before");
    }
    let delay = job.leased(now).map_or(LATER, |leased| leased.max(Duration::from_secs(1)));
    (Disposition::Retry(delay), "the job is at another step, or somebody makes this step".to_owned())
}

/// Makes one step of `job`, under the lease `lease`. `is_again` says that somebody began to make the step.
async fn work<P: Ports>(
    job: &Job,
    (lease, is_again): (&str, bool),
    now: UnixTime,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> Result<String, PortError> {
    let (most, mut delay) = job.pace();
    let asked = most.min(job.left());
    let selection = job.selection().map_err(PortError)?;
    let mut reads = selection.next(job.cursor().as_ref(), asked, job.at);
    if is_again {
        reads.push(selection.sent(job.cursor().as_ref(), &job.id, job.at));
    }
    let mut answers = ports.run(reads).await?;
    let sent = if is_again { answers.pop() } else { None };
    let part = part_of(answers, asked).map_err(PortError)?;
    let sent: Vec<EventName> = sent.unwrap_or_default().parse().map_err(PortError)?;
    let mut made = Made::default();
    let outcome = enqueue_all(&part.events, job, &mut made, now, config, ports).await;
    if let Err(PortError(problem)) = outcome {
        if made.step.cursor.is_none() {
            return Err(PortError(problem));
        }
        (made.step.problem, delay) = (Some(problem), AFTER_FAILURE);
        made.step.is_unsure = true;
    }
    if made.is_whole {
        made.step.cursor = part.scanned_to.clone().or(made.step.cursor);
    }
    let may_end = made.is_whole && part.scanned_to.is_none();
    let is_short = may_end && u64::try_from(part.events.len()).is_ok_and(|number| number < asked);
    made.count(&sent, &part, is_short);
    made.step.is_last = is_short || (may_end && job.left() <= made.step.enqueued);
    if !made.step.is_last {
        send(&job.id, job.step.saturating_add(1), delay, ports).await?;
    }
    // After a crash between the two, the step is made again, and notes the letters again.
    if !made.letters.is_empty() {
        ports.replayed(&made.letters, now).await?;
    }
    ports.run(vec![job.done(lease, &made.step, now)]).await?;
    let StepDone { enqueued, skipped, is_last, .. } = made.step;
    Ok(format!("{enqueued} events enqueued, {skipped} skipped{}", if is_last { ", the last step" } else { "" }))
}

/// What a step has made so far.
#[derive(Default)]
struct Made {
    step: StepDone,
    /// The dead letters whose events are on their way again. A later redrive must not send them once more.
    letters: Vec<Letter>,
    /// Whether all events of the step were looked at.
    is_whole: bool,
}

impl Made {
    /// Counts the events of `sent`, which somebody put into the queue and did not count. `is_end` says that no event
    /// follows. Otherwise the next step counts the events after the cursor.
    fn count(&mut self, sent: &[EventName], part: &Part, is_end: bool) {
        let cursor = self.step.cursor.as_ref().map(EventName::place);
        let is_here = |event: &&EventName| is_end || cursor.is_some_and(|cursor| event.place() <= cursor);
        let is_new = |event: &&EventName| !part.events.iter().any(|next| next.event == **event);
        let here = sent.iter().filter(is_here);
        self.step.is_unsure |= here.clone().count() < sent.len();
        let more = u64::try_from(here.filter(is_new).count()).unwrap_or(u64::MAX);
        self.step.enqueued = self.step.enqueued.saturating_add(more);
    }
}

async fn enqueue_all<P: Ports>(
    events: &[Next],
    job: &Job,
    made: &mut Made,
    now: UnixTime,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> Result<(), PortError> {
    let began = ports.milliseconds();
    let mut rest = events;
    while !rest.is_empty() {
        if ports.milliseconds().saturating_sub(began) > LONGEST_STEP {
            return Ok(());
        }
        let (group, later) = rest.split_at(group_size(rest));
        rest = later;
        let reads = group.iter().map(|next| LoggedEvent::read(&next.event)).collect();
        let answers = ports.run(reads).await?;
        for (next, rows) in group.iter().zip(answers) {
            one(next, rows, job, made, now, config, ports).await?;
        }
    }
    made.is_whole = true;
    Ok(())
}

/// How many of `events` are read at once: at least one.
fn group_size(events: &[Next]) -> usize {
    let mut bytes = 0_u64;
    let fits = events.iter().take(MOST_ROWS).take_while(|next| {
        bytes = bytes.saturating_add(next.bytes);
        bytes <= MOST_BYTES
    });
    fits.count().max(1)
}

async fn one<P: Ports>(
    next: &Next,
    rows: Rows,
    job: &Job,
    made: &mut Made,
    now: UnixTime,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> Result<(), PortError> {
    let found = LoggedEvent::of(vec![rows]).map_err(PortError)?;
    // The letter that leaves the list, of an event that is in the queue. `None`: the event cannot be sent.
    let sent = match found.into_iter().next() {
        // The row has expired since the part was read.
        None => None,
        // This step was made before, and the event has died since. A second message would be a copy that is not delivered, so
        // the letter must stay in the list.
        Some(logged) if logged.is_of(&job.id) => Some(None),
        Some(logged) => {
            let is_dead = logged.state == State::Dead.name();
            match replays::enqueue(logged, &job.id, config, ports, now).await {
                Ok(event) => Some(is_dead.then(|| Letter::of_replayed(&event, now))),
                Err(ReplayFailure::Cannot(problem)) => {
                    made.step.problem = Some(format!("{}: {problem}", next.event));
                    None
                }
                Err(ReplayFailure::Failed(error)) => return Err(error),
            }
        }
    };
    made.step.cursor = Some(next.event.clone());
    match sent {
        None => made.step.skipped = made.step.skipped.saturating_add(1),
        Some(letter) => {
            made.step.enqueued = made.step.enqueued.saturating_add(1);
            made.letters.extend(letter);
        }
    }
    Ok(())
}

/// Whether a message is still needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is sent.
    Wanted,
    /// Its job was cancelled. The event was settled before, or another message of it is on its way.
    Obsolete,
    /// Somebody else delivered the event.
    Delivered,
    /// Its job was cancelled, and no other message of the event is on its way.
    Cancelled,
}

/// Whether the message of a replay or of a redrive is still needed. A replay of one event belongs to no job. It is sent,
/// but for a retry (`attempt` is more than 1) of a replay that was asked for before the first delivery of the event.
/// `is_delivered` says that another replay or redrive delivered the event, even if the log does not know it yet.
///
/// # Errors
/// The database failed, and the event belongs to a job. A redrive does not wait for the database.
pub async fn need(
    event: &Event<'_>,
    attempt: u32,
    is_delivered: bool,
    ports: &(impl Database + Local),
) -> Result<Need, PortError> {
    let name = EventName::of(event).filter(|_| ports.has_database());
    let statements = match (event.replay(), &name) {
        // A redrive wants a delivery, and not a second one. Only a replay of one event, or of a job over delivered events,
        // wants that.
        (replay, Some(name)) if event.is_redriven() => vec![Job::guard_of_redrive(replay, name, is_delivered)],
        (Some(token), Some(name)) => {
            let asked = event.began().filter(|_| attempt > 1);
            let single = asked.map(|asked| Job::guard_of_single(token, name, asked));
            std::iter::once(Job::guard(token, name, is_delivered)).chain(single).collect()
        }
        (None, None) if is_delivered => return Ok(Need::Delivered),
        _ => return Ok(Need::Wanted),
    };
    // This isolate may have delivered the event a moment ago. If the write fails, the entries wait for the next write.
    let _ = logged::write_waiting(ports).await;
    let answers = match ports.run(statements).await {
        Err(_) if event.is_redriven() => {
            let is_settled = is_delivered && event.replay().is_none();
            return Ok(if is_settled { Need::Delivered } else { Need::Wanted });
        }
        answers => answers?,
    };
    let found = answers.into_iter().map(Rows::parse::<Guarded>).collect::<Result<Vec<_>, _>>().map_err(PortError)?;
    Ok(match found.iter().flatten().next() {
        None => Need::Wanted,
        Some(Guarded { dies: 1, .. }) => Need::Cancelled,
        Some(Guarded { is_cancelled: 1, .. }) => Need::Obsolete,
        Some(_) => Need::Delivered,
    })
}

/// The row of a guard.
#[derive(Deserialize)]
struct Guarded {
    dies: u8,
    is_cancelled: u8,
}

/// Starts the jobs again whose message was lost, and deletes old jobs.
///
/// # Errors
/// The database or the queue failed. The next hour tries again.
pub async fn restart<P: Database + Outbox>(ports: &P, now: UnixTime) -> Result<usize, PortError> {
    let mut answers = ports.run(vec![Job::stuck(now), Job::expire(now)]).await?.into_iter();
    let stuck = Job::of(&mut answers).map_err(PortError)?;
    for job in &stuck {
        send(&job.id, job.step, Duration::ZERO, ports).await?;
    }
    Ok(stuck.len())
}
