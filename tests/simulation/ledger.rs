//! The simulation's own counts of what happened, and their comparison with the log in the database.

use super::queue::Name;
use super::sources;
use super::world::World;
use hookgate::message::Event;
use hookgate::pipeline::ports::{DestinationAnswer, PortError};
use hookgate::record::{Record, Verdict};
use hookgate::serve::Outcome;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How often each thing happened at each source.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<(String, String), i64>);

const REQUESTS: &str = "SELECT source, verdict || iif(reason = '', '', '/' || reason) AS what, sum(count) AS count \
                        FROM counts GROUP BY 1, 2";
/// The counts of deliveries in the database, and their names here.
const DELIVERIES: [(&str, &str); 8] = [
    ("accepted", "accepted"),
    ("delivered", "delivered"),
    ("dead", "dead"),
    ("s2xx", "2xx"),
    ("s3xx", "3xx"),
    ("s4xx", "4xx"),
    ("s5xx", "5xx"),
    ("unreachable", "unreachable"),
];

/// Events that may be `accepted` once more.
const AGAIN: &str = "taken from the dead letters' queue";
/// The table of events.
const EVENTS: &str = "log_events";

impl Ledger {
    fn add(&mut self, source: &str, what: impl Into<String>) {
        *self.0.entry((source.to_owned(), what.into())).or_default() += 1;
    }

    /// A request to `path` was answered.
    pub fn answered(&mut self, path: &str, outcome: &Outcome) {
        let source = path.strip_prefix("/webhooks/").unwrap_or("/api");
        let says = |text: &str| outcome.answer.status == 200 && outcome.answer.body.contains(text);
        let what = match &outcome.record {
            _ if says("\"duplicate\":true") => "duplicate".to_owned(),
            _ if says("\"filtered\":true") => "filtered".to_owned(),
            _ if outcome.answer.status == 200 => return,
            None => "rejected/too_many_refusals".to_owned(),
            Some(Record { verdict, reason, .. }) => format!("{}/{}", verdict.name(), reason.unwrap()),
        };
        self.add(source, what);
    }

    /// The destination answered an attempt for `source`, or the attempt failed. Of the attempts for which a provider waits,
    /// only the successful one is an attempt of the log: the others are refused requests.
    pub fn attempted(&mut self, source: usize, is_queued: bool, answer: &Result<DestinationAnswer, PortError>) {
        let class = match answer {
            Ok(DestinationAnswer { status, .. }) => format!("{}xx", status / 100),
            Err(PortError(_)) => "unreachable".to_owned(),
        };
        let name = sources::name(source);
        if is_queued {
            self.add(&name, class);
        } else if class == "2xx" {
            for what in ["2xx", "accepted", "delivered"] {
                self.add(&name, what);
            }
        }
    }

    /// The consumer of the queue `name` has handled the message `text`, in its `attempt`-th attempt.
    pub fn consumed(&mut self, name: Name, text: &str, attempt: u32, record: &Record) {
        let Ok(event) = Event::decode(text) else { return };
        let is_new = attempt == 1 && !event.is_redriven() && event.replay().is_none();
        let is_marked = event.dead_reason().is_some();
        let says = |text: &str| record.detail.as_deref().is_some_and(|detail| detail.ends_with(text));
        match (record.verdict, record.reason) {
            (Verdict::Dead, Some("dead_letter")) if is_marked => return,
            (Verdict::Dead, Some("dead_letter")) => return self.add(event.source(), "dead"),
            (Verdict::Duplicate, _) | (Verdict::Retried, Some("in_flight" | "keep_failed")) => return,
            (Verdict::Dead, Some("replay_cancelled")) => return, // it was dead before
            (Verdict::Delivered, _) => self.add(event.source(), "delivered"),
            (Verdict::Dead, _) if !says("it has no time for another attempt") => self.add(event.source(), "dead"),
            _ => {}
        }
        // A gateway that does not know yet which queue has the dead letters makes one more attempt.
        if is_new {
            self.add(event.source(), if name == Name::Events { "accepted" } else { AGAIN });
        }
    }

    /// What the log has counted.
    fn of_log(world: &World) -> Self {
        let mut counts = BTreeMap::new();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        for row in world.log.query(REQUESTS) {
            counts.insert((text(&row["source"]), text(&row["what"])), row["count"].as_i64().unwrap());
        }
        for (column, what) in DELIVERIES {
            let sql = format!("SELECT source, sum({column}) AS count FROM deliveries GROUP BY 1 HAVING count > 0");
            for row in world.log.query(&sql) {
                counts.insert((text(&row["source"]), what.to_owned()), row["count"].as_i64().unwrap());
            }
        }
        Self(counts)
    }

    fn get(&self, key: &(String, String)) -> i64 {
        self.0.get(key).copied().unwrap_or(0)
    }
}

/// 11: when all is quiet and the log is written, its counts are the simulation's. A crash loses what an isolate had not yet
/// written. A write whose answer is lost may count twice.
pub fn check(world: &World) {
    let (ledger, log) = (world.ledger.borrow(), Ledger::of_log(world));
    let crashes = world.faults.crash > 0;
    let answers_are_lost = world.faults.letters.after + world.faults.letters.hangs > 0;
    for key in ledger.0.keys().chain(log.0.keys()) {
        let (source, what) = key;
        let (happened, counted) = (ledger.get(key), log.get(key));
        let more = if what == "accepted" { ledger.get(&(source.clone(), AGAIN.to_owned())) } else { 0 };
        let is_too_many = counted > happened + more && !answers_are_lost;
        if what != AGAIN && ((counted < happened && !crashes) || is_too_many) {
            world.violated(&format!("11: the log counts {counted} and not {happened}: {what} of {source}"), None);
        }
    }
    // An attempt is in the row of its event once, however often it was written. Two messages of an event whose attempts are
    // equal in every field have one attempt there. Only exact claims keep the two messages apart.
    for row in world.log.query(&format!("SELECT source, sum(tries) AS tries FROM {EVENTS} GROUP BY 1")) {
        let (source, tries) = (row["source"].as_str().unwrap(), row["tries"].as_i64().unwrap());
        let classes = ["2xx", "3xx", "4xx", "5xx", "unreachable"];
        let happened: i64 = classes.iter().map(|class| ledger.get(&(source.to_owned(), (*class).to_owned()))).sum();
        let may_be_equal = !source.starts_with("exact");
        if tries > happened || (tries < happened && !crashes && !may_be_equal) {
            world.violated(&format!("11: the rows of {source} have {tries} attempts and not {happened}"), None);
        }
    }
    if !crashes {
        check_states(world);
    }
}

/// 12: when all is quiet, no event of the log is on its way, and each dead letter is a dead event, or one of which another
/// message was delivered. An event that was accepted twice has two rows. The row of the message that was a duplicate in the
/// end keeps its state.
fn check_states(world: &World) {
    let rows = format!(
        "SELECT received || '-' || name AS event, head ->> 'dedupkey' AS key, substr(name, 1, 24) AS begin, state, next, \
         delivered FROM {EVENTS}"
    );
    let rows = world.log.query(&rows);
    let of = |key: &str| rows.iter().filter(|row| row["key"] == key).collect::<Vec<_>>();
    let may_stay = |row: &Map<String, Value>| world.jobs.borrow().values().any(|job| job.may_stay(row));
    let is_alone = |begin: &Value| rows.iter().filter(|row| row["begin"] == *begin).count() == 1;
    for row in rows.iter().filter(|row| is_alone(&row["begin"])) {
        let is_settled = matches!(row["state"].as_str(), Some("delivered" | "dead" | "filtered"));
        if (!is_settled || !row["next"].is_null()) && !may_stay(row) {
            let story = row["key"].as_str().and_then(|key| world.story(key));
            world.violated(&format!("12: an event is {} for ever", row["state"]), story.as_ref());
        }
    }
    for row in world.log.query("SELECT source, substr(name, 1, 24) AS begin FROM waiting") {
        let is_excused = rows.iter().any(|known| known["begin"] == row["begin"] && may_stay(known));
        if is_alone(&row["begin"]) && !is_excused {
            world.violated(&format!("12: an event of {} counts to the backlog for ever", row["source"]), None);
        }
    }
    for letter in world.letters.borrow().alive().map(|row| &row.letter) {
        let rows = of(&letter.key);
        // A copy of the message may come after the letter was kept, while the source is paused.
        let is_told = |row: &&Map<String, Value>| {
            row["state"] == "dead" || row["state"] == "paused" || !row["delivered"].is_null() || may_stay(row)
        };
        if !rows.iter().any(is_told) {
            let story = world.story(&letter.key);
            world.violated(&format!("12: a dead letter, and the log has no dead event: {rows:?}"), story.as_ref());
        }
    }
}
