//! `/api/alerts`: the alerts of the last day, the acknowledgement of one of them, and a test of the way to their receiver.

use super::Call;
use crate::alert::{Alert, NotOpen, Notice, State};
use crate::answer::Answer;
use crate::config::Alerts;
use crate::pipeline::alerting;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use serde::Serialize;

/// How often an acknowledgement is tried while the cron changes the state.
const TRIES: usize = 5;

/// The alerts.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct AlertList<'a> {
    /// The host that is told. `null`: alerts are only listed.
    pub(super) receiver: Option<&'a str>,
    /// Open and acknowledged alerts, and those that were resolved within the last day.
    pub(super) alerts: Vec<&'a Alert>,
}

/// The notice was sent.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct Sent<'a> {
    /// `true`: the receiver accepted the notice.
    pub(super) sent: bool,
    /// The host of the receiver.
    pub(super) receiver: &'a str,
}

/// `GET /api/alerts`: open, acknowledged, and resolved within the last day.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let state = state(call).await?;
    let receiver = alerts(call)?.to.as_ref().map(crate::config::Recipient::host);
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&AlertList { receiver, alerts: state.alerts().collect() }))
}

/// `POST /api/alerts/{id}/acknowledge`: no more reminders of this alert.
pub async fn acknowledge<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let mut is_intended = false;
    for _ in 0..TRIES {
        let mut state = state(call).await?;
        let before = state.revision;
        let alert = state.acknowledge(id, &call.caller.name, call.now).map_err(|error| match error {
            NotOpen::Unknown(_) => Refusal::NotFound,
            NotOpen::Over(_) => Refusal::Unusable(error.to_string()),
        })?;
        let answer = Answer::ok(alert);
        if !std::mem::replace(&mut is_intended, true) {
            call.intend("acknowledge", id, "").await?;
        }
        let stored =
            state.revision == before || alerting::store(call.ports, &state, Some(before)).await.map_err(failed)?;
        if stored {
            record.verdict = Verdict::Acknowledged;
            return Ok(answer);
        }
    }
    Err(Refusal::Failed { code: "alerts_failed", problem: "the state changed too often".to_owned() })
}

/// `POST /api/alerts/test`: sends a notice, so that the operator sees that notices arrive.
pub async fn test<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let alerts = alerts(call)?;
    let receiver = alerts.to.as_ref().ok_or_else(|| {
        Refusal::Unusable("ALERTS names no receiver: set `url` or `url_secret` in [vars.ALERTS]".to_owned())
    })?;
    call.intend("test alerts", receiver.host(), "").await?;
    alerting::send(call.ports, alerts, &Notice::test(call.now)).await.map_err(failed)?;
    record.verdict = Verdict::Tested;
    Ok(Answer::ok(&Sent { sent: true, receiver: receiver.host() }))
}

fn failed(error: crate::pipeline::ports::PortError) -> Refusal {
    Refusal::failed("alerts_failed")(error)
}

fn alerts<'c, R, P>(call: &Call<'c, R, P>) -> Result<&'c Alerts, Refusal> {
    let config = call.config.as_ref().map_err(|error| Refusal::Misconfigured(error.clone()))?;
    config.alerts.as_ref().map_err(|error| Refusal::Unusable(error.to_string()))
}

async fn state<R: Request, P: Ports>(call: &Call<'_, R, P>) -> Result<State, Refusal> {
    if !call.ports.has_database() {
        return Err(Refusal::Off { binding: "LOG" });
    }
    Ok(alerting::state(call.ports).await.map_err(failed)?.unwrap_or_default())
}
