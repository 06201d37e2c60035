//! Sums of the counts in `deliveries`, and the quantiles of their latencies.

use super::deliveries::LATENCY_BOUNDS;
use serde::{Deserialize, Serialize};

/// The number of attempts in each range of [`LATENCY_BOUNDS`], and the number of longer ones.
pub type Histogram = [u64; LATENCY_BOUNDS.len() + 1];

/// The sums of a group of rows, as `sums` selects them.
#[derive(Debug, Clone, Deserialize)]
pub struct Sums {
    /// Events that were taken from the queue for the first time.
    pub accepted: u64,
    /// Events that a destination accepted.
    pub delivered: u64,
    /// Events that became dead letters.
    pub dead: u64,
    s2xx: u64,
    s3xx: u64,
    s4xx: u64,
    s5xx: u64,
    unreachable: u64,
    ms: String,
}

/// The number of attempts by the class of their answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Attempts {
    /// The destination accepted the event.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// A redirect, which is not followed.
    #[serde(rename = "3xx")]
    pub redirect: u64,
    /// The destination refused the event.
    #[serde(rename = "4xx")]
    pub refused: u64,
    /// The destination failed.
    #[serde(rename = "5xx")]
    pub failed: u64,
    /// There was no answer.
    pub unreachable: u64,
}

impl Attempts {
    /// The classes with their names.
    pub fn classes(self) -> [(&'static str, u64); 5] {
        let Self { success, redirect, refused, failed, unreachable } = self;
        [("2xx", success), ("3xx", redirect), ("4xx", refused), ("5xx", failed), ("unreachable", unreachable)]
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.success = self.success.saturating_add(other.success);
        self.redirect = self.redirect.saturating_add(other.redirect);
        self.refused = self.refused.saturating_add(other.refused);
        self.failed = self.failed.saturating_add(other.failed);
        self.unreachable = self.unreachable.saturating_add(other.unreachable);
    }
}

impl Sums {
    /// The attempts.
    pub fn attempts(&self) -> Attempts {
        let Self { s2xx, s3xx, s4xx, s5xx, unreachable, .. } = *self;
        Attempts { success: s2xx, redirect: s3xx, refused: s4xx, failed: s5xx, unreachable }
    }

    /// The latencies.
    ///
    /// # Errors
    /// The database has other columns.
    pub fn histogram(&self) -> Result<Histogram, String> {
        serde_json::from_slice(self.ms.as_bytes()).map_err(|error| format!("the latencies in D1: {error}"))
    }
}

/// Milliseconds until the head of the answer, or until the failure. An attempt is known only by its range, so a value is
/// interpolated in its range. An attempt of more than 30 seconds counts as 30 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// 95 % of the attempts took at most so long.
    pub p95: u64,
    /// 99 % of the attempts took at most so long.
    pub p99: u64,
}

impl Latency {
    /// The quantiles of `histogram`. `None` without an attempt.
    pub fn of(histogram: &Histogram) -> Option<Self> {
        let quantile = |percent| quantile(histogram, percent);
        Some(Self { p50: quantile(50)?, p95: quantile(95)?, p99: quantile(99)? })
    }
}

/// The milliseconds that `percent` of the attempts took at most. `None` without an attempt.
fn quantile(histogram: &Histogram, percent: u64) -> Option<u64> {
    let all = histogram.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    // In hundredths of an attempt.
    let wanted = all.saturating_mul(percent);
    let (mut before, mut lower) = (0_u64, 0_u64);
    for (number, count) in histogram.iter().enumerate() {
        let upper = LATENCY_BOUNDS.get(number).copied().unwrap_or(lower);
        let here = count.saturating_mul(100);
        if here > 0 && before.saturating_add(here) >= wanted {
            let part = wanted.saturating_sub(before);
            let more = upper.saturating_sub(lower).saturating_mul(part).checked_div(here)?;
            return Some(lower.saturating_add(more));
        }
        before = before.saturating_add(here);
        lower = upper;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[(usize, u64)]) -> Histogram {
        let mut all = Histogram::default();
        counts.iter().for_each(|(number, count)| all[*number] = *count);
        all
    }

    #[test]
    fn a_quantile_is_interpolated_within_its_range() {
        assert_eq!(Latency::of(&Histogram::default()), None);
        let one = |number| Latency::of(&histogram(&[(number, 1)])).map(|latency| latency.p50);
        assert_eq!((one(0), one(3), one(14), one(15)), (Some(5), Some(60), Some(21_000), Some(30_000)));
        // 100 attempts from 0 to 10 ms, and 100 from 80 to 150 ms.
        let latency = Latency::of(&histogram(&[(0, 100), (4, 100)]));
        assert_eq!(latency, Some(Latency { p50: 10, p95: 143, p99: 148 }));
        let slow = Latency::of(&histogram(&[(1, 98), (15, 2)]));
        assert_eq!(slow, Some(Latency { p50: 15, p95: 19, p99: 30_000 }));
    }

    #[test]
    fn a_quantile_does_not_overflow() {
        let latency = Latency::of(&histogram(&[(0, u64::MAX), (15, u64::MAX)]));
        assert!(latency.is_some_and(|latency| latency.p99 <= 30_000));
    }
}
