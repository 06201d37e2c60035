//! Watches the records, and tells the operator. The decisions are in [`crate::alert`].
//!
//! A notice goes through the events' queue, so it is retried. It is no event: it is neither claimed nor in the log of events,
//! and it never becomes a dead letter, because that would be another alert.

use super::disposition::{Disposition, ReceivedMessage};
use super::entropy;
use super::ports::{DestinationAnswer, PortError, Ports};
use crate::alert::{self, Format, Notice, State};
use crate::config::{Alerts, Config, ConfigError};
use crate::database::{Rows, Statement};
use crate::log;
use crate::message::{AttemptRequest, OutgoingMessage};
use crate::record::{Record, Verdict};
use crate::retry::{self, AfterAttempt};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a notice waits for the receiver.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The most attempts for one notice: about a quarter of an hour. A later notice has the news of that time.
const MOST_ATTEMPTS: u32 = 8;

/// A notice in the events' queue.
#[derive(Serialize, Deserialize)]
struct Message {
    /// The id of the notice. This member comes first: `parse` looks for it.
    hookgate_alert: String,
    body: String,
}

#[derive(Deserialize)]
struct Stored {
    revision: u64,
    state: String,
}

/// The state of the alerts, as the database has it. `None` before the first evaluation.
///
/// # Errors
/// The database failed.
pub async fn state<P: Ports>(ports: &P) -> Result<Option<State>, PortError> {
    let rows = ports.run(vec![read()]).await?;
    Ok(stored(rows)?.and_then(|stored| State::from_json(stored.state.as_bytes()).ok()))
}

fn read() -> Statement {
    Statement::new("SELECT revision, state FROM alerts WHERE id = 1", [])
}

fn stored(rows: Vec<Rows>) -> Result<Option<Stored>, PortError> {
    let rows: Vec<Stored> = rows.into_iter().next().unwrap_or_default().parse().map_err(PortError)?;
    Ok(rows.into_iter().next())
}

/// Stores `state` in place of the state with `revision`. `false` if another evaluation or acknowledgement was faster.
///
/// # Errors
/// The database failed. The state may or may not be stored.
pub async fn store<P: Ports>(ports: &P, state: &State, revision: Option<u64>) -> Result<bool, PortError> {
    let number = |revision: u64| i64::try_from(revision).unwrap_or(i64::MAX);
    let values = [number(state.revision).into(), state.to_json().into(), revision.map(number).into()];
    let sql = "INSERT INTO alerts (id, revision, state) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE \
               SET revision = excluded.revision, state = excluded.state WHERE alerts.revision = ?3 RETURNING revision, state";
    Ok(stored(ports.run(vec![Statement::new(sql, values)]).await?)?.is_some())
}

/// Evaluates the alerts, and puts the notices into the queue. Returns a line for the log if something failed.
pub async fn watch<P: Ports>(ports: &P, config: &Result<Config, ConfigError>, now: UnixTime) -> Option<Record> {
    let config = config.as_ref().ok().filter(|_| ports.has_database())?;
    let alerts = config.alerts.as_ref().ok()?;
    match evaluate(ports, config, alerts, now).await {
        Ok(None) => None,
        Ok(Some(problem)) | Err(PortError(problem)) => Some(Record::complaint("alerts_failed", problem)),
    }
}

/// Returns a problem that stopped nothing.
async fn evaluate<P: Ports>(
    ports: &P,
    config: &Config,
    alerts: &Alerts,
    now: UnixTime,
) -> Result<Option<String>, PortError> {
    let mut statements = log::window_statements(now);
    statements.push(read());
    let mut answers = ports.run(statements).await?;
    let known = stored(answers.pop().into_iter().collect())?;
    let window = log::window_of(answers, config).map_err(PortError)?;
    let read = known.as_ref().map(|known| State::from_json(known.state.as_bytes()));
    let (previous, problem) = match read.transpose() {
        Ok(state) => (state.unwrap_or_default(), None),
        // An unreadable state would stop the alerts for ever.
        Err(error) => (State::default(), Some(format!("the state of the alerts began again, because of {error}"))),
    };
    let (state, notices) = alert::evaluate(&previous, Some(&window), &alerts.rules, now);
    if state == previous {
        return Ok(problem);
    }
    // The notices come first. If the state cannot be stored, the next run sends them again, with the same ids.
    for notice in &notices {
        send(ports, alerts, config.dashboard.as_deref(), notice).await?;
    }
    // If another run was faster, that run has sent its own notices.
    store(ports, &state, known.map(|known| known.revision)).await?;
    Ok(problem)
}

/// Puts a notice into the queue, with a link into `dashboard`. Without a receiver, alerts are only listed.
///
/// # Errors
/// The queue failed.
pub async fn send<P: Ports>(
    ports: &P,
    alerts: &Alerts,
    dashboard: Option<&str>,
    notice: &Notice,
) -> Result<(), PortError> {
    let Some(to) = &alerts.to else { return Ok(()) };
    let message = Message { hookgate_alert: notice.id(), body: notice.body(to.format, dashboard) };
    let text = serde_json::to_string(&message).map_err(|error| PortError(error.to_string()))?;
    ports.enqueue(&OutgoingMessage::notice(text)).await
}

/// The id and the body of the notice in a message of the queue.
pub fn parse(text: &str) -> Option<(String, String)> {
    // The prefix saves reading each large message as JSON. No event has this prefix.
    let is_notice = text.starts_with("{\"hookgate_alert\"");
    let message: Message = is_notice.then(|| serde_json::from_slice(text.as_bytes()).ok()).flatten()?;
    Some((message.hookgate_alert, message.body))
}

/// Sends a notice from the queue to its receiver.
pub async fn deliver<P: Ports>(
    (id, body): (String, String),
    handed: &ReceivedMessage<'_>,
    config: &Result<Config, ConfigError>,
    ports: &P,
) -> (Disposition, Record) {
    let mut record = Record { attempt: Some(handed.attempt), id: Some(id.clone()), ..Record::default() };
    let config = config.as_ref().ok();
    let to = config.and_then(|config| config.alerts.as_ref().ok()?.to.as_ref());
    let Some(to) = to else {
        record.refused(Verdict::Dead, "alert_without_receiver", "ALERTS names no receiver now".to_owned());
        return (Disposition::Ack, record);
    };
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if to.format == Format::Standard {
        let signed = config.and_then(|config| config.signing.as_ref());
        let signed = signed.map(|key| key.standard_webhooks(&id, handed.now, body.as_bytes()));
        headers.push(("idempotency-key".to_owned(), id.clone()));
        headers.extend(signed.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
    }
    let request = AttemptRequest { origin: &to.destination, headers, body: body.as_bytes() };
    let (next, problem) = match ports.send(request, None, TIMEOUT).await {
        Ok(DestinationAnswer { status, retry_after }) => {
            record.status = Some(status);
            let next = retry::after_answer(status, retry_after, handed.attempt, handed.now, entropy(ports));
            (next, format!("{} answered {status}", to.host()))
        }
        // The problem may have the URL, and the URL of a Slack webhook is a secret.
        Err(_) => {
            let next = AfterAttempt::Retry(retry::backoff(handed.attempt, entropy(ports)));
            (next, format!("{} cannot be reached", to.host()))
        }
    };
    match next {
        AfterAttempt::Delivered => record.verdict = Verdict::Delivered,
        AfterAttempt::Retry(delay) if handed.attempt < MOST_ATTEMPTS => {
            record.refused(Verdict::Retried, "alert_failed", problem);
            return (Disposition::Retry(delay), record);
        }
        AfterAttempt::Retry(_) | AfterAttempt::GiveUp => record.refused(Verdict::Dead, "alert_failed", problem),
    }
    (Disposition::Ack, record)
}
