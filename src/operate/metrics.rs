//! `GET /api/metrics`: the numbers for Prometheus and others, as OpenMetrics text.

use super::stats::queue_state;
use super::{Call, rows_and_pauses, unreadable};
use crate::answer::Answer;
use crate::config::Config;
use crate::log::{metrics, metrics_of};
use crate::openmetrics::MEDIA_TYPE;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};

/// `GET /api/metrics`.
pub async fn read<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let ports = call.logged(record).await?;
    let (answers, pauses) = rows_and_pauses(ports, metrics(call.now)).await?;
    let paused = pauses.all(call.config.as_ref().ok());
    let queue = queue_state(call, record).await;
    let sources = call.config.iter().flat_map(Config::sources).map(|(name, source)| (name, source.is_ok()));
    let sources: Vec<_> = sources.collect();
    let text = metrics_of(answers, call.now).and_then(|all| all.text(&sources, &paused, queue.as_ref()));
    record.verdict = Verdict::Listed;
    Ok(Answer::text(MEDIA_TYPE, text.map_err(unreadable)?))
}
