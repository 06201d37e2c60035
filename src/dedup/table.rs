//! The claims of one isolate, for sources without exact deduplication.

use super::{ClaimEntry, ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, claim, confirm, may_forget, release};
use hookgate_verify::UnixTime;
use std::collections::HashMap;
use std::time::Duration;

/// The most keys in the table: about 2 MB of the 128 MB of an isolate.
const MOST: usize = 16_384;

/// The keys that are in flight in this isolate, and the keys that this isolate confirmed in the last minute. KV may not
/// show a new key for a minute, even in this isolate.
///
/// If the table is lost, an isolate may accept a duplicate. No event is lost.
#[derive(Debug, Default)]
pub struct IsolateTable(HashMap<DedupKey, ClaimEntry>);

impl IsolateTable {
    /// How long a claim is remembered: as long as KV may answer from a cache (its documentation, "How KV works").
    const TTL: Duration = Duration::from_secs(60);

    /// Claims `key` for `lease`, under `token`.
    pub fn claim(&mut self, key: DedupKey, now: UnixTime, lease: Duration, token: ClaimToken) -> ClaimOutcome {
        if self.0.len() >= MOST {
            self.0.retain(|_, entry| now < entry.expires);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let (claim, entry) = claim(self.0.get(&key).copied(), now, ClaimTerms { lease, ttl: Self::TTL }, token);
        self.store(key, entry);
        claim
    }

    /// Confirms the claim of `token`.
    pub fn confirm(&mut self, key: DedupKey, token: ClaimToken, now: UnixTime) {
        let entry = confirm(self.0.get(&key).copied(), token, now, Self::TTL);
        self.store(key, entry);
    }

    /// Releases the claim of `token`.
    pub fn release(&mut self, key: DedupKey, token: ClaimToken, now: UnixTime) {
        let entry = release(self.0.get(&key).copied(), token, now);
        self.store(key, entry);
    }

    /// Forgets `key`, unless its event is in flight. Returns whether a key was forgotten.
    pub fn forget(&mut self, key: DedupKey, now: UnixTime) -> bool {
        let may = self.0.get(&key).is_some_and(|entry| may_forget(*entry, now));
        may && self.0.remove(&key).is_some()
    }

    fn store(&mut self, key: DedupKey, entry: Option<ClaimEntry>) {
        if let Some(entry) = entry {
            self.0.insert(key, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::Acceptance;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);
    const LEASE: Duration = Duration::from_secs(30);

    fn key(number: usize) -> DedupKey {
        DedupKey::parse(&format!("{number:064x}")).expect("a key")
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let mut table = IsolateTable::default();
        let claimed = |table: &mut IsolateTable, number| table.claim(key(number), NOW, LEASE, ClaimToken(0));
        for number in 0..MOST {
            claimed(&mut table, number);
        }
        assert!(matches!(claimed(&mut table, MOST), ClaimOutcome::First { .. }));
        assert_eq!(table.0.len(), 1, "no entry had expired, so the table was cleared");
    }

    #[test]
    fn expired_entries_are_deleted_before_others() {
        let mut table = IsolateTable::default();
        let half = NOW.plus(LEASE);
        for number in 0..MOST {
            table.claim(key(number), if number % 2 == 0 { NOW } else { half }, LEASE, ClaimToken(0));
        }
        table.claim(key(MOST), NOW.plus(IsolateTable::TTL), LEASE, ClaimToken(0));
        assert_eq!(table.0.len(), MOST / 2 + 1);
    }

    #[test]
    fn a_released_key_can_be_claimed_and_a_confirmed_key_is_a_duplicate() {
        let mut table = IsolateTable::default();
        let claim = |table: &mut IsolateTable, number, token| table.claim(key(number), NOW, LEASE, ClaimToken(token));
        let first = |token, of| ClaimOutcome::First {
            token: ClaimToken(token),
            first_seen: NOW,
            acceptance: Acceptance::Drawn(ClaimToken(of)),
        };
        assert_eq!(claim(&mut table, 1, 1), first(1, 1));
        assert!(matches!(claim(&mut table, 1, 2), ClaimOutcome::InFlight { .. }));
        assert_eq!(claim(&mut table, 2, 3), first(3, 3));
        table.release(key(1), ClaimToken(1), NOW);
        assert_eq!(claim(&mut table, 1, 2), first(2, 1), "the acceptance is the same");
        table.confirm(key(1), ClaimToken(1), NOW);
        assert!(matches!(claim(&mut table, 1, 4), ClaimOutcome::InFlight { .. }), "a stale token");
        assert!(!table.forget(key(1), NOW), "the key is leased");
        table.confirm(key(1), ClaimToken(2), NOW);
        assert_eq!(claim(&mut table, 1, 4), ClaimOutcome::Duplicate { first_seen: NOW });
        assert!(table.forget(key(1), NOW));
        assert_eq!(claim(&mut table, 1, 5), first(5, 5), "another acceptance");
    }
}
