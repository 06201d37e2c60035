//! `GET /api/stats`: the numbers of each source and destination over time, and what waits.

use super::{Call, query, rows, rows_and_pauses, unreadable};
use crate::answer::Answer;
use crate::log::{Backlog, QueueState, Stats, StatsError, StatsQuery, backlog, backlog_of, stats_of};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use crate::retry::DEFAULT_RETENTION;
use serde::Serialize;

/// The numbers over time, and what waits.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "Stats"))]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) stats: Stats,
    /// What waits.
    pub(super) backlog: Backlog,
}

/// `GET /api/stats?source&destination&since&until&step`.
pub async fn read<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let mut query = StatsQuery::default();
    query::read(&call.request.query(), &StatsQuery::NAMES, |name, value| {
        query.set(name, value).map_err(|error| error.problem)
    })?;
    let span = query.span(call.now).map_err(Refusal::Unusable)?;
    let ports = call.logged(record).await?;
    let retention = call.config.as_ref().map_or(DEFAULT_RETENTION, |config| config.retention);
    let mut statements = Vec::from(span.ends());
    statements.extend(backlog(retention, call.now));
    let (answers, pauses) = rows_and_pauses(ports, statements).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let span = span.bounded(next(), next()).map_err(unreadable)?;
    let stats = stats_of(rows(ports, query.statements(span)).await?, span).map_err(|error| match error {
        StatsError::Unreadable(problem) => unreadable(problem),
        StatsError::TooMany => Refusal::Unusable(
            "the answer has more than 10,000 numbers: ask with a larger step, a shorter time, or a source".to_owned(),
        ),
    })?;
    let paused = pauses.all(call.config.as_ref().ok());
    let queue = queue_state(call, record).await;
    let backlog = backlog_of(answers.collect(), queue, paused, call.now).map_err(unreadable)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&Told { stats, backlog }))
}

/// The state of the events' queue. A failure is a trouble, and no error of the whole answer.
pub async fn queue_state<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Option<QueueState> {
    match call.ports.backlog().await {
        Ok(known) => known.map(|known| QueueState::new(known.messages, known.oldest, call.now)),
        Err(PortError(problem)) => {
            record.trouble("queue_unknown", problem);
            None
        }
    }
}
