//! Random numbers from a seed: the same seed gives the same numbers.

use std::cell::Cell;

/// SplitMix64.
pub struct Random(Cell<u64>);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let z = self.0.get();
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in `permille` of a thousand cases.
    pub fn chance(&self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    pub fn index(&self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    pub fn pick<'t, T: ?Sized>(&self, of: &[&'t T]) -> &'t T {
        of[self.index(of.len())]
    }
}
