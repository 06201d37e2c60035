//! `/api/alerts`: the alerts of the last day, the acknowledgement of one of them, and a test of the way to their receiver.

use super::Call;
use crate::alert::{Alert, Group, Measured, NotOpen, Notice, State, Status};
use crate::answer::Answer;
use crate::config::Alerts;
use crate::pipeline::alerting;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use hookgate_verify::UnixTime;
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
    pub(super) alerts: Vec<Shown<'a>>,
}

/// An alert.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "Alert"))]
pub(super) struct Shown<'a> {
    /// The id: 16 hex digits, always the same for one group.
    id: &'a str,
    /// What the alert is about.
    #[serde(flatten)]
    group: &'a Group,
    /// Its status.
    status: Status,
    /// When its cause began, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    since: String,
    /// When it was resolved, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    ended: Option<String>,
    /// Who acknowledged it.
    acknowledged_by: Option<&'a str>,
    /// When it was acknowledged, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    acknowledged: Option<String>,
    /// The newest figures.
    measured: Measured,
    /// What is wrong, where, how much, since when, and what to do.
    text: String,
}

impl<'a> Shown<'a> {
    pub(super) fn of(alert: &'a Alert, now: UnixTime) -> Self {
        let acknowledged = alert.acknowledged.as_ref();
        Self {
            id: &alert.id,
            group: &alert.group,
            status: alert.status,
            since: alert.since.to_rfc3339(),
            ended: alert.ended.map(UnixTime::to_rfc3339),
            acknowledged_by: acknowledged.map(|(by, _)| by.as_str()),
            acknowledged: acknowledged.map(|(_, at)| at.to_rfc3339()),
            measured: alert.measured,
            text: alert.text(now),
        }
    }
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
    Ok(Answer::ok(&AlertList { receiver, alerts: state.alerts().map(|alert| Shown::of(alert, call.now)).collect() }))
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
        let answer = Answer::ok(&Shown::of(alert, call.now));
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
    let dashboard = call.config()?.dashboard.as_deref();
    alerting::send(call.ports, alerts, dashboard, &Notice::test(call.now)).await.map_err(failed)?;
    record.verdict = Verdict::Tested;
    Ok(Answer::ok(&Sent { sent: true, receiver: receiver.host() }))
}

fn failed(error: crate::pipeline::ports::PortError) -> Refusal {
    Refusal::failed("alerts_failed")(error)
}

fn alerts<'c, R: Request, P: Ports>(call: &Call<'c, R, P>) -> Result<&'c Alerts, Refusal> {
    call.config()?.alerts.as_ref().map_err(|error| Refusal::Unusable(error.to_string()))
}

async fn state<R: Request, P: Ports>(call: &Call<'_, R, P>) -> Result<State, Refusal> {
    call.needs_database()?;
    Ok(alerting::state(call.ports).await.map_err(failed)?.unwrap_or_default())
}
