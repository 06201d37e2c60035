//! How often what fails, drawn for each seed: some runs are calm, some are hell.

use super::executor::Random;

/// Rates in a thousand.
#[derive(Debug, Default)]
pub struct Faults {
    pub crash: u64,
    pub slow: u64,
    pub kv: Store,
    pub claims: Store,
    pub queue: Store,
    pub bodies: Store,
    pub letters: Store,
    pub origin: Origin,
    /// The queue gives a message twice, at once or after it was acknowledged.
    pub twice: u64,
    /// A request breaks while its body is read.
    pub broken: u64,
}

/// What one call to a store may come to, instead of well.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Store {
    /// It fails, and nothing is done.
    pub before: u64,
    /// It is done, and the answer is lost.
    pub after: u64,
    /// It times out, done or not, or done later.
    pub hangs: u64,
}

/// What the origin may do, instead of answering 200.
#[derive(Debug, Default)]
pub struct Origin {
    pub refused_connection: u64,
    pub failing: u64,
    pub busy: u64,
    /// It resets the connection, and has not processed the event.
    pub reset_before: u64,
    /// It resets the connection after it has processed the event.
    pub reset_after: u64,
    /// It processes the event after the gateway gave up.
    pub slow: u64,
    /// Events that it refuses, until somebody redrives them.
    pub refused_events: u64,
}

impl Faults {
    pub fn draw(random: &Random) -> Self {
        // Of four runs one is calm, the others ever worse.
        let severity = random.below(4);
        // Where nothing at all of one kind fails, what the other kinds do is not drowned.
        let rate = |most: u64| if random.chance(300) { 0 } else { random.below(most * severity / 3 + 1) };
        let store = |most: u64| Store { before: rate(most), after: rate(most), hangs: rate(most / 2) };
        Self {
            crash: rate(50),
            slow: rate(200),
            kv: store(250),
            claims: store(300),
            queue: store(300),
            bodies: store(250),
            letters: store(300),
            origin: Origin {
                refused_connection: rate(200),
                failing: rate(600),
                busy: rate(100),
                reset_before: rate(200),
                reset_after: rate(250),
                slow: rate(200),
                refused_events: rate(500),
            },
            twice: rate(300),
            broken: rate(50),
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Well,
    /// It fails at once, and nothing is done.
    Before,
    /// It is done, and fails.
    After,
    /// It fails when the caller's patience ends, and nothing is done.
    Hangs,
    /// It is done meanwhile, and fails when the caller's patience ends.
    HangsDone,
    /// It fails when the caller's patience ends, and is done later.
    Late,
}

impl Store {
    /// It does not answer at all, in calm times either.
    pub const AWAY: Self = Self { before: 1000, after: 0, hangs: 0 };

    pub fn fate(self, random: &Random) -> Fate {
        let drawn = random.below(1000);
        if drawn < self.before {
            Fate::Before
        } else if drawn < self.before + self.after {
            Fate::After
        } else if drawn < self.before + self.after + self.hangs {
            [Fate::Hangs, Fate::HangsDone, Fate::Late][random.index(3)]
        } else {
            Fate::Well
        }
    }
}
