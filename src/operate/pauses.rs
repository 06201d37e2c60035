//! `POST /api/sources/{name}/pause` and `POST /api/sources/{name}/resume`: stop and start the deliveries of a source.
//!
//! A pause reaches each batch of messages that begins after it. A second pause or resume changes nothing.

use super::Call;
use crate::answer::Answer;
use crate::config::{Config, ConfigError, Deliver, Source};
use crate::json_object;
use crate::pause::{LONGEST_REASON, Pause, Pauses, ShownPause};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use crate::source_name::SourceName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) const MAX_BODY: usize = 16 * 1024;

/// What a caller may say of a pause.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPause {
    /// Why the source is paused. The log shows the reason at each event that waits.
    #[serde(default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = LONGEST_REASON)))]
    pub(super) reason: Option<String>,
}

/// Whether a source is paused.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct PauseState<'n> {
    /// The source's name.
    pub(super) source: &'n str,
    /// Whether its deliveries are stopped.
    pub(super) paused: bool,
    /// Who paused it, since when and why. `null` if it is not paused.
    pub(super) pause: Option<ShownPause>,
}

/// `POST /api/sources/{name}/pause`.
///
/// # Errors
/// [`Refusal::NotFound`] for an unknown source, [`Refusal::Unusable`] for a body that cannot be read and for a source
/// without a queue.
pub async fn pause<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    name: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let reason = wanted(call).await?.reason;
    let source = found(call, name)?.ok_or(Refusal::NotFound)?;
    if let Ok(Source { deliver: Deliver::Direct(_), .. }) = source {
        let problem = "the source has deliver = \"origin\": its provider waits for the destination, so no event can wait; \
                       set deliver = \"queue\"";
        return Err(Refusal::Unusable(problem.to_owned()));
    }
    call.intend("pause", name, reason.as_deref().unwrap_or_default()).await?;
    let pause = Pause { source: name.to_owned(), since: call.now, caller: call.caller.name.clone(), reason };
    let answers = call.ports.run(pause.store()).await.map_err(Refusal::failed("pause_failed"))?;
    let pauses = Pauses::of(answers.into_iter().nth(1).unwrap_or_default()).map_err(unreadable)?;
    record.verdict = Verdict::Paused;
    Ok(state(name, &pauses, source, record))
}

/// `POST /api/sources/{name}/resume`. A source that is not configured anymore can be resumed too.
///
/// # Errors
/// [`Refusal::NotFound`] for a source that is neither configured nor paused, [`Refusal::Unusable`] for a source that the
/// configuration pauses.
pub async fn resume<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    name: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let source = found(call, name)?;
    if let Some(Ok(Source { paused: true, .. })) = source {
        let problem = "the configuration pauses the source: take `paused = true` out of it, and deploy";
        return Err(Refusal::Unusable(problem.to_owned()));
    }
    call.intend("resume", name, "").await?;
    let answers = call.ports.run(Pause::end(name)).await.map_err(Refusal::failed("pause_failed"))?;
    let ended = Pauses::of(answers.into_iter().next().unwrap_or_default()).map_err(unreadable)?;
    if source.is_none() && ended.get(name).is_none() {
        return Err(Refusal::NotFound);
    }
    record.source = Some(name.to_owned());
    record.detail = ended.get(name).map(|ended| format!("it was paused {}", ended.text()));
    record.verdict = Verdict::Resumed;
    Ok(Answer::ok(&PauseState { source: name, paused: false, pause: None }))
}

/// The source `name`, usable or not. A text that cannot be a name is no source: it may be the name of a variable.
fn found<'c, R: Request, P: Ports>(
    call: &Call<'c, R, P>,
    name: &str,
) -> Result<Option<Result<&'c Source, &'c ConfigError>>, Refusal> {
    call.needs_database()?;
    if SourceName::parse(name).is_none() {
        return Err(Refusal::NotFound);
    }
    let mut sources = call.config.iter().flat_map(Config::sources);
    Ok(sources.find(|(known, _)| *known == name).map(|(_, source)| source))
}

/// The body. An empty body gives no reason.
async fn wanted<R: Request, P: Ports>(call: &Call<'_, R, P>) -> Result<WantedPause, Refusal> {
    let unusable =
        |problem: String| Refusal::Unusable(format!("the pause, such as {{\"reason\": \"a move\"}}: {problem}"));
    let members = json_object::members(&call.body(MAX_BODY).await?).map_err(unusable)?;
    let wanted: WantedPause =
        serde_json::from_value(Value::Object(members)).map_err(|error| unusable(error.to_string()))?;
    let letters = wanted.reason.as_deref().map_or(0, |reason| reason.chars().count());
    if letters > LONGEST_REASON {
        return Err(unusable(format!("the reason has {letters} characters, and {LONGEST_REASON} are allowed")));
    }
    Ok(WantedPause { reason: wanted.reason.filter(|reason| !reason.is_empty()) })
}

fn state(name: &str, pauses: &Pauses, source: Result<&Source, &ConfigError>, record: &mut Record) -> Answer {
    record.source = Some(name.to_owned());
    record.detail = pauses.get(name).map(|pause| format!("paused {}", pause.text()));
    let pause = pauses.shown(name, source.is_ok_and(|source| source.paused));
    Answer::ok(&PauseState { source: name, paused: pause.is_some(), pause })
}

fn unreadable(problem: String) -> Refusal {
    Refusal::failed("pause_failed")(PortError(problem))
}
