//! `GET /api/metrics`: the numbers for Prometheus and others, as OpenMetrics text.

use super::Call;
use super::events::logged;
use super::stats::queue_state;
use crate::answer::Answer;
use crate::config::Config;
use crate::log::{metrics, metrics_of};
use crate::openmetrics::MEDIA_TYPE;
use crate::pause::Pauses;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};

/// `GET /api/metrics`.
pub async fn read<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    if let Some((name, value)) = form_urlencoded::parse(call.request.query().as_bytes()).next() {
        return Err(Refusal::Unusable(format!("the parameter {name}={value}: there are no parameters")));
    }
    let ports = logged(call, record).await?;
    let mut statements = metrics(call.now);
    statements.push(Pauses::read());
    let mut answers = ports.run(statements).await.map_err(Refusal::failed("list_failed"))?;
    let pauses = Pauses::of(answers.pop().unwrap_or_default());
    let queue = queue_state(call, record).await;
    let sources = call.config.iter().flat_map(Config::sources).map(|(name, source)| (name, source.is_ok()));
    let sources: Vec<_> = sources.collect();
    let text = metrics_of(answers, call.now).and_then(|all| {
        let paused = pauses?.all(call.config.as_ref().ok());
        all.text(&sources, &paused, queue.as_ref())
    });
    let text = text.map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::text(MEDIA_TYPE, text))
}
