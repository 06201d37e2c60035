//! The two queues. They deliver each message at least once, in any order.
//!
//! Each message has a task that hands the message to one isolate after another until one isolate acknowledges it. There are
//! no batches: messages that are in one isolate at the same time are lost together in a crash.

use super::executor::{Millis, WORLD};
use super::gate::Gate;
use super::sabotage::Sabotage;
use super::story::{Envelope, Handling, Side, Story};
use super::world::{DAY, Life, MINUTE, World};
use super::{invariants, jobs, sources};
use hookgate::message::Event;
use hookgate::pipeline::{self, Disposition, ReceivedMessage};
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Events,
    Dead,
}

/// The retries after which the queue of dead letters deletes a message: `max_retries` in wrangler.toml.
const DEAD_RETRIES: u32 = 100;

/// A message.
pub struct Item {
    text: String,
    /// None for a message of the gateway to itself.
    pub story: Option<Rc<Story>>,
    pub envelope: Rc<Envelope>,
}

/// The beginnings of the messages of the gateway to itself.
const OWN: [&str; 2] = ["{\"hookgate_probe\"", "{\"hookgate_replay\""];

/// Makes `text` durable in the queue `name`, once or twice.
pub fn send(world: &Rc<World>, name: Name, text: String) {
    send_later(world, name, text, 0);
}

/// As [`send`]. The queue hands the message over after `delay`.
pub fn send_later(world: &Rc<World>, name: Name, text: String, delay: Millis) {
    let item = if OWN.iter().any(|own| text.starts_with(own)) {
        Item { text, story: None, envelope: Rc::default() }
    } else {
        let Ok(event) = Event::decode(&text) else { return world.violated("an unreadable message", None) };
        let Some(story) = world.story_of(&event) else { return world.violated("a message of no event", None) };
        let envelope = Envelope::of(&event);
        if name == Name::Events {
            jobs::enqueued(world, &event, &envelope);
        }
        Item { envelope: Rc::new(envelope), story: Some(story), text }
    };
    let item = Rc::new(item);
    for _ in 0..=u8::from(world.strikes(world.faults.twice)) {
        let number = world.exec.random.next();
        world.messages.borrow_mut().insert(number, Rc::clone(&item));
        count(&item, name, 1);
        world.exec.spawn(WORLD, deliver(Rc::clone(world), (name, delay), number, Rc::clone(&item)));
    }
}

fn count(item: &Item, name: Name, by: i32) {
    let Some(story) = &item.story else { return };
    let counter = if name == Name::Events { &story.queued } else { &story.dead };
    counter.set(counter.get().strict_add_signed(by));
}

async fn deliver(world: Rc<World>, (mut name, delay): (Name, Millis), number: u64, item: Rc<Item>) {
    world.exec.sleep(delay).await;
    let mut attempt = 1;
    loop {
        world.exec.sleep(world.exec.random.below(1500)).await;
        let life = world.isolate();
        let handled = world.run_in(&life, handle(Rc::clone(&world), life.clone(), name, Rc::clone(&item), attempt));
        let delay = match world.exec.wait(handled, DAY).await {
            // The next arm is a lost acknowledgement.
            Some(Disposition::Ack) if !world.strikes(world.faults.twice) => break,
            Some(Disposition::Ack) => world.exec.random.below(2 * MINUTE),
            // The queue takes the delay in whole seconds.
            Some(Disposition::Retry(delay)) => delay.as_millis().div_ceil(1000) as u64 * 1000,
            None => world.exec.random.below(2 * MINUTE),
        };
        attempt += 1;
        if name == Name::Events && attempt > world.most_retries + 1 {
            if let Some(story) = &item.story {
                story.note(world.exec.now(), "queue gives up, retries:", u64::from(world.most_retries));
            }
            count(&item, Name::Dead, 1);
            count(&item, Name::Events, -1);
            (name, attempt) = (Name::Dead, 1);
        } else if attempt > DEAD_RETRIES + 1 {
            break;
        }
        world.exec.sleep(delay).await;
    }
    world.messages.borrow_mut().remove(&number);
    count(&item, name, -1);
    if let Some(story) = &item.story {
        invariants::still_somewhere(&world, story, "a message was acknowledged or deleted");
    }
}

/// One isolate consumes a message.
async fn handle(world: Rc<World>, life: Life, name: Name, item: Rc<Item>, attempt: u32) -> Disposition {
    if world.sabotage.get() == Some(Sabotage::AckFirst) && item.envelope.replay.is_some() {
        return Disposition::Ack;
    }
    let handling = Handling::new(item.story.clone(), Side::Consumer, Rc::clone(&item.envelope));
    let gate = Gate::new(&world, &life, handling, false);
    gate.note(
        if name == Name::Events { "consumer takes, redrive:" } else { "dead letter taken, redrive:" },
        u64::from(item.envelope.redrive),
    );
    let queue = world.name_of(name);
    let since = invariants::paused_since(&world, item.story.as_ref());
    let (pauses, problem) = pipeline::read_pauses(&gate).await;
    let held = item.story.as_ref().is_some_and(|story| pauses.get(&sources::name(story.source)).is_some());
    // A pause that ends during the read may be seen or not.
    let lasts = since.is_some() && since == invariants::paused_since(&world, item.story.as_ref());
    if lasts && !held && problem.is_none() {
        world.violated("11: a batch does not see a pause", item.story.as_ref());
    }
    gate.held.set(held && name == Name::Events);
    let handed = ReceivedMessage { text: &item.text, queue: &queue, attempt, now: gate.now(), pauses: &pauses };
    let (disposition, record) = pipeline::consume(handed, &life.config, &gate).await;
    world.ledger.borrow_mut().consumed(name, &item.text, attempt, &record);
    if record.reason == Some("in_flight") {
        gate.is_told_in_flight();
    }
    gate.note(record.reason.unwrap_or("consumer ends, acknowledged:"), u64::from(disposition == Disposition::Ack));
    gate.ended();
    // The consumer acknowledges after it has written the log, as `entry.js` does.
    write_log(&world, &life).await;
    disposition
}

/// Writes the log of an isolate, for no particular event.
pub async fn write_log(world: &Rc<World>, life: &Life) {
    let gate = Gate::new(world, life, Handling::new(None, Side::Neither, Rc::default()), false);
    pipeline::write_log(&gate).await;
}
