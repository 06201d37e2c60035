//! The whole gateway in a simulated world. The pipeline is the real one. Isolates crash, stores fail or lose their answers,
//! queues repeat messages, clocks differ, and the destination fails in many ways. One seed decides every event of a run, so
//! a failure can be repeated: `SEED=123 cargo test --test simulation`. `SEEDS` is the number of seeds to run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod executor;
#[path = "../fakes/mod.rs"]
mod fakes;
mod faults;
mod gate;
mod invariants;
mod jobs;
mod ledger;
mod origin;
mod ports;
mod queue;
mod reduced;
mod sabotage;
mod senders;
mod sources;
mod story;
mod world;

use executor::{Millis, WORLD};
use sabotage::Sabotage;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use world::{DAY, HOUR, World};

const DEFAULT_SEEDS: u64 = 500;
const THREADS: usize = 2;
/// The time during which faults happen.
const UNREST: Millis = 2 * HOUR;

/// The counts of one run, or of many runs.
#[derive(Debug, Default)]
struct Figures {
    seeds: u64,
    accepted: u64,
    delivered: u64,
    dead: u64,
    /// The delivered bodies that R2 keeps for the log.
    kept: u64,
    /// How often the destination processed an event again. With `exact`, only an ambiguous exchange can cause this.
    repeated: BTreeMap<&'static str, u64>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.dead += other.dead;
        self.kept += other.kept;
        for (dedup, times) in other.repeated {
            *self.repeated.entry(dedup).or_default() += times;
        }
    }
}

#[test]
fn no_event_is_lost_and_no_exact_event_is_processed_twice_under_any_faults() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(DEFAULT_SEEDS),
    };
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut figures = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(figures);
            }
            let ran = catch_unwind(|| run(seed)).unwrap_or_else(|_| Err(format!("seed {seed}: a panic")));
            figures.add(ran.inspect_err(|_| next.store(seeds.end, Ordering::Relaxed))?);
        }
    };
    let outcomes: Vec<Result<Figures, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut total = Figures::default();
    for outcome in outcomes {
        total.add(outcome.unwrap_or_else(|report| panic!("{report}")));
    }
    println!("{total:?} in {:.1?}", began.elapsed());
}

/// Runs one seed. Returns the counts, or a report of the broken invariant.
fn run(seed: u64) -> Result<Figures, String> {
    run_with(seed, None)
}

/// Runs one seed, with a mistake of the gateway.
fn run_with(seed: u64, sabotage: Option<Sabotage>) -> Result<Figures, String> {
    let world = World::new(seed);
    world.sabotage.set(sabotage);
    let random = &world.exec.random;
    for _ in 0..random.between(4, 24) {
        world.exec.spawn(WORLD, senders::event(Rc::clone(&world)));
    }
    for _ in 0..random.below(3) {
        world.exec.spawn(WORLD, senders::operator(Rc::clone(&world), 8, UNREST));
    }
    if random.chance(400) {
        world.exec.spawn(WORLD, senders::pauser(Rc::clone(&world), random.between(1, 12), UNREST));
    }
    if random.chance(500) {
        for _ in 0..random.between(1, 2) {
            world.exec.spawn(WORLD, jobs::operator(Rc::clone(&world), random.between(1, 3), UNREST));
        }
        world.exec.spawn(WORLD, jobs::cron(Rc::clone(&world)));
    }
    for _ in 0..12 {
        go_on(&world, random.below(UNREST / 6));
    }
    calm_down(&world);
    write_logs(&world);
    ledger::check(&world); // before the counts expire
    invariants::check_kept(&world);
    jobs::check(&world);
    redrive_late(&world);
    invariants::check_log(&world);
    let figures = figures(&world);
    sweep_all(&world);
    match world.violation.take() {
        None => Ok(figures),
        Some((what, story)) => {
            let trace = story.map(|story| format!("{}:\n{}", sources::name(story.source), story.trace()));
            let trace = trace.unwrap_or_default();
            Err(format!("seed {seed}: {what}\n{trace}again: SEED={seed} cargo test --test simulation"))
        }
    }
}

/// In some runs, the operator and the sweep run together with faults a month later, when letters expire. In other runs, the
/// operator redrives once more after the faults.
fn redrive_late(world: &Rc<World>) {
    let later = Rc::clone(world);
    match world.exec.random.below(4) {
        0 | 1 => {
            world.exec.spawn(WORLD, async move {
                later.exec.sleep(30 * DAY - later.exec.random.below(3 * HOUR)).await;
                later.calm.set(false);
                senders::operator(later, 12, 3 * HOUR).await;
            });
            go_on(world, 31 * DAY);
        }
        2 => {
            senders::mend(world);
            world.exec.spawn(WORLD, async move { senders::redrive(&later).await });
        }
        _ => {}
    }
    calm_down(world);
}

/// Lets each isolate write what it has collected, when the database is back.
fn write_logs(world: &Rc<World>) {
    let later = Rc::clone(world);
    world.exec.spawn(WORLD, async move {
        // The database may go down until the end of the first hour, for a day.
        later.exec.sleep(DAY + HOUR).await;
        for life in later.isolates() {
            queue::write_log(&later, &life).await;
        }
        senders::sweep(&later).await;
    });
    calm_down(world);
}

/// Lets letters expire, and sweeps until no body may be left.
fn sweep_all(world: &Rc<World>) {
    for days in [32, 32, 32] {
        let later = Rc::clone(world);
        world.exec.spawn(WORLD, async move {
            later.exec.sleep(days * DAY).await;
            senders::sweep(&later).await;
            // The first sweep has deleted the rows that named a body. The next one deletes the body.
            later.exec.sleep(HOUR).await;
            senders::sweep(&later).await;
        });
        calm_down(world);
        invariants::check_orphans(world);
    }
    if !world.bodies.borrow().is_empty() {
        world.violated("7: a body outlives every letter", None);
    }
}

/// Runs the world for `span`, and checks the invariants.
fn go_on(world: &World, span: Millis) {
    world.exec.run_until(world.exec.now() + span, || world.is_violated());
    invariants::check(world);
}

/// Stops the faults, and runs the world until it is idle.
fn calm_down(world: &World) {
    world.calm.set(true);
    go_on(world, 40 * DAY);
    if !world.exec.is_idle() {
        world.violated("a task never ends", None);
    }
}

fn figures(world: &World) -> Figures {
    let mut figures = Figures { seeds: 1, kept: world.kept.get() as u64, ..Figures::default() };
    for story in world.stories.borrow().values() {
        let processed = story.processed() as u64;
        figures.accepted += u64::from(story.accepted.get());
        figures.delivered += u64::from(processed > 0);
        figures.dead += u64::from(processed == 0 && story.accepted.get());
        *figures.repeated.entry(sources::SOURCES[story.source].0).or_default() += processed.saturating_sub(1);
    }
    figures
}
