//! Who sent too much that was refused, and is not listened to for a while.

use crate::webhook::{Head, UnixTime};
use std::net::Ipv6Addr;
use std::time::Duration;

/// How long somebody is not listened to: the period of the rate limit too.
pub const PAUSE: Duration = Duration::from_secs(60);
/// No table of strangers grows beyond this.
const MOST: usize = 4096;

/// The pairs of source and client address that are over the limit, as this isolate knows, in order.
#[derive(Debug, Default)]
pub struct Blocked(Vec<(String, UnixTime)>);

impl Blocked {
    /// Whether `pair` is blocked at `now`.
    pub fn is_blocked(&self, pair: &str, now: UnixTime) -> bool {
        self.place(pair).ok().and_then(|place| self.0.get(place)).is_some_and(|(_, until)| now < *until)
    }

    /// Whether nobody is blocked.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Blocks `pair` for [`PAUSE`].
    pub fn block(&mut self, pair: String, now: UnixTime) {
        if self.0.len() >= MOST {
            self.0.retain(|(_, until)| now < *until);
        }
        match self.place(&pair) {
            Ok(place) => {
                if let Some((_, until)) = self.0.get_mut(place) {
                    *until = now.plus(PAUSE);
                }
            }
            Err(place) if self.0.len() < MOST => self.0.insert(place, (pair, now.plus(PAUSE))),
            Err(_) => {}
        }
    }

    fn place(&self, pair: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(pair))
    }
}

/// What refusals are counted against: a place, such as a source's name, and the client's address as Cloudflare tells it.
/// An IPv6 address counts as its /64, which is what one customer gets.
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
    fn a_block_lasts_a_minute() {
        let mut blocked = Blocked::default();
        blocked.block("a".to_owned(), NOW);
        assert!(blocked.is_blocked("a", NOW.plus(Duration::from_secs(59))));
        assert!(!blocked.is_blocked("a", NOW.plus(PAUSE)));
        assert!(!blocked.is_blocked("b", NOW));
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let mut blocked = Blocked::default();
        for number in 0..=MOST {
            blocked.block(number.to_string(), NOW);
        }
        assert_eq!(blocked.0.len(), MOST);
        blocked.block("later".to_owned(), NOW.plus(PAUSE));
        assert_eq!(blocked.0.len(), 1, "those that ended make room");
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let from = |address: &str| pair("billing", &vec![("cf-connecting-ip".to_owned(), address.to_owned())]);
        assert_eq!(from("203.0.113.7"), "billing|203.0.113.7");
        assert_eq!(from("2001:db8:1:2:3:4:5:6"), "billing|2001:db8:1:2::/64");
        assert_eq!(from("2001:db8:1:2::9"), from("2001:db8:1:2:3:4:5:6"));
        assert_ne!(from("2001:db8:1:3::9"), from("2001:db8:1:2::9"));
    }
}
