//! What happened to one event: what it is, where it went, and which of it the gateway could not learn or record.

use super::executor::Millis;
use super::faults::Fate;
use super::world::{MINUTE, SECOND};
use hookgate::dedup::Shard;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// How long somebody may be on the way with the answer that the event is in flight.
const ANSWERED: Millis = 4 * SECOND;
/// What was given up may still be done, so much later.
pub const LATEST: Millis = 2 * MINUTE;
/// How long a claim may count that nobody knows of: it may be made late, and has the longest lease.
pub const LEFT_BEHIND: Millis = LATEST + 95 * SECOND;

/// One event, from its provider to wherever it got.
pub struct Story {
    pub source: usize,
    pub exact: bool,
    pub key: String,
    /// Other keys of it: where nobody looks for duplicates and bytes alone tell events apart, each acceptance has one.
    pub keys: RefCell<BTreeSet<String>>,
    pub body: Rc<[u8]>,
    /// Whether its source's filter may drop it.
    pub unwanted: bool,
    /// What the origin answers to this event, until somebody mends it.
    pub refused: Cell<Option<u16>>,
    /// Whether the gateway answered a delivery of it with a 2xx.
    pub accepted: Cell<bool>,
    /// How many requests were accepted as events of their own: more than one where nobody looks for duplicates.
    pub acceptances: Cell<usize>,
    /// How many messages of it are in the queue, and in the dead letters' queue.
    pub queued: Cell<u32>,
    pub dead: Cell<u32>,
    /// The bodies beside the queue whose very message the origin processed.
    pub delivered_bodies: RefCell<BTreeSet<String>>,
    /// How many dead letters of it were deleted because nobody redrove them in time.
    pub expired: Cell<usize>,
    pub acts: RefCell<Vec<Act>>,
    /// Who is at work on it, at each side of the queue.
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

    /// Whether `key` is one of its own.
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

    /// How many times the origin processed it.
    pub fn processed(&self) -> usize {
        self.acts.borrow().iter().filter(|act| act.kind == Kind::Exchange && act.done).count()
    }

    /// Whether what the origin processed is more than the gateway can help, where it was claimed exactly.
    ///
    /// Of all exchanges that the origin processed, one at most may be unambiguous. A letter is a second life of the
    /// event, with a redrive number of its own: where its burial or keeping was ambiguous, the first life may go on
    /// beside it, and there may be one unambiguous exchange in each.
    pub fn is_repeated(&self) -> bool {
        let acts = self.acts.borrow();
        let plain = acts.iter().filter(|act| act.kind == Kind::Exchange && act.done && act.state != State::Ambiguous);
        let lives: Vec<u32> = plain.map(|act| act.redrive).collect();
        let distinct: BTreeSet<u32> = lives.iter().copied().collect();
        let two_lives = acts.iter().any(|act| act.kind == Kind::Letter && act.state == State::Ambiguous);
        self.exact && lives.len() > if two_lives { distinct.len() } else { 1 }
    }
}

/// What a line of the trace ends with.
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

/// Who is at work on an event.
#[derive(Default)]
pub struct Busy {
    at_work: Cell<u32>,
    /// Until when a claim may count that nobody holds any more.
    until: Cell<Millis>,
}

impl Busy {
    /// Whether the next may be told that the event is in flight.
    pub fn is_claimed(&self, now: Millis) -> bool {
        self.at_work.get() > 1 || now <= self.until.get()
    }

    fn until(&self, until: Millis) {
        self.until.set(self.until.get().max(until));
    }
}

/// Which side of the queue somebody works at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ingest,
    Consumer,
    /// None that claims anything.
    Neither,
}

/// Something the gateway does for an event that it cannot do twice unseen.
#[derive(Debug)]
pub struct Act {
    pub kind: Kind,
    /// Which redrive of the event it belongs to; 0 before the first.
    pub redrive: u32,
    /// Whether it took place, for all the gateway may know of it.
    pub done: bool,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A forward that reached the origin.
    Exchange,
    /// A dead letter, put into its queue or kept.
    Letter,
}

/// Whether the gateway knows what came of an act.
///
/// An act is *ambiguous* from the moment when one of these happens, and stays so:
/// - its answer is lost: the connection was reset, or the caller's time ran out, before the caller had an answer;
/// - the isolate crashes after the act began and before the confirmation of its claim is recorded in every object
///   that it was claimed in;
/// - the gateway tried to record that confirmation, each try for one of these objects failed, and it went on.
///
/// The first two hold whether or not the act was done: nobody in the gateway can tell. Nothing else makes an act
/// ambiguous. In particular one that is under way is not, nor is one whose confirmation was forgotten or came too late.
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
    pub redrive: u32,
    /// The name of the body beside the queue, where the message has one.
    pub body: Option<String>,
    acts: RefCell<Vec<usize>>,
    claimed: RefCell<BTreeSet<Shard>>,
    confirmed: RefCell<BTreeSet<Shard>>,
    unconfirmed: Cell<bool>,
}

impl Handling {
    pub fn new(story: Option<Rc<Story>>, side: Side, redrive: u32, body: Option<String>) -> Rc<Self> {
        let handling = Self {
            story,
            side,
            redrive,
            body,
            acts: RefCell::default(),
            claimed: RefCell::default(),
            confirmed: RefCell::default(),
            unconfirmed: Cell::new(false),
        };
        if let Some(busy) = handling.busy() {
            busy.at_work.set(busy.at_work.get() + 1);
        }
        Rc::new(handling)
    }

    /// Who else is at work on the event at this side.
    pub fn busy(&self) -> Option<&Busy> {
        let story = self.story.as_ref()?;
        match self.side {
            Side::Ingest => Some(&story.ingest),
            Side::Consumer => Some(&story.consumer),
            Side::Neither => None,
        }
    }

    /// A claim may be left behind, which counts until `until`.
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

    /// An act begins. Keeping a letter is one only where this handling claims the event: else it was settled before.
    pub fn begin(&self, kind: Kind) -> Option<usize> {
        if kind == Kind::Letter && self.claimed.borrow().is_empty() {
            return None;
        }
        let mut acts = self.story.as_ref()?.acts.borrow_mut();
        acts.push(Act { kind, redrive: self.redrive, done: false, state: State::Open });
        self.acts.borrow_mut().push(acts.len() - 1);
        Some(acts.len() - 1)
    }

    /// The act takes place.
    pub fn done(&self, act: Option<usize>) {
        self.change(act, |act| act.done = true);
    }

    /// The gateway gets no answer, though it may have taken place.
    pub fn lost(&self, act: Option<usize>) {
        self.change(act, |act| act.state = State::Ambiguous);
    }

    /// It did not take place, and the gateway knows it.
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

    /// A confirmation is recorded.
    pub fn confirmed(&self, shard: Shard) {
        self.confirmed.borrow_mut().insert(shard);
        if self.confirmed.borrow().is_superset(&self.claimed.borrow()) {
            self.close(State::Settled);
        }
    }

    /// A try to confirm fails.
    pub fn unconfirmed(&self) {
        self.unconfirmed.set(true);
    }

    /// The gateway is through with it.
    pub fn ended(&self, now: Millis) {
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
