//! Everything outside the pipeline: isolates, which crash and restart, stores, queues, and the clock.

use super::executor::{Executor, Home, Millis, Output, WORLD};
use super::fakes::database::Sqlite;
use super::fakes::kv::Kv;
use super::fakes::stores::{Bodies, Claims, Letters};
use super::faults::Faults;
use super::jobs::Jobs;
use super::ledger::Ledger;
use super::queue::{Item, Name};
use super::sabotage::Sabotage;
use super::sources::{self, ADMIN_TOKEN, configs};
use super::story::Story;
use hookgate::config::{Config, ConfigError};
use hookgate::message::Event;
use hookgate::pipeline::IsolateState;
use hookgate::pipeline::ports::Stored;
use hookgate_verify::UnixTime;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// 2026-01-15T12:30:00Z.
const BEGIN: i64 = 1_768_480_200;
pub const SECOND: Millis = 1000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// The configuration in the form that the pipeline takes.
pub type Parsed = Result<Config, ConfigError>;

/// A location that runs one isolate after the other. Its isolates share a clock and a cache of KV.
struct Location {
    life: RefCell<Life>,
    skew: i64,
}

/// One isolate between two crashes.
#[derive(Clone)]
pub struct Life {
    pub location: usize,
    pub home: Home,
    pub isolate: Rc<IsolateState>,
    pub config: Rc<Parsed>,
}

pub struct World {
    pub exec: Rc<Executor>,
    pub faults: Faults,
    /// Whether the faults have stopped.
    pub calm: Cell<bool>,
    locations: Vec<Location>,
    /// The first configuration, and the configuration of a deployment during the run.
    pub configs: [Rc<Parsed>; 2],
    rollout: Millis,
    /// When a deployment renames the queue of dead letters.
    renamed: Option<Millis>,
    /// When the database goes down for a day.
    away: Option<Millis>,
    lives: Cell<Home>,
    pub keys: RefCell<Kv>,
    pub claims: RefCell<Claims>,
    pub letters: RefCell<Letters>,
    pub log: Sqlite,
    pub ledger: RefCell<Ledger>,
    pub bodies: RefCell<Bodies>,
    /// The jobs of replays, by their ids.
    pub jobs: RefCell<Jobs>,
    /// A mistake that the gateway makes in this run.
    pub sabotage: Cell<Option<Sabotage>>,
    /// The number of retries after which a message is a dead letter.
    pub most_retries: u32,
    /// The number of delivered bodies that the log keeps in R2, with their marks.
    pub kept: Cell<usize>,
    /// The messages in both queues.
    pub messages: RefCell<BTreeMap<u64, Rc<Item>>>,
    pub stories: RefCell<BTreeMap<String, Rc<Story>>>,
    /// The first broken invariant, and its event.
    pub violation: RefCell<Option<(String, Option<Rc<Story>>)>>,
}

impl World {
    pub fn new(seed: u64) -> Rc<Self> {
        let exec = Executor::new(seed);
        let random = &exec.random;
        let faults = Faults::draw(random);
        let configs = configs(random).map(Rc::new);
        let location = |number| {
            let life = Life { location: number, home: 0, isolate: Rc::default(), config: Rc::clone(&configs[0]) };
            Location { life: RefCell::new(life), skew: random.between(0, 4000) as i64 - 2000 }
        };
        let world = Self {
            locations: (0..random.between(2, 4) as usize).map(location).collect(),
            rollout: random.between(0, 40) * MINUTE,
            renamed: random.chance(250).then(|| random.below(HOUR)),
            away: random.chance(150).then(|| random.below(HOUR)),
            lives: Cell::new(WORLD),
            calm: Cell::new(false),
            keys: RefCell::default(),
            claims: RefCell::new(Claims::new(random)),
            letters: RefCell::default(),
            log: Sqlite::default(),
            ledger: RefCell::default(),
            bodies: RefCell::default(),
            kept: Cell::default(),
            jobs: RefCell::default(),
            sabotage: Cell::default(),
            most_retries: random.between(2, 12) as u32,
            messages: RefCell::default(),
            stories: RefCell::default(),
            violation: RefCell::default(),
            configs,
            faults,
            exec,
        };
        for location in 0..world.locations.len() {
            world.begin(location);
        }
        Rc::new(world)
    }

    /// The time on a clock that is `skew` milliseconds ahead.
    pub fn time(&self, skew: i64) -> UnixTime {
        UnixTime::from_seconds(BEGIN + (self.exec.now() as i64 + skew).div_euclid(1000))
    }

    pub fn time_at(&self, location: usize) -> UnixTime {
        self.time(self.locations[location].skew)
    }

    /// The isolate that the network chooses.
    pub fn isolate(&self) -> Life {
        self.locations[self.exec.random.index(self.locations.len())].life.borrow().clone()
    }

    /// Every isolate that lives now.
    pub fn isolates(&self) -> Vec<Life> {
        self.locations.iter().map(|location| location.life.borrow().clone()).collect()
    }

    /// Runs `task` in the isolate `life`. A crash of the isolate drops the task.
    pub fn run_in<T: 'static>(&self, life: &Life, task: impl Future<Output = T> + 'static) -> Output<T> {
        self.exec.run(life.home, task)
    }

    /// Ends the isolate `life` and its tasks. A new isolate without any state replaces it.
    pub fn crash(&self, life: &Life) {
        let location = &self.locations[life.location];
        if location.life.borrow().home == life.home {
            self.exec.kill(life.home);
            self.begin(life.location);
        }
    }

    fn begin(&self, location: usize) {
        self.lives.set(self.lives.get() + 1);
        let config = &self.configs[usize::from(self.exec.now() > self.rollout)];
        let life = Life { location, home: self.lives.get(), isolate: Rc::default(), config: Rc::clone(config) };
        *self.locations[location].life.borrow_mut() = life;
    }

    /// Whether a fault with this rate happens now.
    pub fn strikes(&self, rate: u64) -> bool {
        !self.calm.get() && self.exec.random.chance(rate)
    }

    /// The time that a message on the network takes.
    pub async fn pause(&self) {
        let slow = self.strikes(self.faults.slow);
        self.exec.sleep(self.exec.random.between(1, if slow { 300 } else { 20 })).await;
    }

    /// How long a store or destination waits before and after the work. Sometimes both together last almost as long as
    /// `patience`.
    pub fn dawdling(&self, patience: Millis) -> (Millis, Millis) {
        if !self.strikes(self.faults.slow) {
            return (0, 0);
        }
        let whole = self.exec.random.below(patience);
        let before = self.exec.random.between(0, whole);
        (before, whole - before)
    }

    pub fn violated(&self, invariant: &str, story: Option<&Rc<Story>>) {
        let mut violation = self.violation.borrow_mut();
        if violation.is_none() {
            *violation = Some((format!("{invariant}, at {} ms", self.exec.now()), story.cloned()));
        }
    }

    pub fn is_violated(&self) -> bool {
        self.violation.borrow().is_some()
    }

    /// The story of the event with this key. Each acceptance of an event may have another key.
    pub fn story(&self, key: &str) -> Option<Rc<Story>> {
        let stories = self.stories.borrow();
        stories.get(key).or_else(|| stories.values().find(|story| story.keys.borrow().contains(key))).cloned()
    }

    /// The story of `event`. If each acceptance has another key, the body identifies the story.
    pub fn story_of(&self, event: &Event<'_>) -> Option<Rc<Story>> {
        let known = self.story(&event.key().to_string());
        if known.is_some() {
            return known;
        }
        let stored = event.payload().map(|name| self.bodies.borrow().load(name));
        let body = match &stored {
            None => event.body(),
            Some(Stored::Bytes(body)) => body,
            Some(Stored::Delivered | Stored::Nothing) => return None,
        };
        let stories = self.stories.borrow();
        let story =
            stories.values().find(|story| sources::name(story.source) == event.source() && *story.body == *body)?;
        story.keys.borrow_mut().insert(event.key().to_string());
        Some(Rc::clone(story))
    }

    /// The name of the queue. A deployment may rename the queue of dead letters.
    pub fn name_of(&self, queue: Name) -> String {
        match queue {
            Name::Events => "simulated-in".to_owned(),
            Name::Dead if self.renamed.is_some_and(|at| at < self.exec.now()) => "simulated-out-2".to_owned(),
            Name::Dead => "simulated-out".to_owned(),
        }
    }

    /// Whether the database is down for a day in this run.
    pub fn goes_away(&self) -> bool {
        self.away.is_some()
    }

    /// Whether the database is down.
    pub fn database_is_away(&self) -> bool {
        self.away.is_some_and(|from| (from..from + DAY).contains(&self.exec.now()))
    }

    /// The header with the operator's token.
    pub fn bearer() -> (String, String) {
        ("authorization".to_owned(), format!("Bearer {ADMIN_TOKEN}"))
    }
}
