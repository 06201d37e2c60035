//! How fast a large body has to come, while it holds the room that others wait for.
//!
//! A stranger sends what he likes before anything is proven. Without a least pace he would hold the room with one byte every
//! few seconds, for as long as he likes, and no large body of anybody else would pass in this isolate.

/// How long a body may take beyond what its bytes allow, in milliseconds.
const GRACE_MS: u64 = 5_000;
/// So many bytes allow one millisecond more: four megabits in a second.
const BYTES_A_MS: u64 = 512;

/// How a body comes that holds the room.
#[derive(Debug, Clone, Copy)]
pub struct MinimumRate {
    began: u64,
    bytes: u64,
}

impl MinimumRate {
    /// The body of which nothing has come yet, at `now` in milliseconds.
    pub const fn begun(now: u64) -> Self {
        Self { began: now, bytes: 0 }
    }

    /// So many bytes came.
    pub fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// For how many milliseconds more the body may let wait for its next bytes; `None` where it is too slow.
    pub fn left(&self, now: u64) -> Option<u32> {
        let allowed = GRACE_MS.saturating_add(self.bytes.checked_div(BYTES_A_MS).unwrap_or_default());
        let left = allowed.checked_sub(now.saturating_sub(self.began)).filter(|left| *left > 0)?;
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_has_the_room_for_little_more_than_its_grace() {
        let mut pace = MinimumRate::begun(1_000);
        assert_eq!(pace.left(1_000), Some(5_000));
        for second in 1..5 {
            pace.came(1);
            assert_eq!(pace.left(1_000 + 1_000 * second), Some(5_000 - 1_000 * u32::try_from(second).unwrap()));
        }
        assert_eq!(pace.left(6_000), None);
    }

    #[test]
    fn four_megabits_in_a_second_are_fast_enough_for_the_largest_body() {
        let mut pace = MinimumRate::begun(0);
        for tenth in 1..=500 {
            assert!(pace.left(100 * tenth).is_some());
            pace.came(52_429);
        }
    }
}
