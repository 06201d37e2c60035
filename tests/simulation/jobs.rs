//! Jobs of replays: the operator who begins and cancels them, what truly became of their events, and the invariants.

use super::executor::Millis;
use super::fakes::random::Random;
use super::sabotage;
use super::senders::{self, Call};
use super::sources;
use super::story::{Act, Envelope, Kind, Story};
use super::world::{HOUR, MINUTE, World};
use hookgate::database::{Rows, Statement, Value};
use hookgate::message::Event;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// After this time, no attempt of a cancelled job begins. An attempt that was allowed before may still read its body.
const CANCELLED: Millis = MINUTE;

/// What the operator asks for.
#[derive(Debug, Clone, Default)]
struct Ask {
    source: Option<String>,
    states: &'static [&'static str],
    include_delivered: bool,
    include_retrying: bool,
    rate: u64,
}

impl Ask {
    fn draw(random: &Random) -> Self {
        const STATES: [&[&str]; 4] = [&[], &["dead"], &["filtered"], &["filtered", "dead", "delivered"]];
        Self {
            source: random.chance(300).then(|| sources::name(random.index(sources::SOURCES.len()))),
            states: STATES[random.index(STATES.len())],
            include_delivered: random.chance(400),
            include_retrying: random.chance(200),
            rate: [1, 2, 10, 100][random.index(4)],
        }
    }

    fn body(&self, token: Option<&str>) -> Json {
        let mut body = json!({
            "include_delivered": self.include_delivered,
            "include_retrying": self.include_retrying,
            "rate": self.rate,
        });
        if let Some(source) = &self.source {
            body["source"] = json!([source]);
        }
        if !self.states.is_empty() {
            body["state"] = self.states.join(",").into();
        }
        if let Some(token) = token {
            (body["dry_run"], body["token"]) = (false.into(), token.into());
        }
        body
    }

    /// Whether a job sends the event of this row of the log.
    fn wants(&self, row: &Map<String, Json>) -> bool {
        let state = row["state"].as_str().unwrap();
        let is_under_way = matches!(state, "waiting" | "retrying" | "paused");
        self.source.as_ref().is_none_or(|source| row["source"] == **source)
            && (self.states.is_empty() || self.states.contains(&state))
            && (state != "filtered" || self.states.contains(&"filtered"))
            && (self.include_delivered || row["delivered"].is_null())
            && (self.include_retrying || !is_under_way)
            && matches!(row["kept"].as_str(), Some("exact" | "bucket"))
    }
}

/// What truly became of a job. The events have the names of their rows in the log.
#[derive(Default)]
pub struct Job {
    ask: Ask,
    /// The events that it had to send when it began, with their keys and their acceptances. `None` before it began.
    selected: Option<BTreeMap<String, (String, String)>>,
    began: Millis,
    enqueued: BTreeMap<String, (String, String)>,
    attempted: BTreeSet<String>,
    delivered: BTreeSet<String>,
    /// Whether the operator ever asked to cancel it. The gateway may not know.
    asked_to_cancel: bool,
    /// When the gateway said that it is cancelled.
    cancelled: Option<Millis>,
}

pub type Jobs = BTreeMap<String, Job>;

/// The operator replays `times` times within `span`.
pub async fn operator(world: Rc<World>, times: u64, span: Millis) {
    for _ in 0..times {
        world.exec.sleep(world.exec.random.below(span / times)).await;
        replay(&world).await;
    }
}

/// The hourly cron trigger while a job runs, until each job must have ended.
pub async fn cron(world: Rc<World>) {
    for _ in 0..30 {
        world.exec.sleep(HOUR).await;
        if !world.log.query("SELECT id FROM jobs WHERE state = 'running'").is_empty() {
            senders::sweep(&world).await;
        }
    }
}

async fn replay(world: &Rc<World>) {
    let random = &world.exec.random;
    let ask = Ask::draw(random);
    let post = |body: Json| senders::call(world, Call { method: "POST", path: "/api/replay".to_owned(), body });
    let Some((200, run)) = post(ask.body(None)).await else { return };
    let Some(token) = run["token"].as_str() else { return };
    if random.chance(100) {
        return;
    }
    let id = token.split_once('-').unwrap().1[..16].to_owned();
    let job = Job { ask: ask.clone(), ..Job::default() };
    world.jobs.borrow_mut().entry(id.clone()).or_insert(job);
    for _ in 0..3 {
        world.exec.sleep(random.below(MINUTE)).await;
        match post(ask.body(Some(token))).await {
            Some((200, _)) => break,
            Some((422, _)) => return,
            _ => {}
        }
    }
    if random.chance(500) {
        senders::mend(world);
    }
    for _ in 0..random.below(6) {
        world.exec.sleep(random.below(2 * MINUTE)).await;
        if random.chance(200) {
            cancel(world, &id).await;
        } else {
            look(world, &id).await;
        }
    }
}

async fn cancel(world: &Rc<World>, id: &str) {
    world.jobs.borrow_mut().get_mut(id).unwrap().asked_to_cancel = true;
    let path = format!("/api/replay/{id}/cancel");
    if let Some((200, job)) = senders::call(world, Call { method: "POST", path, body: Json::Null }).await
        && job["state"] == "cancelled"
    {
        world.jobs.borrow_mut().get_mut(id).unwrap().cancelled.get_or_insert(world.exec.now());
    }
}

/// Reads the progress of a job. No number may be larger than the truth.
async fn look(world: &Rc<World>, id: &str) {
    let path = format!("/api/replay/{id}");
    let Some((200, told)) = senders::call(world, Call { method: "GET", path, body: Json::Null }).await else { return };
    let [enqueued, delivered, failed] = ["enqueued", "delivered", "failed"].map(|name| told[name].as_u64().unwrap());
    let jobs = world.jobs.borrow();
    let job = &jobs[id];
    let [put, attempted, done] =
        [job.enqueued.len(), job.attempted.len(), job.delivered.len()].map(|number| number as u64);
    if enqueued > put || delivered > done || delivered + failed > attempted {
        let truth = format!("{put} are in the queue, {attempted} were attempted, {done} delivered");
        world.violated(&format!("13: the job {id} tells too much: {told}; {truth}"), None);
    }
}

/// Runs statements, and notes which events a job selects that begins with them.
pub fn run(world: &World, statements: &[Statement]) -> Vec<Rows> {
    let answers = match world.sabotage.get() {
        None => world.log.run(statements),
        Some(how) => sabotage::run(how, &world.log, statements),
    };
    for Statement(sql, values) in statements {
        if sql.starts_with("INSERT INTO jobs")
            && let Some(Value::Text(id)) = values.first()
        {
            begin(world, id);
        }
    }
    answers
}

fn begin(world: &World, id: &str) {
    let mut jobs = world.jobs.borrow_mut();
    let Some(job) = jobs.get_mut(id) else { return world.violated("13: a job begins without a dry run", None) };
    let row = world.log.query(&format!("SELECT at FROM jobs WHERE id = '{id}'"));
    let (Some(row), None) = (row.first(), &job.selected) else { return };
    let rows = format!(
        "SELECT received || '-' || name AS event, head ->> 'dedupkey' AS key, \
         coalesce(head ->> 'acceptance', head ->> 'firstseen', '') AS acceptance, source, state, delivered, kept \
         FROM log_events WHERE received < {}",
        row["at"]
    );
    let text = |row: &Map<String, Json>, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = world.log.query(&rows);
    let wanted = rows.iter().filter(|row| job.ask.wants(row));
    job.selected = Some(wanted.map(|row| (text(row, "event"), (text(row, "key"), text(row, "acceptance")))).collect());
    job.began = world.exec.now();
}

/// A message of a job is in the queue.
pub fn enqueued(world: &World, event: &Event<'_>, envelope: &Envelope) {
    let (Some(id), 0) = (&envelope.replay, envelope.redrive) else { return };
    match world.jobs.borrow_mut().get_mut(id) {
        Some(job) if job.selected.is_some() => {
            let of = (event.key().to_string(), envelope.acceptance.clone());
            job.enqueued.insert(envelope.row.clone(), of);
        }
        _ => world.violated("13: a replay that nobody began is in the queue", world.story_of(event).as_ref()),
    }
}

/// An attempt of a job begins. The last act of `story` is this attempt.
pub fn attempted(world: &World, story: &Rc<Story>, envelope: &Envelope) {
    let Some(id) = &envelope.replay else { return };
    let mut jobs = world.jobs.borrow_mut();
    let Some(job) = jobs.get_mut(id) else { return };
    job.attempted.insert(envelope.row.clone());
    if envelope.redrive > 0 {
        return; // a redrive of a replay's letter is a new wish of the operator
    }
    if job.cancelled.is_some_and(|at| world.exec.now() > at + CANCELLED) {
        world.violated("13: a cancelled job sends an event", Some(story));
    }
    // All replays of an event share one claim. A repeating job sends what another replay has delivered, but only once.
    let is_rival = |act: &Act| {
        let same = act.envelope.replay.as_ref() == Some(id);
        act.is_certain
            && act.envelope.replay.is_some()
            && act.envelope.redrive == 0
            && act.envelope.acceptance == envelope.acceptance
            && (same || !job.ask.include_delivered)
    };
    if story.acts.borrow().iter().any(is_rival) {
        world.violated("13: a job sends an event that a replay has certainly delivered", Some(story));
    }
}

/// The destination processes an attempt of a job.
pub fn delivered(world: &World, envelope: &Envelope) {
    let mut jobs = world.jobs.borrow_mut();
    if let Some(job) = envelope.replay.as_ref().and_then(|id| jobs.get_mut(id)) {
        job.delivered.insert(envelope.row.clone());
    }
}

/// 13: when all is quiet, each job has ended, its numbers are not too large, and each event that it put into the queue was
/// delivered by it or has a dead letter of it. A job that does not repeat leaves out what others have delivered. An event
/// that it selected and did not put into the queue is delivered, dead, or counted as skipped.
pub fn check(world: &World) {
    for (id, job) in world.jobs.borrow().iter().filter(|(_, job)| job.selected.is_some()) {
        let rows =
            world.log.query(&format!("SELECT state, total, enqueued, skipped, problem FROM jobs WHERE id = '{id}'"));
        let Some(row) = rows.first() else { continue };
        let state = row["state"].as_str().unwrap();
        // Only a database that is down for a day makes a job that long.
        let has_ended = state == "done" || (state == "cancelled" && job.asked_to_cancel);
        if !(has_ended || (state == "failed" && world.goes_away())) {
            world.violated(&format!("13: the job {id} does not end: {row:?}"), None);
        }
        let number = |name: &str| row[name].as_u64().unwrap() as usize;
        if number("enqueued") > job.enqueued.len() {
            let put = job.enqueued.len();
            world.violated(&format!("13: the job {id} counts more than the {put} events in the queue: {row:?}"), None);
        }
        let attempted = job.attempted_in_log(id, world);
        if number("enqueued") < attempted.len() && state == "done" {
            let what = format!("13: the job {id} counts less than its {} attempted events: {row:?}", attempted.len());
            world.violated(&what, attempted.first());
        }
        if job.asked_to_cancel {
            continue;
        }
        if let Some((key, _)) = job.enqueued.values().find(|of| !job.has_settled(id, of, world)) {
            let story = world.story(key);
            world.violated(&format!("13: an event of the job {id} is lost: {row:?}"), story.as_ref());
        }
        let selected = job.selected.iter().flatten().filter(|(event, _)| !job.enqueued.contains_key(*event));
        let lost: Vec<_> = selected.clone().map(|(_, of)| of).filter(|of| !job.may_leave_out(of, world)).collect();
        // The job sends as many events as the dry run counted. Since then, more events may have become events to send.
        let more = (job.enqueued.len() + selected.count()).saturating_sub(number("total"));
        if state == "done" && lost.len() > number("skipped") + more {
            let story = world.story(&lost[0].0);
            let what = format!("13: the job {id} left out {} events in silence: {row:?}", lost.len());
            world.violated(&what, story.as_ref());
        }
    }
}

impl Job {
    /// Whether the event with this key and acceptance was delivered by the job `id`, or has a dead letter of it. A large
    /// body is deleted after the first delivery, so no second message delivers it.
    fn has_settled(&self, id: &str, (key, acceptance): &(String, String), world: &World) -> bool {
        let Some(story) = world.story(key) else { return true };
        let counts = |act: &Act| {
            let by_job = act.envelope.replay.as_deref() == Some(id) && act.envelope.acceptance == *acceptance;
            !self.ask.include_delivered || by_job || act.began >= self.began || act.envelope.body.is_some()
        };
        let delivered = |act: &Act| act.kind == Kind::Exchange && act.done && counts(act);
        story.acts.borrow().iter().any(delivered) || letters(world, key, acceptance, Some(id))
    }

    /// Whether an event that the job selected need not be in the queue: it was delivered meanwhile, or its attempts went on.
    fn may_leave_out(&self, (key, acceptance): &(String, String), world: &World) -> bool {
        let Some(story) = world.story(key) else { return true };
        let since = if self.ask.include_delivered && !world.goes_away() { self.a_while_before() } else { 0 };
        let delivered = |act: &Act| act.kind == Kind::Exchange && act.done && act.began >= since;
        story.acts.borrow().iter().any(delivered) || letters(world, key, acceptance, None)
    }

    /// The events with an attempt of the job `id` in the log. An event of which another message was on its way does not
    /// count: the job does not select it again.
    fn attempted_in_log(&self, id: &str, world: &World) -> Vec<Rc<Story>> {
        let sql = format!("SELECT head ->> 'dedupkey' AS key FROM log_events WHERE instr(attempts, '{id}') > 0");
        let is_other = |act: &Act| act.envelope.replay.as_deref() != Some(id) && act.began >= self.a_while_before();
        let rows = world.log.query(&sql);
        let stories = rows.iter().filter_map(|row| world.story(row["key"].as_str()?));
        stories.filter(|story| !story.acts.borrow().iter().any(is_other)).collect()
    }

    /// The log may be so late.
    fn a_while_before(&self) -> Millis {
        self.began.saturating_sub(10 * MINUTE)
    }

    /// Whether the log may say for ever that this event waits. The message of a replay that is left out says nothing to the
    /// log, and its last entry may be newer than the delivery.
    pub fn may_stay(&self, row: &Map<String, Json>) -> bool {
        let event = row["event"].as_str().unwrap();
        self.enqueued.contains_key(event) && (self.asked_to_cancel || !row["delivered"].is_null())
    }
}

/// Whether there is a dead letter of the event: of the replay `replay`, or any one that was not redriven.
fn letters(world: &World, key: &str, acceptance: &str, replay: Option<&str>) -> bool {
    world.letters.borrow().iter().any(|row| {
        let of = Event::decode(&row.letter.message);
        of.is_ok_and(|event| {
            let same = event.key().to_string() == key && event.acceptance_text() == acceptance;
            same && if replay.is_some() { event.replay() == replay } else { !row.redriven }
        })
    })
}
