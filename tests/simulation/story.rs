//! The history of one event: its acceptances, its messages and letters, and the acts whose outcome the gateway cannot know.

use super::executor::Millis;
use super::faults::Fate;
use super::world::{MINUTE, SECOND};
use hookgate::dedup::Shard;
use hookgate::log::EventName;
use hookgate::message::Event;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

/// How long the answer `in flight` may be on its way.
const ANSWERED: Millis = 4 * SECOND;
/// How much later a store may still do the work of a call that timed out.
pub const LATEST: Millis = 2 * MINUTE;
/// How long an unknown claim may hold: it may be made late, and it has the longest lease.
pub const LEFT_BEHIND: Millis = LATEST + 95 * SECOND;

/// One event, from its provider to its destination.
pub struct Story {
    pub source: usize,
    pub exact: bool,
    pub key: String,
    /// Its other keys. Without deduplication, each acceptance of an event without an id has another key.
    pub keys: RefCell<BTreeSet<String>>,
    pub body: Rc<[u8]>,
    /// Whether its source's filter may drop it.
    pub unwanted: bool,
    /// The status with which the destination refuses this event, until the operator mends the destination.
    pub refused: Cell<Option<u16>>,
    /// Whether the gateway answered a request of the event with a 2xx.
    pub accepted: Cell<bool>,
    /// How many requests were accepted as separate events. Without deduplication, there may be several.
    pub acceptances: Cell<usize>,
    /// How many of its messages are in the events' queue, and in the dead letters' queue.
    pub queued: Cell<u32>,
    pub dead: Cell<u32>,
    /// The stored bodies of the messages that the destination processed.
    pub delivered_bodies: RefCell<BTreeSet<String>>,
    /// How many of its dead letters expired before a redrive.
    pub expired: Cell<usize>,
    pub acts: RefCell<Vec<Act>>,
    /// The handlings in progress, at each side of the queue.
    pub ingest: Busy,
    pub consumer: Busy,
    trace: RefCell<Vec<(Millis, &'static str, Detail)>>,
}

impl Story {
    pub fn new(source: usize, exact: bool, key: String, body: Vec<u8>, unwanted: bool) -> Rc<Self> {
        Rc::new(Self {
            source,
            exact,
            key,
            keys: RefCell::default(),
            body: body.into(),
            unwanted,
            refused: Cell::new(None),
            accepted: Cell::new(false),
            acceptances: Cell::new(0),
            queued: Cell::new(0),
            dead: Cell::new(0),
            delivered_bodies: RefCell::default(),
            expired: Cell::new(0),
            acts: RefCell::default(),
            ingest: Busy::default(),
            consumer: Busy::default(),
            trace: RefCell::default(),
        })
    }

    /// Whether `key` is a key of this event.
    pub fn has_key(&self, key: &str) -> bool {
        self.key == key || self.keys.borrow().contains(key)
    }

    pub fn note(&self, now: Millis, what: &'static str, detail: impl Into<Detail>) {
        self.trace.borrow_mut().push((now, what, detail.into()));
    }

    pub fn trace(&self) -> String {
        let lines = self.trace.borrow();
        let lines =
            lines.iter().map(|(at, what, detail)| format!("  {:>9}.{:03}s  {what} {detail}\n", at / 1000, at % 1000));
        lines.collect()
    }

    /// How often the destination processed the event.
    pub fn processed(&self) -> usize {
        self.acts.borrow().iter().filter(|act| act.kind == Kind::Exchange && act.done).count()
    }

    /// Whether the destination processed an exact event, or one replay of any event, more often than the gateway could
    /// prevent.
    ///
    /// Of the exchanges that the destination processed, at most one may be unambiguous. A letter gives the event a
    /// second life with another redrive number. If the call that sent or kept the letter was ambiguous, the first life may
    /// go on after the second began. Then each life may have one unambiguous exchange.
    pub fn is_repeated(&self) -> bool {
        let acts = self.acts.borrow();
        let plain = acts.iter().filter(|act| act.kind == Kind::Exchange && act.done && act.state != State::Ambiguous);
        let two_lives = acts.iter().any(|act| act.kind == Kind::Letter && act.state == State::Ambiguous);
        let mut all: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
        for envelope in plain.map(|act| &*act.envelope) {
            let of = match &envelope.replay {
                Some(replay) => (replay.as_str(), envelope.acceptance.as_str()),
                None if self.exact => ("", ""),
                None => continue,
            };
            all.entry(of).or_default().push(envelope.redrive);
        }
        let repeats = |lives: &Vec<u32>| {
            let distinct: BTreeSet<&u32> = lives.iter().collect();
            lives.len() > if two_lives { distinct.len() } else { 1 }
        };
        all.values().any(repeats)
    }
}

/// The end of a line of the trace.
#[derive(Debug, Clone, Copy)]
pub enum Detail {
    Number(u64),
    Fate(Fate),
}

impl From<u64> for Detail {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Fate> for Detail {
    fn from(fate: Fate) -> Self {
        Self::Fate(fate)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Fate(fate) => write!(f, "{fate:?}"),
        }
    }
}

/// The handlings in progress at one side of the queue.
#[derive(Default)]
pub struct Busy {
    at_work: Cell<u32>,
    /// When a claim that was left behind ends.
    until: Cell<Millis>,
}

impl Busy {
    /// Whether the answer `in flight` is allowed.
    pub fn is_claimed(&self, now: Millis) -> bool {
        self.at_work.get() > 1 || now <= self.until.get()
    }

    fn until(&self, until: Millis) {
        self.until.set(self.until.get().max(until));
    }
}

/// The side of the queue of a handling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ingest,
    Consumer,
    /// A handling that makes no claim.
    Neither,
}

/// A step of the gateway for an event. A repetition of the step is visible outside the gateway.
#[derive(Debug)]
pub struct Act {
    pub kind: Kind,
    pub envelope: Rc<Envelope>,
    pub began: Millis,
    /// Whether the act took place. The gateway may not know this.
    pub done: bool,
    pub state: State,
    /// Whether the act is an exchange that was answered, and every confirmation after it was answered too.
    pub is_certain: bool,
}

/// What tells one message of an event from another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The number of the redrive; 0 before the first redrive.
    pub redrive: u32,
    /// The token of the replay.
    pub replay: Option<String>,
    pub acceptance: String,
    /// The name of the event's row in the log.
    pub row: String,
    /// The name of the stored body.
    pub body: Option<String>,
}

impl Envelope {
    pub fn of(event: &Event<'_>) -> Self {
        Self {
            redrive: event.redrives(),
            replay: event.replay().map(str::to_owned),
            acceptance: event.acceptance_text().to_owned(),
            row: EventName::of(event).map(|name| name.to_string()).unwrap_or_default(),
            body: event.payload().map(str::to_owned),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A forward that reached the destination.
    Exchange,
    /// A dead letter on its way to its queue or to its table.
    Letter,
}

/// Whether the gateway knows the outcome of an act.
///
/// Three causes make an act *ambiguous* for good:
/// - its answer is lost: the connection is reset, or the call times out;
/// - the isolate crashes after the act began and before every object of its claim has recorded the confirmation;
/// - every try of the gateway to record the confirmation in one of these objects failed, and the gateway went on.
///
/// The first two causes do not depend on whether the act was done: the gateway cannot know this. No other cause exists. In
/// particular, an act in progress is not ambiguous, and a confirmation that is missing or late makes no act ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Settled,
    Ambiguous,
}

/// The acts of one request or message while an isolate handles it.
pub struct Handling {
    pub story: Option<Rc<Story>>,
    pub side: Side,
    /// Of the message. A request has none.
    pub envelope: Rc<Envelope>,
    acts: RefCell<Vec<usize>>,
    exchanges: RefCell<Vec<usize>>,
    /// Whether the answer to a confirmation is missing or bad.
    doubts: Cell<bool>,
    claimed: RefCell<BTreeSet<Shard>>,
    confirmed: RefCell<BTreeSet<Shard>>,
    unconfirmed: Cell<bool>,
}

impl Handling {
    pub fn new(story: Option<Rc<Story>>, side: Side, envelope: Rc<Envelope>) -> Rc<Self> {
        let handling = Self {
            story,
            side,
            envelope,
            acts: RefCell::default(),
            exchanges: RefCell::default(),
            doubts: Cell::new(false),
            claimed: RefCell::default(),
            confirmed: RefCell::default(),
            unconfirmed: Cell::new(false),
        };
        if let Some(busy) = handling.busy() {
            busy.at_work.set(busy.at_work.get() + 1);
        }
        Rc::new(handling)
    }

    /// The handlings of the event at this side.
    pub fn busy(&self) -> Option<&Busy> {
        let story = self.story.as_ref()?;
        match self.side {
            Side::Ingest => Some(&story.ingest),
            Side::Consumer => Some(&story.consumer),
            Side::Neither => None,
        }
    }

    /// A claim may be left behind and hold until `until`.
    pub fn left_behind(&self, until: Millis) {
        if let Some(busy) = self.busy() {
            busy.until(until);
        }
    }

    pub fn note(&self, now: Millis, what: &'static str, detail: impl Into<Detail>) {
        if let Some(story) = &self.story {
            story.note(now, what, detail);
        }
    }

    /// An act begins. Without a claim in this handling, keeping a letter is no act, because the outcome was settled before.
    pub fn begin(&self, kind: Kind, now: Millis) -> Option<usize> {
        if kind == Kind::Letter && self.claimed.borrow().is_empty() {
            return None;
        }
        let mut acts = self.story.as_ref()?.acts.borrow_mut();
        let envelope = Rc::clone(&self.envelope);
        acts.push(Act { kind, envelope, began: now, done: false, state: State::Open, is_certain: false });
        let act = acts.len() - 1;
        self.acts.borrow_mut().push(act);
        if kind == Kind::Exchange {
            self.exchanges.borrow_mut().push(act);
        }
        Some(act)
    }

    /// The act takes place.
    pub fn done(&self, act: Option<usize>) {
        self.change(act, |act| act.done = true);
    }

    /// The gateway gets no answer. The act may have taken place.
    pub fn lost(&self, act: Option<usize>) {
        self.change(act, |act| act.state = State::Ambiguous);
    }

    /// The act did not take place, and the gateway knows this.
    pub fn failed(&self, act: Option<usize>) {
        self.change(act, |act| act.state = State::Settled);
    }

    fn change(&self, act: Option<usize>, how: impl FnOnce(&mut Act)) {
        if let (Some(story), Some(act)) = (&self.story, act) {
            how(&mut story.acts.borrow_mut()[act]);
        }
    }

    pub fn claimed(&self, shard: Shard) {
        self.claimed.borrow_mut().insert(shard);
    }

    /// An object has recorded the confirmation.
    pub fn confirmed(&self, shard: Shard) {
        self.confirmed.borrow_mut().insert(shard);
        if self.confirmed.borrow().is_superset(&self.claimed.borrow()) {
            self.close(State::Settled);
        }
    }

    /// A try to confirm failed.
    pub fn unconfirmed(&self) {
        self.unconfirmed.set(true);
    }

    /// An object has answered a confirmation or not. The gateway may try again.
    pub fn answered(&self, confirmed: bool) {
        self.doubts.set(self.doubts.get() || !confirmed);
    }

    /// The gateway has finished.
    pub fn ended(&self, now: Millis) {
        if let Some(story) = self.story.as_ref().filter(|_| !self.doubts.get()) {
            let mut acts = story.acts.borrow_mut();
            for act in self.exchanges.take() {
                acts[act].is_certain = acts[act].done && acts[act].state != State::Ambiguous;
            }
        }
        self.leave(now + ANSWERED);
        self.close(if self.unconfirmed.get() { State::Ambiguous } else { State::Settled });
    }

    /// The isolate crashes.
    pub fn crashed(&self, now: Millis) {
        self.leave(now + LEFT_BEHIND);
        self.close(State::Ambiguous);
    }

    fn leave(&self, until: Millis) {
        if let Some(busy) = self.busy() {
            busy.at_work.set(busy.at_work.get() - 1);
            busy.until(until);
        }
    }

    fn close(&self, state: State) {
        let Some(story) = &self.story else { return };
        let mut acts = story.acts.borrow_mut();
        for act in self.acts.take() {
            if acts[act].state == State::Open {
                acts[act].state = state;
            }
        }
    }
}
