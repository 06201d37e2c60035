//! A job: a replay of many events, step by step. The database has its state, so that it goes on after a crash.

use super::selection::{LOOKED_AT, Selection};
use crate::database::{Rows, Statement, Value};
use crate::log::EventName;
use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the maker of a step has the job. A step ends sooner.
pub const LEASE: Duration = Duration::from_secs(120);
/// The longest time of a job. 10,000 events at one a second take less than three hours.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// A job without a step for so long is started again.
const STUCK: Duration = Duration::from_secs(900);
/// How long a job is kept after its start.
const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);
/// The most jobs that run at a time.
pub const MOST_RUNNING: u32 = 5;
/// The most jobs of a list.
pub const LISTED: u32 = 50;
const LONGEST_PROBLEM: usize = 512;

/// A job, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// 16 hex digits. The token of the replay in each of its messages.
    pub id: String,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    selection: String,
    /// Events a second.
    pub rate: u32,
    /// The number of events that the dry run selected.
    pub total: u64,
    /// When the dry run was made.
    pub at: UnixTime,
    /// The number of the next step.
    pub step: u32,
    /// The id of the event after which the job goes on. Empty before the first one.
    cursor: String,
    /// The number of events that were put into the queue.
    pub enqueued: u64,
    /// The number of events that were not sent after all.
    pub skipped: u64,
    caller: String,
    created: UnixTime,
    ended: Option<UnixTime>,
    leased_until: UnixTime,
    problem: Option<String>,
}

const COLUMNS: &str = "id, state, selection, rate, total, at, step, cursor, enqueued, skipped, caller, created, ended, \
                       leased_until, problem";

/// What a step of a job has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepDone {
    /// The job goes on after this event.
    pub cursor: Option<EventName>,
    /// The number of events that were put into the queue.
    pub enqueued: u64,
    /// The number of events that cannot be sent.
    pub skipped: u64,
    /// Whether this was the last step.
    pub is_last: bool,
    /// Whether events after the cursor may be in the queue: a failure ended the step.
    pub is_unsure: bool,
    /// What went wrong.
    pub problem: Option<String>,
}

impl Job {
    /// The statements that begin the job `id`, if no such job is there and not too many run.
    #[expect(clippy::expect_used, reason = "a selection is an object of texts and numbers")]
    pub fn begin(
        id: &str,
        selection: &Selection,
        (rate, total): (u32, u64),
        at: UnixTime,
        caller: &str,
        now: UnixTime,
    ) -> Vec<Statement> {
        let text = serde_json::to_string(selection).expect("a selection is an object of texts and numbers");
        let insert = format!(
            "INSERT INTO jobs (id, state, selection, repeats, rate, total, at, step, cursor, enqueued, skipped, caller, \
             created, lease, leased_until) SELECT ?1, 'running', ?2, ?3, ?4, ?5, ?6, 0, '', 0, 0, ?7, ?8, '', ?8 \
             WHERE (SELECT count(*) FROM jobs WHERE state = 'running') < {MOST_RUNNING} ON CONFLICT (id) DO NOTHING"
        );
        let values = [
            id.into(),
            text.into(),
            u32::from(selection.include_delivered).into(),
            rate.into(),
            i64::try_from(total).unwrap_or(i64::MAX).into(),
            at.seconds().into(),
            beginning(caller, LONGEST_PROBLEM).into_owned().into(),
            now.seconds().into(),
        ];
        vec![Statement::new(insert, values), Self::read(id)]
    }

    /// The statement that reads the job `id`.
    pub fn read(id: &str) -> Statement {
        Statement::new(format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"), [id.into()])
    }

    /// The statements that take the job `id` at `step`, under the lease `lease`. The first answer has a row if somebody
    /// began to make the step and did not note it, so that some events may be in the queue. The second answer has the job if
    /// it is taken, and the third one in any case.
    pub fn take(id: &str, step: u32, lease: &str, now: UnixTime) -> Vec<Statement> {
        let sql = format!(
            "UPDATE jobs SET lease = ?3, leased_until = ?4 WHERE id = ?1 AND step = ?2 AND state = 'running' \
             AND leased_until <= ?5 RETURNING {COLUMNS}"
        );
        let until = now.plus(LEASE).seconds();
        let values = [id.into(), step.into(), lease.into(), until.into(), now.seconds().into()];
        let again = "SELECT 1 AS again FROM jobs WHERE id = ?1 AND step = ?2 AND lease <> ''";
        vec![Statement::new(again, [id.into(), step.into()]), Statement::new(sql, values), Self::read(id)]
    }

    /// The statement that notes a step under the lease `lease`, and gives the lease back.
    pub fn done(&self, lease: &str, step: &StepDone, now: UnixTime) -> Statement {
        let sql = "UPDATE jobs SET step = step + 1, cursor = coalesce(?4, cursor), enqueued = enqueued + ?5, \
                   skipped = skipped + ?6, problem = coalesce(?7, problem), \
                   lease = iif(?10 = 1, lease, ''), leased_until = ?8, \
                   ended = iif(state = 'running' AND ?9 = 1, ?8, ended), \
                   state = iif(state = 'running' AND ?9 = 1, 'done', state) WHERE id = ?1 AND lease = ?2 AND step = ?3";
        let count = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let values = [
            self.id.as_str().into(),
            lease.into(),
            self.step.into(),
            step.cursor.as_ref().map(EventName::to_string).into(),
            count(step.enqueued),
            count(step.skipped),
            step.problem.as_deref().map(|problem| beginning(problem, LONGEST_PROBLEM).into_owned()).into(),
            now.seconds().into(),
            u32::from(step.is_last).into(),
            u32::from(step.is_unsure).into(),
        ];
        Statement::new(sql, values)
    }

    /// The statement that gives the lease `lease` back without a step, because of `problem`. The lease keeps its name, so
    /// the next maker of the step knows that somebody began to make it.
    pub fn release(&self, lease: &str, problem: &str, now: UnixTime) -> Statement {
        let sql = "UPDATE jobs SET leased_until = ?3, problem = ?4 WHERE id = ?1 AND lease = ?2";
        let problem = beginning(problem, LONGEST_PROBLEM).into_owned();
        Statement::new(sql, [self.id.as_str().into(), lease.into(), now.seconds().into(), problem.into()])
    }

    /// The statement that ends the job `id` in `state`, if it runs.
    pub fn end(id: &str, state: &'static str, problem: Option<&str>, now: UnixTime) -> Statement {
        let sql = "UPDATE jobs SET state = ?2, ended = ?3, problem = coalesce(?4, problem) \
                   WHERE id = ?1 AND state = 'running'";
        Statement::new(sql, [id.into(), state.into(), now.seconds().into(), problem.into()])
    }

    /// The statement that finds running jobs without a step for a long time.
    pub fn stuck(now: UnixTime) -> Statement {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE state = 'running' AND leased_until <= ?1 ORDER BY id LIMIT {MOST_RUNNING}"
        );
        Statement::new(sql, [now.minus(STUCK).seconds().into()])
    }

    /// The statement that deletes old jobs.
    pub fn expire(now: UnixTime) -> Statement {
        let sql = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE created < ?1 LIMIT 1000)";
        Statement::new(sql, [now.minus(KEPT).seconds().into()])
    }

    /// The statement that finds out whether the event `event` of the job `id` must not be sent anymore: the job is cancelled,
    /// or somebody else delivered the event and the job does not want that again. Then the answer has a row, and the event is
    /// counted as skipped. `is_delivered` says that another replay delivered the event.
    ///
    /// `dies` is 1 if the job is cancelled, and no other message of the event is on its way: the event is dead, or the last
    /// attempt was of this job.
    pub fn guard(id: &str, event: &EventName, is_delivered: bool) -> Statement {
        let sql = "UPDATE jobs SET skipped = skipped + 1 WHERE id = ?1 AND (state = 'cancelled' OR (repeats = 0 AND (?5 = 1 \
                   OR EXISTS (SELECT 1 FROM log_events WHERE log_events.id = ((?2 << 28) | ?3) AND name = ?4 \
                   AND delivered IS NOT NULL)))) RETURNING (state = 'cancelled' AND EXISTS (SELECT 1 FROM log_events AS e \
                   WHERE e.id = ((?2 << 28) | ?3) AND e.name = ?4 AND ((e.state = 'dead' AND e.delivered IS NULL AND ?5 = 0) \
                   OR (e.state IN ('waiting', 'retrying', 'paused') AND e.head ->> 'replay' = ?1)))) AS dies, \
                   state = 'cancelled' AS is_cancelled";
        Statement::new(sql, Self::guarded(id, event, is_delivered))
    }

    /// The statement that finds out whether the event `event` was first delivered after `asked`, when the replay `token` was
    /// asked for. Then the answer has a row, unless the replay is a job, which has a guard of its own.
    pub fn guard_of_single(token: &str, event: &EventName, asked: UnixTime) -> Statement {
        let sql = "SELECT 0 AS dies, 0 AS is_cancelled FROM log_events WHERE id = ((?2 << 28) | ?3) AND name = ?4 \
                   AND delivered > ?5 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)";
        let [received, last] = event.id();
        Statement::new(sql, [token.into(), received, last, event.name.as_str().into(), asked.seconds().into()])
    }

    /// The statement that finds out whether a redrive of the event `event` must not be sent anymore, because somebody else
    /// delivered the event. Then the answer has a row. The letter may be of a replay that wanted one more delivery: `replay`
    /// is the token of that replay, or the id of its job.
    pub fn guard_of_redrive(replay: Option<&str>, event: &EventName, is_delivered: bool) -> Statement {
        let sql = "SELECT 0 AS dies, 0 AS is_cancelled WHERE (?1 = '' OR EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND repeats = 0)) AND (?5 = 1 \
                   OR EXISTS (SELECT 1 FROM log_events WHERE id = ((?2 << 28) | ?3) AND name = ?4 \
                   AND delivered IS NOT NULL))";
        Statement::new(sql, Self::guarded(replay.unwrap_or_default(), event, is_delivered))
    }

    fn guarded(id: &str, event: &EventName, is_delivered: bool) -> [Value; 5] {
        let [received, last] = event.id();
        [id.into(), received, last, event.name.as_str().into(), u32::from(is_delivered).into()]
    }

    /// The jobs in the answer number `number`.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn of(answers: &mut impl Iterator<Item = Rows>) -> Result<Vec<Self>, String> {
        answers.next().unwrap_or_default().parse()
    }

    /// Which events the job selects.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn selection(&self) -> Result<Selection, String> {
        serde_json::from_slice(self.selection.as_bytes()).map_err(|error| format!("the selection in D1: {error}"))
    }

    /// The event after which the job goes on. `None` before the first one.
    pub fn cursor(&self) -> Option<EventName> {
        EventName::parse(&self.cursor)
    }

    /// Whether the job runs.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Whether the job has run for too long.
    pub fn is_too_old(&self, now: UnixTime) -> bool {
        self.created.until(now) > LONGEST
    }

    /// How many events the job may still send.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.enqueued)
    }

    /// How many events one step may send, and for how long the job then waits.
    pub fn pace(&self) -> (u64, Duration) {
        let rate = u64::from(self.rate.max(1));
        let most = rate.saturating_mul(3).min(200);
        (most, Duration::from_secs(most.div_ceil(rate)))
    }

    /// How long somebody else has the lease. `None` if nobody has it.
    pub fn leased(&self, now: UnixTime) -> Option<Duration> {
        (self.leased_until > now).then(|| now.until(self.leased_until))
    }

    /// The statement that counts what became of the job's events.
    ///
    /// # Errors
    /// The selection cannot be read.
    pub fn outcome(&self) -> Result<Statement, String> {
        let (first, end) = self.selection()?.filter.span(self.at);
        let sql = format!(
            "SELECT coalesce(sum(is_delivered), 0) AS delivered, \
             coalesce(sum(NOT is_delivered AND state = 'dead'), 0) AS failed FROM (SELECT state, EXISTS (SELECT 1 FROM \
             json_each(attempts) AS one WHERE one.value ->> 'replay' = ?3 AND one.value ->> 'status' BETWEEN 200 AND 299) \
             AS is_delivered FROM (SELECT state, attempts FROM log_events WHERE id >= (?1 << 28) AND id < (?2 << 28) \
             ORDER BY id LIMIT {LOOKED_AT}) WHERE instr(attempts, ?3) > 0)"
        );
        Ok(Statement::new(sql, [first.seconds().into(), end.seconds().into(), self.id.as_str().into()]))
    }

    /// The progress, with the answer to [`Job::outcome`].
    ///
    /// # Errors
    /// The database has other columns.
    pub fn progress(&self, outcome: Rows) -> Result<Progress, String> {
        let outcome: Option<Outcome> = outcome.parse()?.into_iter().next();
        let outcome = outcome.ok_or("D1 counted nothing")?;
        let Outcome { delivered, failed } = outcome;
        // After a crash, the events of a step may be delivered before the step is made again and noted.
        let enqueued = self.enqueued.max(delivered.saturating_add(failed));
        Ok(Progress { job: JobSummary { enqueued, ..self.summary() }, delivered, failed })
    }

    /// The statement that lists the newest jobs.
    pub fn newest() -> Statement {
        Statement::new(format!("SELECT {COLUMNS} FROM jobs ORDER BY created DESC, id LIMIT {LISTED}"), [])
    }

    /// What the row of the job tells.
    pub fn summary(&self) -> JobSummary {
        JobSummary {
            id: self.id.clone(),
            state: self.state.clone(),
            rate: self.rate,
            selected: self.total,
            enqueued: self.enqueued,
            skipped: self.skipped,
            by: self.caller.clone(),
            created: self.created.to_rfc3339(),
            ended: self.ended.map(UnixTime::to_rfc3339),
            problem: self.problem.clone(),
        }
    }
}

#[derive(Deserialize)]
struct Outcome {
    delivered: u64,
    failed: u64,
}

/// A job, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct JobSummary {
    /// 16 hex digits.
    pub id: String,
    /// `running`, `done` (every event is in the queue), `cancelled` or `failed`.
    pub state: String,
    /// Events a second.
    pub rate: u32,
    /// The number of events that the dry run selected.
    pub selected: u64,
    /// The number of events that were put into the queue.
    pub enqueued: u64,
    /// The number of events that were not sent after all: they cannot be sent, somebody else delivered them, or the job was
    /// cancelled.
    pub skipped: u64,
    /// Who asked for the job.
    pub by: String,
    /// When the job began, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub created: String,
    /// When the last event was put into the queue, or the job was cancelled. In RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub ended: Option<String>,
    /// What went wrong last.
    pub problem: Option<String>,
}

/// The progress of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Progress {
    /// What the list of jobs shows.
    #[serde(flatten)]
    pub job: JobSummary,
    /// The number of events that the destination accepted from this job.
    pub delivered: u64,
    /// The number of events that are dead letters again.
    pub failed: u64,
}
