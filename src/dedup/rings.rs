//! Which object holds the claim of a key, and how the number of shards changes.
//!
//! `CLAIM_SHARDS` says how many objects (shards) hold the claims. The hash of a key chooses its shard. Another number of
//! shards uses other objects, and these objects do not know the old claims. So the number changes in two steps. First, the
//! old number stands in `CLAIM_SHARDS_BEFORE`: a key is claimed in its old shard and then in its new shard. Second, when
//! every claim that only the old shards hold has expired, `CLAIM_SHARDS_BEFORE` is removed. One object, the registry,
//! remembers which numbers of shards have unexpired claims. [`admit`] refuses a configuration that would forget claims.

use super::DedupKey;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// The numbers of shards in which a key is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rings {
    /// How many objects hold the claims.
    pub current: u32,
    /// How many objects held the claims before, while the number changes.
    pub before: Option<u32>,
}

impl Rings {
    /// The objects that hold `key`, in the order of the claims: the old object first.
    #[expect(clippy::expect_used, reason = "the configuration refuses CLAIM_SHARDS = 0")]
    pub fn shards(self, key: &DedupKey) -> impl Iterator<Item = Shard> {
        let number = key.first_bytes();
        let shard = move |ring| Shard { ring, index: number.checked_rem(ring).expect("a number of shards from 1") };
        self.before.into_iter().chain([self.current]).map(shard)
    }
}

/// One object: its index, and the number of shards.
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
    "the {ring} shards have claims until {}: set CLAIM_SHARDS_BEFORE = {ring} until then, \
     or set CLAIM_SHARDS back to {ring}", until.to_rfc3339()
)]
pub struct RingsRefused {
    /// The number of shards that the configuration lacks.
    pub ring: u32,
    /// When the last claim in these shards expires.
    pub until: UnixTime,
}

impl RingsRefused {
    /// Reads the JSON text of a refusal.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_slice(text.as_bytes()).ok()
    }
}

/// Checks that claims may be made in `rings`. `known` lists each number of shards with claims, and when the last of these
/// claims expires. Claims made now expire after `hold`. Returns the expiry to remember for the current number of shards. The
/// expiry for the number before does not change: the current shards hold each new claim too.
///
/// # Errors
/// [`RingsRefused`], if `rings` lacks a number of shards with unexpired claims.
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
    fn the_number_of_shards_changes_only_in_two_steps() {
        let sixteen = admit(&[], SIXTEEN, NOW, WEEK).expect("the first number of shards");
        let known = [(16, sixteen)];
        let refused = admit(&known, THIRTY_TWO, NOW, WEEK).expect_err("claims would be forgotten");
        assert_eq!(refused, RingsRefused { ring: 16, until: NOW.plus(WEEK) });
        assert!(refused.to_string().contains("CLAIM_SHARDS_BEFORE = 16"));
        let later = NOW.plus(Duration::from_secs(86_400));
        let known = [(16, sixteen), (32, admit(&known, MOVING, later, WEEK).expect("both numbers are configured"))];
        assert!(admit(&known, THIRTY_TWO, later, WEEK).is_err());
        assert!(admit(&known, SIXTEEN, later, WEEK).is_err(), "the way back has two steps too");
        assert!(admit(&known, Rings { current: 16, before: Some(32) }, later, WEEK).is_ok());
        assert_eq!(admit(&known, THIRTY_TWO, sixteen, WEEK), Ok(sixteen.plus(WEEK)), "a week after the first step");
    }

    #[test]
    fn a_shorter_ttl_does_not_shorten_a_known_expiry() {
        assert_eq!(admit(&[(16, NOW.plus(WEEK))], SIXTEEN, NOW, Duration::from_secs(60)), Ok(NOW.plus(WEEK)));
    }

    #[test]
    fn a_key_is_claimed_in_its_old_shard_and_then_in_its_new_shard() {
        let key = DedupKey::parse(&format!("000000ff{}", "0".repeat(56))).expect("a key");
        let names = |rings: Rings| rings.shards(&key).map(|shard| shard.to_string()).collect::<Vec<_>>();
        assert_eq!(names(SIXTEEN), ["16/15"]);
        assert_eq!(names(MOVING), ["16/15", "32/31"]);
    }
}
