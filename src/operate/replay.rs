//! `POST /api/events/{id}/replay`: sends an event of the log again.

use super::{Call, events};
use crate::answer::Answer;
use crate::dedup::ClaimToken;
use crate::log::EventName;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::replays::{self, ReplayFailure};
use crate::record::{Record, Verdict};
use crate::replay::LoggedEvent;
use hookgate_verify::UnixTime;
use serde::Serialize;

#[derive(Serialize)]
struct Replayed {
    replayed: bool,
    /// The id of the event.
    id: String,
    /// The token of the replay, which its attempts have in the log.
    replay: String,
    /// The state before the replay.
    state: String,
    /// When the event was first delivered. `null` if it was not delivered before.
    delivered: Option<String>,
}

/// `POST /api/events/{id}/replay`: puts one event into the queue again.
///
/// The entry in the audit is stored first. After a crash, there is at most an entry without a replay.
pub async fn one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    if !call.ports.has_database() {
        return Err(Refusal::Off { binding: "LOG" });
    }
    if !call.config.as_ref().is_ok_and(|config| config.bindings.events) {
        return Err(Refusal::Off { binding: "EVENTS" });
    }
    let name = EventName::parse(id).ok_or(Refusal::NotFound)?;
    let token = ClaimToken(call.ports.random()).to_string();
    call.intend("replay", id, &token).await?;
    let ports = events::logged(call, record).await?;
    let answers = ports.run(vec![LoggedEvent::read(&name)]).await.map_err(Refusal::failed("list_failed"))?;
    let found = LoggedEvent::of(answers).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    let logged = found.into_iter().next().ok_or(Refusal::NotFound)?;
    let (state, delivered) = (logged.state.clone(), logged.delivered());
    let event = match replays::enqueue(logged, &token, call.config, ports, call.now).await {
        Ok(event) => event,
        Err(ReplayFailure::Cannot(problem)) => {
            return Err(Refusal::Unusable(format!("the event cannot be sent again: {problem}")));
        }
        Err(ReplayFailure::Failed(error)) => return Err(Refusal::failed("replay_failed")(error)),
    };
    // Its dead letter is on its way again. Otherwise a later redrive of all letters would deliver the event once more.
    if ports.keeps_letters()
        && let Err(PortError(problem)) = ports.redriven(&event.letter_id(), event.redrives(), call.now).await
    {
        record.trouble("redrive_failed", format!("the event's dead letter is still listed: {problem}"));
    }
    record.of(&event);
    record.verdict = Verdict::Replayed;
    let delivered = delivered.map(UnixTime::to_rfc3339);
    Ok(Answer::ok(&Replayed { replayed: true, id: id.to_owned(), replay: token, state, delivered }))
}
