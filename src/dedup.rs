//! Deduplication: the key of an event, and the claim on it.
//!
//! A claim has three steps: [`claim`] the key, make the event durable, and [`confirm`] the claim. If the event cannot be
//! made durable, [`release`] the claim. These functions compute the entry that a store keeps under one name. The Durable
//! Object `Claims` and the table of the isolate only store the result.
//!
//! Invariants:
//! - for one name, only one claim at a time is [`ClaimOutcome::First`], until its lease ends;
//! - after another claim, a claim whose lease has ended can neither be confirmed nor released;
//! - a confirmed name stays a duplicate until it expires or is forgotten;
//! - the acceptance of a name stays the same until the name expires or is forgotten.

mod key;
mod rings;
mod table;

pub use key::DedupKey;
pub(crate) use key::digest_of;
pub use rings::{Rings, RingsRefused, Shard, admit};
pub use table::IsolateTable;

use hookgate_verify::UnixTime;
use key::write_hex;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A random number that identifies one claim among all claims of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClaimToken(pub u64);

/// 16 hex digits: JavaScript's numbers do not hold 64 bits.
impl fmt::Display for ClaimToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0.to_be_bytes(), &mut [0; 16], f)
    }
}

impl ClaimToken {
    /// Reads the text that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(u64::from_be_bytes(bytes)))
    }
}

impl TryFrom<String> for ClaimToken {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a token is 16 hex digits")
    }
}

impl Serialize for ClaimToken {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The name of one acceptance of an event. An acceptance lasts from the first claim of a key until the key expires or is
/// forgotten. Two acceptances of one key have different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Acceptance {
    /// A random number: the token of the first claim.
    Drawn(ClaimToken),
    /// The time of the first claim. Claims and messages of the version before have this name.
    FirstSeen(UnixTime),
}

/// 16 hex digits, or a time in RFC 3339. No text is both.
impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drawn(token) => token.fmt(f),
            Self::FirstSeen(time) => f.write_str(&time.to_rfc3339()),
        }
    }
}

impl Acceptance {
    /// Reads the text that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let time = || UnixTime::from_rfc3339(text).map(Self::FirstSeen);
        ClaimToken::parse(text).map(Self::Drawn).or_else(time)
    }
}

impl TryFrom<String> for Acceptance {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an acceptance is 16 hex digits, or a time in RFC 3339")
    }
}

impl Serialize for Acceptance {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The entry of one name in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimEntry {
    /// The token of the last claim.
    pub token: ClaimToken,
    /// The name of the acceptance. It stays the same if the name is claimed again.
    pub acceptance: Acceptance,
    /// When the name was first claimed.
    pub first_seen: UnixTime,
    /// When the lease of the last claim ends. A release sets it to the time of the release.
    pub leased_until: UnixTime,
    /// When the entry expires.
    pub expires: UnixTime,
    /// Whether the event is durable.
    pub confirmed: bool,
}

/// The lease and the TTL of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimTerms {
    /// How long the claim is exclusive. After that, the name can be claimed with another token.
    pub lease: Duration,
    /// How long the entry is kept after the last claim or the confirmation.
    pub ttl: Duration,
}

/// The answer to a claim of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimOutcome {
    /// The name is claimed until the lease ends.
    First {
        /// The token that confirms or releases the claim.
        token: ClaimToken,
        /// When the name was first claimed: now, or by a claim that was released or whose lease has ended.
        first_seen: UnixTime,
        /// The acceptance of this claim.
        acceptance: Acceptance,
    },
    /// The name is claimed with another token.
    InFlight {
        /// When the lease of that claim ends.
        until: UnixTime,
    },
    /// The event is durable.
    Duplicate {
        /// When the name was first claimed.
        first_seen: UnixTime,
    },
}

impl ClaimOutcome {
    /// Reads the JSON text of an outcome.
    pub fn from_json(text: &str) -> Option<Self> {
        let outcome: OutcomeText = serde_json::from_slice(text.as_bytes()).ok()?;
        Some(match outcome {
            OutcomeText::First { token, first_seen, acceptance } => {
                let acceptance = acceptance.unwrap_or(Acceptance::FirstSeen(first_seen));
                Self::First { token, first_seen, acceptance }
            }
            OutcomeText::InFlight { until } => Self::InFlight { until },
            OutcomeText::Duplicate { first_seen } => Self::Duplicate { first_seen },
        })
    }
}

/// The JSON of a [`ClaimOutcome`] from an object. An object that still runs the version before sends no acceptance.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeText {
    First { token: ClaimToken, first_seen: UnixTime, acceptance: Option<Acceptance> },
    InFlight { until: UnixTime },
    Duplicate { first_seen: UnixTime },
}

/// Claims the name of `entry` at `now`, with the new random number `token`. The second value is the new entry to store, if
/// the entry changes.
///
/// After a lost answer, a second call with the same token gets the same claim.
pub fn claim(
    entry: Option<ClaimEntry>,
    now: UnixTime,
    terms: ClaimTerms,
    token: ClaimToken,
) -> (ClaimOutcome, Option<ClaimEntry>) {
    let entry = entry.filter(|entry| now < entry.expires);
    let first_seen = entry.map_or(now, |entry| entry.first_seen);
    match entry {
        Some(entry) if entry.confirmed => (ClaimOutcome::Duplicate { first_seen }, None),
        Some(entry) if now < entry.leased_until && entry.token != token => {
            (ClaimOutcome::InFlight { until: entry.leased_until }, None)
        }
        _ => {
            let acceptance = entry.map_or(Acceptance::Drawn(token), |entry| entry.acceptance);
            let (leased_until, expires) = (now.plus(terms.lease), now.plus(terms.ttl));
            let claimed = ClaimEntry { token, acceptance, first_seen, leased_until, expires, confirmed: false };
            (ClaimOutcome::First { token, first_seen, acceptance }, Some(claimed))
        }
    }
}

/// Confirms the claim of `token`. Returns the new entry to store, or `None` if the name was claimed with another token. A
/// claim whose lease has ended can still be confirmed, and so can a confirmed claim.
pub fn confirm(entry: Option<ClaimEntry>, token: ClaimToken, now: UnixTime, ttl: Duration) -> Option<ClaimEntry> {
    let entry = entry.filter(|entry| entry.token == token)?;
    Some(ClaimEntry { confirmed: true, expires: now.plus(ttl), ..entry })
}

/// Releases the claim of `token`, so that the name can be claimed at once. Returns the new entry to store, or `None` if
/// there is nothing to release.
pub fn release(entry: Option<ClaimEntry>, token: ClaimToken, now: UnixTime) -> Option<ClaimEntry> {
    let entry = entry.filter(|entry| entry.token == token && !entry.confirmed)?;
    Some(ClaimEntry { leased_until: now, ..entry })
}

/// Whether the entry may be deleted, so that the next request is a new acceptance. During a lease it may not: the event may
/// be on its way into the queue.
pub fn may_forget(entry: ClaimEntry, now: UnixTime) -> bool {
    entry.confirmed || entry.leased_until <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);
    const TERMS: ClaimTerms = ClaimTerms { lease: Duration::from_secs(30), ttl: Duration::from_secs(600) };
    const MINE: ClaimToken = ClaimToken(1);
    const OTHER: ClaimToken = ClaimToken(2);
    const ACCEPTANCE: Acceptance = Acceptance::Drawn(MINE);

    fn at(seconds: u64) -> UnixTime {
        NOW.plus(Duration::from_secs(seconds))
    }

    /// The entry that a first claim leaves, at `NOW`.
    fn claimed() -> Option<ClaimEntry> {
        let (claim, entry) = claim(None, NOW, TERMS, MINE);
        assert_eq!(claim, ClaimOutcome::First { token: MINE, first_seen: NOW, acceptance: ACCEPTANCE });
        entry
    }

    fn confirmed() -> Option<ClaimEntry> {
        confirm(claimed(), MINE, at(5), TERMS.ttl)
    }

    #[test]
    fn only_one_claim_at_a_time_is_first() {
        for seconds in [0, 29] {
            let found = claim(claimed(), at(seconds), TERMS, OTHER);
            assert_eq!(found, (ClaimOutcome::InFlight { until: at(30) }, None));
        }
    }

    #[test]
    fn after_a_lease_ended_the_name_can_be_claimed_and_its_first_time_stays() {
        let (claim, entry) = claim(claimed(), at(30), TERMS, OTHER);
        assert_eq!(claim, ClaimOutcome::First { token: OTHER, first_seen: NOW, acceptance: ACCEPTANCE });
        let (leased_until, expires) = (at(60), at(630));
        let claimed_again = ClaimEntry {
            token: OTHER,
            acceptance: ACCEPTANCE,
            first_seen: NOW,
            leased_until,
            expires,
            confirmed: false,
        };
        assert_eq!(entry, Some(claimed_again));
        assert_eq!(confirm(entry, MINE, at(31), TERMS.ttl), None, "a stale token confirms nothing");
        assert_eq!(release(entry, MINE, at(31)), None, "and releases nothing");
    }

    #[test]
    fn a_confirmed_name_is_a_duplicate_until_it_expires() {
        let entry = confirmed();
        for seconds in [5, 30, 604] {
            assert_eq!(claim(entry, at(seconds), TERMS, OTHER), (ClaimOutcome::Duplicate { first_seen: NOW }, None));
        }
        let (again, _) = claim(entry, at(605), TERMS, OTHER);
        let next = ClaimOutcome::First { token: OTHER, first_seen: at(605), acceptance: Acceptance::Drawn(OTHER) };
        assert_eq!(again, next, "another acceptance");
        assert_eq!(release(entry, MINE, at(6)), None, "a durable event is not released");
    }

    #[test]
    fn a_second_claim_with_the_same_token_gets_the_same_claim() {
        let (again, entry) = claim(claimed(), at(3), TERMS, MINE);
        assert_eq!(again, ClaimOutcome::First { token: MINE, first_seen: NOW, acceptance: ACCEPTANCE });
        assert_eq!(entry.map(|entry| entry.leased_until), Some(at(33)), "the lease begins again");
        assert_eq!(claim(confirmed(), at(6), TERMS, MINE), (ClaimOutcome::Duplicate { first_seen: NOW }, None));
    }

    #[test]
    fn a_leased_name_is_not_forgotten() {
        let may = |entry: Option<ClaimEntry>, seconds| may_forget(entry.expect("an entry"), at(seconds));
        assert!(!may(claimed(), 29));
        assert!(may(claimed(), 30));
        assert!(may(confirmed(), 5));
        assert!(may(release(claimed(), MINE, at(3)), 3));
    }

    #[test]
    fn a_late_confirmation_is_valid_before_another_claim() {
        assert!(confirm(claimed(), MINE, at(100), TERMS.ttl).is_some_and(|entry| entry.confirmed));
        assert_eq!(confirm(confirmed(), MINE, at(5), TERMS.ttl), confirmed(), "and may be repeated");
        assert_eq!(confirm(claimed(), OTHER, at(1), TERMS.ttl), None);
        assert_eq!(confirm(None, MINE, at(1), TERMS.ttl), None);
    }

    #[test]
    fn a_released_name_can_be_claimed_at_once_as_the_same_acceptance() {
        let released = release(claimed(), MINE, at(3));
        let (claim, entry) = claim(released, at(3), TERMS, OTHER);
        assert_eq!(claim, ClaimOutcome::First { token: OTHER, first_seen: NOW, acceptance: ACCEPTANCE });
        assert_eq!(release(entry, MINE, at(4)), None);
        assert_eq!(release(claimed(), OTHER, at(3)), None);
        assert_eq!(release(None, MINE, at(3)), None);
    }

    #[test]
    fn outcomes_and_tokens_have_one_text() {
        let acceptance = Acceptance::Drawn(ClaimToken(0xb6));
        let first = ClaimOutcome::First { token: ClaimToken(0xa5), first_seen: NOW, acceptance };
        let text = r#"{"first":{"token":"00000000000000a5","first_seen":1768480200,"acceptance":"00000000000000b6"}}"#;
        assert_eq!(serde_json::to_string(&first).expect("JSON"), text);
        assert_eq!(ClaimOutcome::from_json(text).expect("a claim"), first);
        let before = r#"{"first":{"token":"00000000000000a5","first_seen":1768480200}}"#;
        let acceptance = Acceptance::FirstSeen(NOW);
        let first = ClaimOutcome::First { token: ClaimToken(0xa5), first_seen: NOW, acceptance };
        assert_eq!(ClaimOutcome::from_json(before).expect("of the version before"), first);
        assert_eq!(Acceptance::parse("2026-01-15T12:30:00Z"), Some(acceptance));
        assert_eq!(acceptance.to_string(), "2026-01-15T12:30:00Z");
        for claim in [ClaimOutcome::InFlight { until: NOW }, ClaimOutcome::Duplicate { first_seen: NOW }] {
            let text = serde_json::to_string(&claim).expect("JSON");
            assert_eq!(ClaimOutcome::from_json(&text).expect("a claim"), claim);
        }
        for text in ["", "a5", "00000000000000ag", "00000000000000a50"] {
            assert_eq!(ClaimToken::parse(text), None, "{text}");
        }
    }
}
