//! Which object holds a key's claim, and what happens when their number changes.
//!
//! A key's object is chosen by its hash among as many as the configuration says: a *ring*. Another number is another
//! ring, of other objects, which know nothing of the claims in the old one. So a ring is left in two steps: while the
//! old number stands in `CLAIM_SHARDS_BEFORE`, a key is claimed in the old ring first and then in the new one; when every
//! claim that only the old ring holds has expired, the old number goes. One object, the registry, remembers which rings
//! hold claims that still count, and [`admit`] refuses a configuration that would forget one.

use super::DedupKey;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// The rings that a key is claimed in: the one that is being left first, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rings {
    /// How many objects hold the claims.
    pub current: u32,
    /// How many held them before, while that ring is being left.
    pub before: Option<u32>,
}

impl Rings {
    /// The objects that hold `key`, in the order in which it is claimed.
    pub fn shards(self, key: &DedupKey) -> impl Iterator<Item = Shard> {
        let number = key.first_bytes();
        let shard = move |ring| Shard { ring, index: number.checked_rem(ring).unwrap_or(0) };
        self.before.into_iter().chain([self.current]).map(shard)
    }
}

/// One object among those of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    ring: u32,
    index: u32,
}

/// The object's name, such as `16/3`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{}/{}", self.ring, self.index))
    }
}

/// The configuration would forget claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error(
    "the claims in a ring of {ring} still count until {}: set CLAIM_SHARDS_BEFORE = {ring} until then, \
     or CLAIM_SHARDS back to {ring}", until.to_rfc3339()
)]
pub struct RingsRefused {
    /// The ring that is missing in the configuration.
    pub ring: u32,
    /// When its last claim expires.
    pub until: UnixTime,
}

impl RingsRefused {
    /// Reads the JSON text of a refusal.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_slice(text.as_bytes()).ok()
    }
}

/// Whether claims may be made in `rings`, where `known` lists the rings with claims and when the last of them expires.
/// Returns the time to be remembered for the current ring; claims are made in it for `hold` from now. That of the ring
/// before stays as it is: what is claimed there from now on, the current ring holds too.
///
/// # Errors
/// [`RingsRefused`], where a ring holds claims that would not be asked for.
pub fn admit(known: &[(u32, UnixTime)], rings: Rings, now: UnixTime, hold: Duration) -> Result<UnixTime, RingsRefused> {
    let named = |ring| ring == rings.current || Some(ring) == rings.before;
    match known.iter().find(|(ring, until)| now < *until && !named(*ring)) {
        Some(&(ring, until)) => Err(RingsRefused { ring, until }),
        None => {
            let before = known.iter().find(|(ring, _)| *ring == rings.current).map(|(_, until)| *until);
            Ok(now.plus(hold).max(before.unwrap_or(now)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);
    const WEEK: Duration = Duration::from_secs(7 * 86_400);
    const SIXTEEN: Rings = Rings { current: 16, before: None };
    const MOVING: Rings = Rings { current: 32, before: Some(16) };
    const THIRTY_TWO: Rings = Rings { current: 32, before: None };

    #[test]
    fn a_ring_is_left_in_two_steps_or_not_at_all() {
        let sixteen = admit(&[], SIXTEEN, NOW, WEEK).expect("the first ring");
        let known = [(16, sixteen)];
        let refused = admit(&known, THIRTY_TWO, NOW, WEEK).expect_err("claims would be forgotten");
        assert_eq!(refused, RingsRefused { ring: 16, until: NOW.plus(WEEK) });
        assert!(refused.to_string().contains("CLAIM_SHARDS_BEFORE = 16"));
        let later = NOW.plus(Duration::from_secs(86_400));
        let known = [(16, sixteen), (32, admit(&known, MOVING, later, WEEK).expect("both are asked"))];
        assert!(admit(&known, THIRTY_TWO, later, WEEK).is_err());
        assert!(admit(&known, SIXTEEN, later, WEEK).is_err(), "nor back, without asking both");
        assert!(admit(&known, Rings { current: 16, before: Some(32) }, later, WEEK).is_ok());
        assert_eq!(admit(&known, THIRTY_TWO, sixteen, WEEK), Ok(sixteen.plus(WEEK)), "a week after the first step");
    }

    #[test]
    fn a_shorter_lifetime_does_not_shorten_what_is_known() {
        assert_eq!(admit(&[(16, NOW.plus(WEEK))], SIXTEEN, NOW, Duration::from_secs(60)), Ok(NOW.plus(WEEK)));
    }

    #[test]
    fn a_key_is_claimed_in_the_ring_that_is_left_and_then_in_the_new_one() {
        let key = DedupKey::parse(&format!("000000ff{}", "0".repeat(56))).expect("a key");
        let names = |rings: Rings| rings.shards(&key).map(|shard| shard.to_string()).collect::<Vec<_>>();
        assert_eq!(names(SIXTEEN), ["16/15"]);
        assert_eq!(names(MOVING), ["16/15", "32/31"]);
    }
}
