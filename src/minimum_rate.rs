//! The minimum rate at which a large body must arrive while its request holds the permit for large bodies.
//!
//! The sender of a body is not proven yet. Without a minimum rate, a sender could hold the permit with one byte every few
//! seconds. This isolate would then read no other large body.

/// The time that a body may take in addition to the time for its bytes, in milliseconds.
const GRACE_MS: u64 = 5_000;
/// The minimum rate, in bytes a millisecond: four megabits a second.
const BYTES_A_MS: u64 = 512;

/// The progress of a body whose request holds the permit.
#[derive(Debug, Clone, Copy)]
pub struct MinimumRate {
    began: u64,
    bytes: u64,
}

impl MinimumRate {
    /// Starts the clock for a body with no bytes yet, at `now` in milliseconds.
    pub const fn begun(now: u64) -> Self {
        Self { began: now, bytes: 0 }
    }

    /// Counts `bytes` that arrived.
    pub fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// How many milliseconds remain for the next bytes to arrive. `None` if the body is too slow.
    pub fn left(&self, now: u64) -> Option<u32> {
        let allowed = GRACE_MS.saturating_add(self.bytes / BYTES_A_MS);
        let left = allowed.checked_sub(now.saturating_sub(self.began)).filter(|left| *left > 0)?;
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_sender_holds_the_permit_for_little_more_than_the_grace() {
        let mut rate = MinimumRate::begun(1_000);
        assert_eq!(rate.left(1_000), Some(5_000));
        for second in 1..5 {
            rate.came(1);
            assert_eq!(rate.left(1_000 + 1_000 * second), Some(5_000 - 1_000 * u32::try_from(second).unwrap()));
        }
        assert_eq!(rate.left(6_000), None);
    }

    #[test]
    fn four_megabits_in_a_second_are_fast_enough_for_the_largest_body() {
        let mut rate = MinimumRate::begun(0);
        for tenth in 1..=500 {
            assert!(rate.left(100 * tenth).is_some());
            rate.came(52_429);
        }
    }
}
