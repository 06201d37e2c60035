//! Everything outside the pipeline: isolates that come and go, stores that last, queues, and the clock.

use super::executor::{Executor, Home, Millis, Output, WORLD};
use super::faults::Faults;
use super::kv::Kv;
use super::queue::{Item, Name};
use super::sources::{self, ADMIN_TOKEN, configs};
use super::stores::{Bodies, Claims, Letters};
use super::story::Story;
use hookgate::config::{Config, ConfigError};
use hookgate::delivery::Event;
use hookgate::pipeline::Isolate;
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

/// A configuration, as the pipeline gets it.
pub type Parsed = Result<Config, ConfigError>;

/// Where isolates live, one after the other: each with the same clock and the same cache of KV.
struct Place {
    life: RefCell<Life>,
    skew: i64,
}

/// One isolate, until it crashes.
#[derive(Clone)]
pub struct Life {
    pub place: usize,
    pub home: Home,
    pub isolate: Rc<Isolate>,
    pub config: Rc<Parsed>,
}

pub struct World {
    pub exec: Rc<Executor>,
    pub faults: Faults,
    /// Whether faults have stopped.
    pub calm: Cell<bool>,
    places: Vec<Place>,
    /// The configuration, and the one that is rolled out while the simulation runs.
    pub configs: [Rc<Parsed>; 2],
    rollout: Millis,
    /// When the queue of dead letters gets another name.
    renamed: Option<Millis>,
    /// When the database goes away for a day.
    away: Option<Millis>,
    lives: Cell<Home>,
    pub keys: RefCell<Kv>,
    pub claims: RefCell<Claims>,
    pub letters: RefCell<Letters>,
    pub bodies: RefCell<Bodies>,
    /// After so many retries a message is a dead letter.
    pub most_retries: u32,
    /// The messages in both queues.
    pub messages: RefCell<BTreeMap<u64, Rc<Item>>>,
    pub stories: RefCell<BTreeMap<String, Rc<Story>>>,
    /// What the gateway got wrong, and with which event.
    pub violation: RefCell<Option<(String, Option<Rc<Story>>)>>,
}

impl World {
    pub fn new(seed: u64) -> Rc<Self> {
        let exec = Executor::new(seed);
        let random = &exec.random;
        let faults = Faults::draw(random);
        let configs = configs(random).map(Rc::new);
        let place = |number| {
            let life = Life { place: number, home: 0, isolate: Rc::default(), config: Rc::clone(&configs[0]) };
            Place { life: RefCell::new(life), skew: random.between(0, 4000) as i64 - 2000 }
        };
        let world = Self {
            places: (0..random.between(2, 4) as usize).map(place).collect(),
            rollout: random.between(0, 40) * MINUTE,
            renamed: random.chance(250).then(|| random.below(HOUR)),
            away: random.chance(150).then(|| random.below(HOUR)),
            lives: Cell::new(WORLD),
            calm: Cell::new(false),
            keys: RefCell::default(),
            claims: RefCell::new(Claims::new(random)),
            letters: RefCell::default(),
            bodies: RefCell::default(),
            most_retries: random.between(2, 12) as u32,
            messages: RefCell::default(),
            stories: RefCell::default(),
            violation: RefCell::default(),
            configs,
            faults,
            exec,
        };
        for place in 0..world.places.len() {
            world.begin(place);
        }
        Rc::new(world)
    }

    /// The time as somebody tells it whose clock is `skew` milliseconds ahead.
    pub fn time(&self, skew: i64) -> UnixTime {
        UnixTime::from_seconds(BEGIN + (self.exec.now() as i64 + skew).div_euclid(1000))
    }

    pub fn time_at(&self, place: usize) -> UnixTime {
        self.time(self.places[place].skew)
    }

    /// An isolate, whichever the network chooses.
    pub fn isolate(&self) -> Life {
        self.places[self.exec.random.index(self.places.len())].life.borrow().clone()
    }

    /// Runs `task` in the isolate `life`, with which it dies.
    pub fn run_in<T: 'static>(&self, life: &Life, task: impl Future<Output = T> + 'static) -> Output<T> {
        self.exec.run(life.home, task)
    }

    /// Ends the isolate `life`, and all it does; another takes its place, which remembers nothing.
    pub fn crash(&self, life: &Life) {
        let place = &self.places[life.place];
        if place.life.borrow().home == life.home {
            self.exec.kill(life.home);
            self.begin(life.place);
        }
    }

    fn begin(&self, place: usize) {
        self.lives.set(self.lives.get() + 1);
        let config = &self.configs[usize::from(self.exec.now() > self.rollout)];
        let life = Life { place, home: self.lives.get(), isolate: Rc::default(), config: Rc::clone(config) };
        *self.places[place].life.borrow_mut() = life;
    }

    /// Whether a fault of this rate happens now.
    pub fn strikes(&self, rate: u64) -> bool {
        !self.calm.get() && self.exec.random.chance(rate)
    }

    /// What the way to anywhere takes.
    pub async fn pause(&self) {
        let slow = self.strikes(self.faults.slow);
        self.exec.sleep(self.exec.random.between(1, if slow { 300 } else { 20 })).await;
    }

    /// What somebody takes who is asked, before and after doing it: once in a while, as long as `patience` allows.
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

    /// The story of the event with this key, or with another key that its acceptances have.
    pub fn story(&self, key: &str) -> Option<Rc<Story>> {
        let stories = self.stories.borrow();
        stories.get(key).or_else(|| stories.values().find(|story| story.keys.borrow().contains(key))).cloned()
    }

    /// The story that `event` belongs to. Where each acceptance has a key of its own, the bytes tell.
    pub fn story_of(&self, event: &Event<'_>) -> Option<Rc<Story>> {
        let known = self.story(event.key());
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
        story.keys.borrow_mut().insert(event.key().to_owned());
        Some(Rc::clone(story))
    }

    /// What the queue is called. Whoever deploys may rename the queue of dead letters.
    pub fn name_of(&self, queue: Name) -> String {
        match queue {
            Name::Events => "simulated-in".to_owned(),
            Name::Dead if self.renamed.is_some_and(|at| at < self.exec.now()) => "simulated-out-2".to_owned(),
            Name::Dead => "simulated-out".to_owned(),
        }
    }

    /// Whether the database does not answer at all.
    pub fn database_is_away(&self) -> bool {
        self.away.is_some_and(|from| (from..from + DAY).contains(&self.exec.now()))
    }

    /// The operator's header.
    pub fn bearer() -> (String, String) {
        ("authorization".to_owned(), format!("Bearer {ADMIN_TOKEN}"))
    }
}
