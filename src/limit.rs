//! The rate limit for forged requests. For a minute, forged requests from an address over the limit are answered 429.
//! The log has at most one line a second for them.
//!
//! No address is blocked. A provider sends from the same addresses for all of its customers, so a customer of the provider
//! could otherwise block the provider. A genuine request from a limited address is verified and accepted as usual.
//! The price: a forged request is still read and hashed.

use hookgate_verify::{Head, UnixTime};
use std::net::Ipv6Addr;
use std::time::Duration;

/// How long a pair is limited. The period of the rate limit is the same.
pub const PAUSE: Duration = Duration::from_secs(60);
/// The most pairs in the table. Forged requests must not fill the memory.
const MOST: usize = 4096;

/// The pairs of source and client address that this isolate knows to be over the limit, sorted.
#[derive(Debug, Default)]
pub struct Limited(Vec<LimitEntry>);

#[derive(Debug)]
struct LimitEntry {
    pair: String,
    until: UnixTime,
    /// When the last log line for the pair was written. `untold` counts the refusals since then.
    told: Option<UnixTime>,
    untold: u64,
}

impl Limited {
    /// Whether `pair` is over the limit at `now`.
    pub fn is_limited(&self, pair: &str, now: UnixTime) -> bool {
        self.place(pair).ok().and_then(|place| self.0.get(place)).is_some_and(|entry| now < entry.until)
    }

    /// Whether the table is empty. It may also hold pairs whose limit has ended.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Limits `pair` for [`PAUSE`]. If the table is full of pairs whose limit has not ended, `pair` is not limited.
    pub fn limit(&mut self, pair: String, now: UnixTime) {
        if self.0.len() >= MOST {
            self.0.retain(|entry| now < entry.until);
        }
        let until = now.plus(PAUSE);
        match self.place(&pair) {
            Ok(place) => {
                if let Some(entry) = self.0.get_mut(place) {
                    entry.until = until;
                }
            }
            Err(place) if self.0.len() < MOST => {
                self.0.insert(place, LimitEntry { pair, until, told: None, untold: 0 })
            }
            Err(_) => {}
        }
    }

    /// Counts a refusal of `pair`. If a log line is due, returns the number of refusals for the line. At most one line a
    /// second is due for a limited pair.
    pub fn tell(&mut self, pair: &str, now: UnixTime) -> Option<u64> {
        let Some(entry) = self.place(pair).ok().and_then(|place| self.0.get_mut(place)) else { return Some(1) };
        entry.untold = entry.untold.saturating_add(1);
        // Times are whole seconds.
        if entry.told == Some(now) {
            return None;
        }
        entry.told = Some(now);
        Some(std::mem::take(&mut entry.untold))
    }

    fn place(&self, pair: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|known| known.pair.as_str().cmp(pair))
    }
}

/// The pair for which refusals are counted: `place`, such as a source's name, and the client's address in the header
/// `cf-connecting-ip`, which Cloudflare sets. An IPv6 address counts as its /64 network, because one customer usually gets
/// a whole /64. Without that header, all clients of `place` share one pair. Their genuine requests are still accepted.
pub fn pair(place: &str, headers: &impl Head) -> String {
    let address = headers.header("cf-connecting-ip").unwrap_or_default();
    match address.parse::<Ipv6Addr>().map(|address| address.segments()) {
        Ok([a, b, c, d, ..]) => format!("{place}|{a:x}:{b:x}:{c:x}:{d:x}::/64"),
        Err(_) => format!("{place}|{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);

    #[test]
    fn a_limit_lasts_a_minute() {
        let mut limited = Limited::default();
        limited.limit("a".to_owned(), NOW);
        assert!(limited.is_limited("a", NOW.plus(Duration::from_secs(59))));
        assert!(!limited.is_limited("a", NOW.plus(PAUSE)));
        assert!(!limited.is_limited("b", NOW));
    }

    #[test]
    fn a_flood_makes_one_line_a_second_and_the_line_counts_every_refusal() {
        let mut limited = Limited::default();
        limited.limit("a".to_owned(), NOW);
        let later = NOW.plus(Duration::from_secs(1));
        let told: Vec<_> = [NOW, NOW, NOW, later, later].map(|now| limited.tell("a", now)).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None]);
        assert_eq!(limited.tell("nobody", NOW), Some(1));
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let mut limited = Limited::default();
        for number in 0..=MOST {
            limited.limit(number.to_string(), NOW);
        }
        assert_eq!(limited.0.len(), MOST);
        limited.limit("later".to_owned(), NOW.plus(PAUSE));
        assert_eq!(limited.0.len(), 1, "limits that ended leave the table");
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let from = |address: &str| pair("billing", &vec![("cf-connecting-ip".to_owned(), address.to_owned())]);
        assert_eq!(from("203.0.113.7"), "billing|203.0.113.7");
        assert_eq!(from("2001:db8:1:2:3:4:5:6"), "billing|2001:db8:1:2::/64");
        assert_eq!(from("2001:db8:1:2::9"), from("2001:db8:1:2:3:4:5:6"));
        assert_ne!(from("2001:db8:1:3::9"), from("2001:db8:1:2::9"));
    }

    #[test]
    fn clients_without_an_address_share_one_pair_for_each_place() {
        let without = |place: &str| pair(place, &Vec::<(String, String)>::new());
        assert_eq!(without("billing"), "billing|");
        assert_ne!(without("billing"), without("orders"));
    }
}
