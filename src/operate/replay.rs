//! `POST /api/events/{id}/replay`: sends an event of the log again. `/api/replay`: jobs that send many events again.

use super::{Call, rows, unreadable};
use crate::answer::Answer;
use crate::config::Config;
use crate::database::Rows;
use crate::dedup::ClaimToken;
use crate::letter::Letter;
use crate::log::{EventName, State};
use crate::pipeline::jobs;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::replays::{self, ReplayFailure};
use crate::record::{Record, Verdict};
use crate::replay::LoggedEvent;
use crate::replay::job::{Job, JobSummary, MOST_RUNNING};
use crate::replay::request::ReplayRequest;
use crate::replay::selection::{DryRun, Scope, Selection};
use hookgate_verify::UnixTime;
use serde::Serialize;
use std::time::Duration;

/// The most bytes of a body.
pub(super) const MAX_BODY: usize = 16 * 1024;

/// The answer to `POST /api/events/{id}/replay`.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct Replayed {
    /// Always true: the event is in the queue.
    pub(super) replayed: bool,
    /// The id of the event.
    pub(super) id: String,
    /// The token of the replay, which its attempts have in the log.
    pub(super) replay: String,
    /// The state before the replay.
    pub(super) state: String,
    /// When the event was first delivered, in RFC 3339. `null` if it was not delivered before.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub(super) delivered: Option<String>,
}

/// `POST /api/events/{id}/replay`: puts one event into the queue again.
///
/// The entry in the audit is stored first. After a crash, there is at most an entry without a replay.
pub async fn one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    call.needs_database()?;
    if !call.config.as_ref().is_ok_and(|config| config.bindings.events) {
        return Err(Refusal::Off { binding: "EVENTS" });
    }
    let name = EventName::parse(id).ok_or(Refusal::NotFound)?;
    let token = ClaimToken(call.ports.random()).to_string();
    call.intend("replay", id, &token).await?;
    let ports = call.logged(record).await?;
    let found = LoggedEvent::of(rows(ports, vec![LoggedEvent::read(&name)]).await?).map_err(unreadable)?;
    let logged = found.into_iter().next().ok_or(Refusal::NotFound)?;
    let (state, delivered) = (logged.state.clone(), logged.delivered());
    let is_dead = state == State::Dead.name();
    let event = match replays::enqueue(logged, &token, call.config, ports, call.now).await {
        Ok(event) => event,
        Err(ReplayFailure::Cannot(problem)) => {
            return Err(Refusal::Unusable(format!("the event cannot be sent again: {problem}")));
        }
        Err(ReplayFailure::Failed(error)) => return Err(Refusal::failed("replay_failed")(error)),
    };
    // Its dead letter is on its way again, also if its queue still has the letter. Otherwise a later redrive of all letters
    // would send the event once more.
    let letter = Letter::of_replayed(&event, call.now);
    let noted = match is_dead {
        true => ports.replayed(std::slice::from_ref(&letter), call.now).await,
        // Its attempts go on, so a letter that comes later is listed. The log may also be late, and the letter be there.
        false => ports.redriven(&letter.id, letter.redrives, call.now).await,
    };
    if let Err(PortError(problem)) = noted {
        record.trouble("redrive_failed", format!("the event's dead letter is still listed: {problem}"));
    }
    record.of(&event);
    record.verdict = Verdict::Replayed;
    let delivered = delivered.map(UnixTime::to_rfc3339);
    Ok(Answer::ok(&Replayed { replayed: true, id: id.to_owned(), replay: token, state, delivered }))
}

/// `POST /api/replay`: the dry run of a job, or with the token of a dry run its beginning.
pub async fn many<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let config = bound(call)?;
    let body = call.body(MAX_BODY).await?;
    let ReplayRequest { selection, rate, scope } = ReplayRequest::parse(&body).map_err(Refusal::Unusable)?;
    if scope.as_ref().is_some_and(|scope| scope.is_old(call.now)) {
        return Err(Refusal::Unusable("the token is older than an hour: make another dry run".to_owned()));
    }
    let sent = String::from_utf8_lossy(body.trim_ascii());
    let action = if scope.is_some() { "replay_many" } else { "replay_dry_run" };
    call.intend(action, scope.as_ref().map_or("", Scope::job), &sent).await?;
    let ports = call.logged(record).await?;
    record.verdict = Verdict::Listed;
    let Some(scope) = scope else {
        let run = dry_run(&selection.fixed(call.now), rate, call.now, config, ports).await?;
        return Ok(Answer::ok(&run));
    };
    // The call may come twice: then the job is there, and its messages may be there or not.
    let at = scope.at;
    let selection = selection.fixed(at);
    let known = find(scope.job(), ports).await?;
    let (job, ports) = match known {
        Some(job) => (job, ports),
        None => {
            let run = dry_run(&selection, rate, at, config, ports).await?;
            if run.token != Some(scope.to_string()) {
                let problem =
                    "since the dry run, the selection, the options or the number of events has changed: it would";
                let problem = format!("{problem} send {} events now; make another dry run", run.selected);
                return Err(Refusal::Unusable(problem));
            }
            let begin = Job::begin(scope.job(), &selection, (rate, run.selected), at, &call.caller.name, call.now);
            let answers = ports.run(begin).await.map_err(Refusal::failed("replay_failed"))?;
            (begun(answers)?, ports)
        }
    };
    if job.is_running() && job.step == 0 {
        jobs::send(&job.id, 0, Duration::ZERO, ports).await.map_err(Refusal::failed("replay_failed"))?;
    }
    record.verdict = Verdict::Replayed;
    record.detail = Some(format!("the job {} of {} events", job.id, job.total));
    progress(&job, ports).await
}

/// The newest jobs.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct JobList {
    /// The jobs, the newest first.
    pub(super) jobs: Vec<JobSummary>,
}

/// `GET /api/replay`: the newest jobs.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let answers = rows(call.logged(record).await?, vec![Job::newest()]).await?;
    let jobs = Job::of(&mut answers.into_iter()).map_err(unreadable)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&JobList { jobs: jobs.iter().map(Job::summary).collect() }))
}

/// `GET /api/replay/{id}`: the progress of a job.
pub async fn job<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let ports = call.logged(record).await?;
    let job = find(id, ports).await?.ok_or(Refusal::NotFound)?;
    record.verdict = Verdict::Listed;
    progress(&job, ports).await
}

/// `POST /api/replay/{id}/cancel`: ends a job. Its messages in the queue are not sent anymore.
pub async fn cancel<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    call.needs_database()?;
    call.intend("cancel_replay", id, "").await?;
    let ports = call.logged(record).await?;
    let ending = vec![Job::end(id, "cancelled", None, call.now), Job::read(id)];
    let answers = ports.run(ending).await.map_err(Refusal::failed("replay_failed"))?;
    let job = Job::of(&mut answers.into_iter().skip(1)).map_err(unreadable)?;
    let job = job.into_iter().next().ok_or(Refusal::NotFound)?;
    record.verdict = Verdict::Replayed;
    record.detail = Some(format!("the job {} is {}", job.id, job.state));
    progress(&job, ports).await
}

/// The configuration, if the Worker can run jobs. Without the objects, an event of a job could come twice after a crash.
fn bound<'c, R: Request, P: Ports>(call: &Call<'c, R, P>) -> Result<&'c Config, Refusal> {
    let config = call.config()?;
    let needs =
        [("LOG", call.ports.has_database()), ("EVENTS", config.bindings.events), ("CLAIMS", config.bindings.claims)];
    match needs.into_iter().find(|(_, is_bound)| !is_bound) {
        Some((binding, _)) => Err(Refusal::Off { binding }),
        None => Ok(config),
    }
}

async fn dry_run<P: Ports>(
    selection: &Selection,
    rate: u32,
    at: UnixTime,
    config: &Config,
    ports: &P,
) -> Result<DryRun, Refusal> {
    let answers = rows(ports, selection.count(at)).await?;
    let destination = |source: &str| replays::destination(source, config);
    DryRun::of(answers, selection, rate, at, destination).map_err(unreadable)
}

async fn find<P: Ports>(id: &str, ports: &P) -> Result<Option<Job>, Refusal> {
    let answers = rows(ports, vec![Job::read(id)]).await?;
    Ok(Job::of(&mut answers.into_iter()).map_err(unreadable)?.into_iter().next())
}

fn begun(answers: Vec<Rows>) -> Result<Job, Refusal> {
    let job = Job::of(&mut answers.into_iter().skip(1)).map_err(unreadable)?.into_iter().next();
    let problem = || format!("{MOST_RUNNING} jobs run already: cancel one, or wait until one is done");
    job.ok_or_else(|| Refusal::Unusable(problem()))
}

async fn progress<P: Ports>(job: &Job, ports: &P) -> Result<Answer, Refusal> {
    let counting = job.outcome().map_err(unreadable)?;
    let answers = rows(ports, vec![counting]).await?;
    let progress = job.progress(answers.into_iter().next().unwrap_or_default()).map_err(unreadable)?;
    Ok(Answer::ok(&progress))
}
