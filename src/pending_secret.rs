//! A secret that a provider sent while its source was armed, until the operator has read it.
//!
//! Nothing proves such a secret, so the first one stays: whoever comes later replaces nothing, and is refused.

use hookgate_verify::UnixTime;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a secret waits.
pub const WAITS: Duration = Duration::from_secs(3600);

/// A secret that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingSecret {
    /// The secret.
    pub secret: String,
    /// When it is forgotten.
    pub expires: UnixTime,
}

/// What is offered is taken, or what waits stays.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferOutcome {
    /// Nothing waited: this is to be stored.
    Stored(PendingSecret),
    /// The same secret waits; the provider repeats itself.
    Same,
    /// Another secret waits.
    Refused,
}

/// Offers `secret` at a source where `waiting` was stored last. The step has to be atomic: nothing may be stored between
/// the reading of `waiting` and the storing of what comes out.
pub fn offer(waiting: Option<&PendingSecret>, secret: &str, now: UnixTime) -> OfferOutcome {
    match waiting.filter(|waiting| now < waiting.expires) {
        None => OfferOutcome::Stored(PendingSecret { secret: secret.to_owned(), expires: now.plus(WAITS) }),
        // In constant time, since anybody may offer.
        Some(waiting) if waiting.secret.as_bytes().ct_eq(secret.as_bytes()).into() => OfferOutcome::Same,
        Some(_) => OfferOutcome::Refused,
    }
}

/// The secret that waits at `now`, of what was stored last.
pub fn waiting(stored: Option<PendingSecret>, now: UnixTime) -> Option<String> {
    stored.filter(|waiting| now < waiting.expires).map(|waiting| waiting.secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200);

    #[test]
    fn the_first_secret_stays_for_an_hour_and_no_other_replaces_it() {
        let OfferOutcome::Stored(first) = offer(None, "first", NOW) else { panic!("nothing waited") };
        let last = NOW.plus(WAITS).minus(Duration::from_secs(1));
        for now in [NOW, last] {
            assert!(offer(Some(&first), "first", now) == OfferOutcome::Same);
            assert!(offer(Some(&first), "other", now) == OfferOutcome::Refused);
            assert_eq!(waiting(Some(first.clone()), now).as_deref(), Some("first"));
        }
        let now = NOW.plus(WAITS);
        assert_eq!(waiting(Some(first.clone()), now), None);
        assert!(
            matches!(offer(Some(&first), "other", now), OfferOutcome::Stored(waiting) if waiting.secret == "other")
        );
    }
}
