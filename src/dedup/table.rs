//! The claims that one isolate sees, where no store holds them all.

use super::{Claim, DedupKey, Entry, Terms, Token, claim, confirm, release};
use crate::webhook::UnixTime;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// About two megabytes, of the 128 that an isolate has.
const MOST: usize = 16_384;

/// The keys that this isolate has in flight, and those it confirmed lately: KV may not show those to anybody for a
/// minute, not even here.
///
/// Losing it costs what it spares, the races within one isolate, and never an event.
#[derive(Debug, Default)]
pub struct Table(HashMap<DedupKey, Entry, BuildHasherDefault<FirstBytes>>);

/// A key is a hash already: some of its bytes are as good as any other.
#[derive(Debug, Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Table {
    /// How long a claim may take, and how long it is remembered: as long as KV may answer from a cache (its
    /// documentation, "How KV works").
    pub const TERMS: Terms = Terms { lease: Duration::from_secs(30), ttl: Duration::from_secs(60) };

    /// Claims `key` under the token `fresh`.
    pub fn claim(&mut self, key: DedupKey, now: UnixTime, fresh: Token) -> Claim {
        if self.0.len() >= MOST {
            self.0.retain(|_, entry| now < entry.expires);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let (claim, entry) = claim(self.0.get(&key).copied(), now, Self::TERMS, fresh);
        self.store(key, entry);
        claim
    }

    /// Confirms the claim of `token`.
    pub fn confirm(&mut self, key: DedupKey, token: Token, now: UnixTime) {
        let entry = confirm(self.0.get(&key).copied(), token, now, Self::TERMS.ttl);
        self.store(key, entry);
    }

    /// Releases the claim of `token`.
    pub fn release(&mut self, key: DedupKey, token: Token, now: UnixTime) {
        let entry = release(self.0.get(&key).copied(), token, now);
        self.store(key, entry);
    }

    fn store(&mut self, key: DedupKey, entry: Option<Entry>) {
        if let Some(entry) = entry {
            self.0.insert(key, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);

    fn key(number: usize) -> DedupKey {
        DedupKey::parse(&format!("{number:064x}")).expect("a key")
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let mut table = Table::default();
        let claimed = |table: &mut Table, number| table.claim(key(number), NOW, Token(0));
        for number in 0..MOST {
            claimed(&mut table, number);
        }
        assert!(matches!(claimed(&mut table, MOST), Claim::First { .. }));
        assert_eq!(table.0.len(), 1, "none had expired, so all are gone");
    }

    #[test]
    fn what_expired_makes_room_before_anything_else_does() {
        let mut table = Table::default();
        let half = NOW.plus(Table::TERMS.lease);
        for number in 0..MOST {
            table.claim(key(number), if number % 2 == 0 { NOW } else { half }, Token(0));
        }
        table.claim(key(MOST), NOW.plus(Table::TERMS.ttl), Token(0));
        assert_eq!(table.0.len(), MOST / 2 + 1);
    }

    #[test]
    fn a_released_key_is_free_and_a_confirmed_one_a_duplicate() {
        let mut table = Table::default();
        let first = |number| Claim::First { token: Token(number), first_seen: NOW };
        assert_eq!(table.claim(key(1), NOW, Token(1)), first(1));
        assert!(matches!(table.claim(key(1), NOW, Token(2)), Claim::InFlight { .. }));
        assert_eq!(table.claim(key(2), NOW, Token(3)), first(3));
        table.release(key(1), Token(1), NOW);
        assert_eq!(table.claim(key(1), NOW, Token(2)), first(2));
        table.confirm(key(1), Token(1), NOW);
        assert!(matches!(table.claim(key(1), NOW, Token(4)), Claim::InFlight { .. }), "a stale token");
        table.confirm(key(1), Token(2), NOW);
        assert_eq!(table.claim(key(1), NOW, Token(4)), Claim::Duplicate { first_seen: NOW });
    }
}
