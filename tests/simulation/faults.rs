//! The rate of each fault. Each seed draws other rates: some runs are calm, and in some almost every call fails.

use super::fakes::random::Random;

/// The rates, in a thousand.
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
    /// The queue hands a message over twice: at once, or after the acknowledgement.
    pub twice: u64,
    /// A request breaks while its body is read.
    pub broken: u64,
}

/// The faults of one call to a store.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Store {
    /// The call fails, and the store does nothing.
    pub before: u64,
    /// The store does the work, and the answer is lost.
    pub after: u64,
    /// The call times out. The store does the work, or does it later, or never.
    pub hangs: u64,
}

/// The faults of the destination.
#[derive(Debug, Default)]
pub struct Origin {
    pub refused_connection: u64,
    pub failing: u64,
    pub busy: u64,
    /// The destination resets the connection before it processes the event.
    pub reset_before: u64,
    /// The destination resets the connection after it processes the event.
    pub reset_after: u64,
    /// The destination processes the event after the gateway gave up.
    pub slow: u64,
    /// The destination refuses the event until the operator mends the destination.
    pub refused_events: u64,
}

impl Faults {
    pub fn draw(random: &Random) -> Self {
        // Four grades of severity. Grade 0 has no faults.
        let severity = random.below(4);
        // Sometimes a kind of fault is off, so that it does not hide the effects of the other kinds.
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

/// The outcome of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Well,
    /// The call fails at once, and the store does nothing.
    Before,
    /// The store does the work, and the call fails.
    After,
    /// The call times out, and the store does nothing.
    Hangs,
    /// The call times out, and the store does the work in the meantime.
    HangsDone,
    /// The call times out, and the store does the work later.
    Late,
}

impl Store {
    /// The store is down, even in a calm run.
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
