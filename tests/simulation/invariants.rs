//! The invariants that must hold under any faults. Other files check some of them: `origin.rs` 2, 4, 6 and 11; `gate.rs` and
//! `ports.rs` 1, 3, 4 and 8; `senders.rs` 4 and 9;
//! `queue.rs` 11: no attempt is made for a source that the batch saw paused, and a batch sees each pause before it.

use super::sources;
use super::story::Story;
use super::world::World;
use hookgate::letter::{PARKED_PREFIX, ParkedLetter};
use hookgate::message::Event;
use hookgate::payload::{body_of, mark_of};
use hookgate::pipeline::ports::Stored;
use hookgate_verify::UnixTime;
use std::rc::Rc;

impl Story {
    /// Whether every acceptance of the event is delivered, on its way, or dead.
    pub fn is_somewhere(&self, world: &World) -> bool {
        let letters = world.letters.borrow();
        let dead = letters.alive().filter(|row| self.has_key(&row.letter.key)).count();
        let on_the_way = (self.queued.get() + self.dead.get()) as usize;
        let all = on_the_way + self.processed() + self.expired.get() + dead + self.waiting(world);
        all >= self.acceptances.get().max(1)
    }

    /// How many of its letters wait in the bucket for the database.
    fn waiting(&self, world: &World) -> usize {
        let bodies = world.bodies.borrow();
        let letters = bodies.names().filter(|name| name.starts_with(PARKED_PREFIX));
        let stored = letters.filter_map(|name| match bodies.load(name) {
            Stored::Bytes(bytes) => ParkedLetter::parse(&bytes),
            Stored::Delivered | Stored::Nothing => None,
        });
        stored
            .filter(|waiting| Event::decode(&waiting.message).is_ok_and(|event| self.has_key(&event.key().to_string())))
            .count()
    }
}

/// Checks invariants 1 and 5 for one event.
pub fn still_somewhere(world: &World, story: &Rc<Story>, when: &str) {
    if story.accepted.get() && !story.is_somewhere(world) {
        world.violated(&format!("1: an accepted event is lost, when {when}"), Some(story));
    }
}

/// 5: an accepted event is delivered, pending or dead at any time. 7: a pending or dead event has its body.
pub fn check(world: &World) {
    for story in world.stories.borrow().values() {
        if story.accepted.get() && !story.is_somewhere(world) {
            world.violated("5: an accepted event is neither delivered nor pending nor dead", Some(story));
        }
    }
    let bodies = world.bodies.borrow();
    let missing = |story: &Story, body: &Option<String>| {
        body.as_ref().is_some_and(|body| !bodies.contains_key(body) && !story.delivered_bodies.borrow().contains(body))
    };
    for item in world.messages.borrow().values() {
        if item.story.as_ref().is_some_and(|story| missing(story, &item.envelope.body)) {
            world.violated("7: a message without its body", item.story.as_ref());
        }
    }
    for row in world.letters.borrow().alive() {
        let story = world.story(&row.letter.key);
        let expired = row.expires <= world.time(2000);
        if story.as_ref().is_some_and(|story| missing(story, &row.letter.payload)) && !expired {
            world.violated("7: a letter without its body", story.as_ref());
        }
    }
}

/// Deletes expired letters. A letter may not be deleted before its time.
pub fn expire(world: &World, now: UnixTime) -> usize {
    let gone = world.letters.borrow_mut().expire(now);
    for row in &gone {
        let Some(story) = world.story(&row.letter.key) else { continue };
        if world.time(2000) < row.expires {
            world.violated("1: a letter is deleted before its time", Some(&story));
        }
        story.expired.set(story.expired.get() + usize::from(!row.redriven));
    }
    gone.len()
}

/// 7: no body and no mark is left without a message, letter or row that refers to it.
pub fn check_orphans(world: &World) {
    let letters = world.letters.borrow();
    for name in world.bodies.borrow().names().filter(|name| !name.starts_with(PARKED_PREFIX)) {
        let body = body_of(name);
        let rows = world.log.query(&format!("SELECT name FROM log_events WHERE payload = '{body}'"));
        if !letters.refers_to(body) && rows.is_empty() && world.messages.borrow().is_empty() {
            let story = body.split('/').next().and_then(|key| world.story(key));
            world.violated("7: a body without a reference is left after the sweep", story.as_ref());
        }
    }
}

/// Since when the source of the event is paused, as the database has it.
pub fn paused_since(world: &World, story: Option<&Rc<Story>>) -> Option<i64> {
    let name = sources::name(story?.source);
    let rows = world.log.query(&format!("SELECT since FROM pauses WHERE source = '{name}'"));
    rows.first().map(|row| row["since"].as_i64().unwrap())
}

/// 12: if the row of a delivered event says that R2 has its body, R2 has every byte.
pub fn check_kept(world: &World) {
    let bodies = world.bodies.borrow();
    let mut kept = 0;
    let kept_rows =
        "SELECT head ->> 'dedupkey' AS key, payload FROM log_events WHERE kept = 'bucket' AND state = 'delivered'";
    for row in world.log.query(kept_rows) {
        let (Some(key), Some(name)) = (row["key"].as_str(), row["payload"].as_str()) else { continue };
        let Some(story) = world.story(key) else { continue };
        if bodies.load(name) != Stored::Bytes(story.body.to_vec()) {
            world.violated("12: the log says that R2 has a body, and R2 has not", Some(&story));
        }
        kept += usize::from(bodies.contains_key(&mark_of(name)));
    }
    world.kept.set(kept);
}

/// 10: the log tells the truth. It may miss an attempt, because an isolate may crash before it writes the log.
pub fn check_log(world: &World) {
    for row in world.log.query("SELECT head ->> 'dedupkey' AS key, state, delivered FROM log_events") {
        let Some(story) = row["key"].as_str().and_then(|key| world.story(key)) else { continue };
        let says_delivered = row["state"] == "delivered" || !row["delivered"].is_null();
        if says_delivered && story.processed() == 0 {
            world.violated("10: the log has a delivery that never happened", Some(&story));
        }
    }
}
