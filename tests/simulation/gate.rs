//! The way from the pipeline to the stores of the simulated world. Each call takes time and has the faults of its store. The
//! isolate may crash before and after each call. `ports.rs` has the calls.

use super::executor::Millis;
use super::faults::{Fate, Store};
use super::story::{Detail, Handling, Kind, LATEST, LEFT_BEHIND};
use super::world::{Life, SECOND, World};
use hookgate::pipeline::ports::PortError;
use hookgate_verify::UnixTime;
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

/// The timeout of a call to an object of claims (`ClaimStore`).
pub const CLAIMS_PATIENCE: Millis = 3 * SECOND / 2;
/// The timeout of a call to another store or to a queue.
pub const PATIENCE: Millis = 10 * SECOND;
pub const KV_PATIENCE: Millis = 5 * SECOND;

/// The ports of one request or message in one isolate.
pub struct Gate {
    pub world: Rc<World>,
    pub life: Life,
    pub handling: Rc<Handling>,
    /// Whether the request is forged or stale. Such a request may not reach a store.
    pub untrusted: bool,
    /// Whether the batch of the message saw that the source is paused.
    pub held: Cell<bool>,
    ended: Cell<bool>,
}

/// Why a call failed.
pub enum Lost {
    /// The store did nothing.
    Before,
    /// The answer is lost, so the caller cannot know whether the store did the work.
    Answer,
}

impl From<Lost> for PortError {
    fn from(lost: Lost) -> Self {
        Self(match lost {
            Lost::Before => "simulated: failed".to_owned(),
            Lost::Answer => "simulated: answer lost".to_owned(),
        })
    }
}

impl Gate {
    pub fn new(world: &Rc<World>, life: &Life, handling: Rc<Handling>, untrusted: bool) -> Self {
        Self {
            world: Rc::clone(world),
            life: life.clone(),
            handling,
            untrusted,
            held: Cell::default(),
            ended: Cell::new(false),
        }
    }

    pub fn now(&self) -> UnixTime {
        self.world.time_at(self.life.location)
    }

    /// The pipeline has finished.
    pub fn ended(&self) {
        self.ended.set(true);
        self.handling.ended(self.world.exec.now());
    }

    /// The faults of the database at this time.
    pub fn database(&self) -> Store {
        if self.world.database_is_away() { Store::AWAY } else { self.world.faults.letters }
    }

    pub fn note(&self, what: &'static str, detail: impl Into<Detail>) {
        self.handling.note(self.world.exec.now(), what, detail);
    }

    /// Waits. The isolate may crash meanwhile. The crash drops every request and message in the isolate, so it stands for a
    /// panic too: after a panic, a sender gets a 503 and retries, as it does without an answer.
    pub async fn pause(&self) {
        self.world.pause().await;
        if self.world.strikes(self.world.faults.crash) {
            self.note("isolate crashes:", self.life.home);
            self.world.crash(&self.life);
            pending::<()>().await;
        }
    }

    /// One call to a store. `deed` is the work of the store.
    pub async fn call<T: 'static>(
        &self,
        what: &'static str,
        store: Store,
        patience: Millis,
        deed: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, Lost> {
        let world = &self.world;
        if self.untrusted {
            world.violated(&format!("4: an untrusted request reaches a store: {what}"), self.handling.story.as_ref());
        }
        self.pause().await;
        let well = world.calm.get() && store != Store::AWAY;
        let fate = if well { Fate::Well } else { store.fate(&world.exec.random) };
        self.note(what, fate);
        match fate {
            Fate::Well => {
                let (before, after) = world.dawdling(patience);
                world.exec.sleep(before).await;
                let done = deed(world);
                world.exec.sleep(after).await;
                self.pause().await;
                return Ok(done);
            }
            Fate::Before => return Err(Lost::Before),
            Fate::After => {
                deed(world);
                self.pause().await;
            }
            Fate::Hangs => world.exec.sleep(patience).await,
            Fate::HangsDone => {
                let first = world.exec.random.below(patience);
                world.exec.sleep(first).await;
                deed(world);
                world.exec.sleep(patience - first).await;
            }
            Fate::Late => {
                let (late, delay) = (Rc::clone(world), patience + world.exec.random.below(LATEST));
                world.exec.spawn(super::executor::WORLD, async move {
                    late.exec.sleep(delay).await;
                    deed(&late);
                });
                world.exec.sleep(patience).await;
            }
        }
        Err(Lost::Answer)
    }

    /// A call to an object of claims. A failed call may leave a claim behind, or the claim may be made later.
    pub async fn claims_call<T: 'static>(
        &self,
        what: &'static str,
        deed: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, Lost> {
        let called = self.call(what, self.world.faults.claims, CLAIMS_PATIENCE, deed).await;
        if called.is_err() {
            self.handling.left_behind(self.world.exec.now() + LEFT_BEHIND);
        }
        called
    }

    /// The pipeline says that the event is in flight.
    pub fn is_told_in_flight(&self) {
        if self.handling.busy().is_some_and(|busy| !busy.is_claimed(self.world.exec.now())) {
            self.world.violated("8: in flight, and no claim can exist", self.handling.story.as_ref());
        }
    }

    /// A call that sends the event to the dead letters' queue or keeps its letter.
    pub async fn call_for_letter(
        &self,
        what: &'static str,
        store: Store,
        deed: impl FnOnce(&World) + 'static,
    ) -> Result<(), PortError> {
        let act = self.handling.begin(Kind::Letter, self.world.exec.now());
        let called = self.call(what, store, PATIENCE, deed).await;
        match called {
            Ok(()) => self.handling.done(act),
            Err(Lost::Before) => self.handling.failed(act),
            Err(Lost::Answer) => self.handling.lost(act),
        }
        Ok(called?)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.ended.get() {
            self.handling.crashed(self.world.exec.now());
        }
    }
}
