//! `/api/dead-letters`: list and redrive dead letters.

use super::{Call, query};
use crate::answer::Answer;
use crate::config::LONGEST_IN_QUEUE;
use crate::json_object;
use crate::letter::{Filter, KEPT, Letter, Selection};
use crate::message::Event;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use hookgate_verify::UnixTime;
use serde::Serialize;
use std::time::Duration;

pub(super) const MAX_BODY: usize = 16 * 1024;
/// The lease of a redrive on its letter.
const REDRIVE_LEASE: Duration = Duration::from_secs(60);

/// A page of dead letters.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct DeadLetterPage {
    /// The letters, the oldest first. The id of the last one is `after` for the next page.
    pub(super) dead_letters: Vec<Letter>,
}

/// What a redrive did.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct Redriven {
    /// How many letters are in the queue again.
    pub(super) redriven: usize,
    /// How many letters could not be redriven. They are still dead letters.
    pub(super) failed: usize,
}

/// `GET /api/dead-letters?…`: a page of dead letters, the oldest first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let ports = letters(call.ports)?;
    let mut selection = Selection::default();
    query::read(&call.request.query(), &Selection::NAMES, |name, value| selection.set(name, value))?;
    is_usable(&selection, ports).await?;
    let dead_letters = ports.list(&selection).await.map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&DeadLetterPage { dead_letters }))
}

/// `GET /api/dead-letters/groups?…`: the numbers of the letters that a filter selects, by source and reason.
pub async fn groups<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let ports = letters(call.ports)?;
    let mut filter = Filter::default();
    query::read(&call.request.query(), &Filter::NAMES, |name, value| filter.set(name, value))?;
    has_time(&filter)?;
    let groups = ports.groups(&filter).await.map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&groups))
}

/// `POST /api/dead-letters/{id}/redrive`.
pub async fn redrive_one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let ports = letters(call.ports)?;
    call.intend("redrive", id, "").await?;
    match redrive(id, ports, call.now).await {
        Ok(true) => {
            record.verdict = Verdict::Redriven;
            record.id = Some(id.to_owned());
            Ok(Answer::ok(&Redriven { redriven: 1, failed: 0 }))
        }
        Ok(false) => Err(Refusal::NotFound),
        Err(error) => Err(Refusal::failed("redrive_failed")(error)),
    }
}

/// `POST /api/dead-letters/redrive`: redrives the letters that the filter in the body selects.
pub async fn redrive_all<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let ports = letters(call.ports)?;
    let body = call.body(MAX_BODY).await?;
    let members = json_object::members(&body).map_err(Refusal::Unusable)?;
    let selection = Selection::from_json(&members).map_err(Refusal::Unusable)?;
    is_usable(&selection, ports).await?;
    let source = selection.filter.source.as_deref();
    call.intend("redrive_all", source.unwrap_or("*"), &selection.told()).await?;
    let mut done = Redriven { redriven: 0, failed: 0 };
    for letter in ports.list(&selection).await.map_err(Refusal::failed("list_failed"))? {
        match redrive(&letter.id, ports, call.now).await {
            Ok(true) => done.redriven = done.redriven.saturating_add(1),
            Ok(false) => {} // another redrive has the letter
            Err(PortError(problem)) => {
                done.failed = done.failed.saturating_add(1);
                record.trouble("redrive_failed", format!("{}: {problem}", letter.id));
            }
        }
    }
    record.verdict = Verdict::Redriven;
    record.detail = Some(format!("{} redriven, {} failed", done.redriven, done.failed));
    Ok(Answer::ok(&done))
}

/// Puts the event of the dead letter `id` into the queue again. `false` if there is no such letter, or another redrive has
/// it.
///
/// The event is enqueued before the redrive is noted. After a crash between the two, the letter can be redriven again, and
/// no event is lost.
async fn redrive<P: Ports>(id: &str, ports: &P, now: UnixTime) -> Result<bool, PortError> {
    let expires = now.plus(KEPT.max(LONGEST_IN_QUEUE));
    let Some(letter) = ports.take(id, now, now.plus(REDRIVE_LEASE), expires).await? else { return Ok(false) };
    let event = Event::decode(&letter.message).map_err(|error| PortError(error.to_string()))?.redriven(now);
    ports.enqueue(&event.encode_again().map_err(|error| PortError(error.to_string()))?).await?;
    ports.redriven(id, letter.redrives, now).await?;
    Ok(true)
}

/// Refuses a selection after an unknown letter. Such a list would begin at its start, and a redrive would redrive all letters.
async fn is_usable<P: Ports>(selection: &Selection, ports: &P) -> Result<(), Refusal> {
    has_time(&selection.filter)?;
    let Some(after) = &selection.after else { return Ok(()) };
    if ports.has(after).await.map_err(Refusal::failed("list_failed"))? {
        return Ok(());
    }
    Err(Refusal::Unusable(format!(
        "after={after}: this letter does not exist or has expired; begin again without `after`"
    )))
}

fn has_time(filter: &Filter) -> Result<(), Refusal> {
    if filter.has_time() { Ok(()) } else { Err(query::no_time()) }
}

/// The ports, if they keep dead letters.
fn letters<P: Ports>(ports: &P) -> Result<&P, Refusal> {
    if ports.keeps_letters() { Ok(ports) } else { Err(Refusal::Off { binding: "LOG" }) }
}
