//! A secret that a provider sent while its source was armed, until the operator has read it.
//!
//! Nothing proves such a secret, so the first secret stays. Another secret is refused until the first secret expires.

use hookgate_verify::UnixTime;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a pending secret is kept.
pub const WAITS: Duration = Duration::from_secs(3600);

/// A secret that the operator has not read yet.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingSecret {
    /// The secret.
    pub secret: String,
    /// When it is forgotten.
    pub expires: UnixTime,
}

/// The result of an offer: the new secret is stored, or the pending secret stays.
#[derive(Clone, PartialEq, Eq)]
pub enum OfferOutcome {
    /// No secret was pending: the caller stores this one.
    Stored(PendingSecret),
    /// The same secret is pending already: the provider sent it again.
    Same,
    /// Another secret is pending.
    Refused,
}

/// Offers `secret` to a source. `waiting` is the secret that was stored last. The step must be atomic: nothing else may be
/// stored between the read of `waiting` and the write of the result.
pub fn offer(waiting: Option<&PendingSecret>, secret: &str, now: UnixTime) -> OfferOutcome {
    match waiting.filter(|waiting| now < waiting.expires) {
        None => OfferOutcome::Stored(PendingSecret { secret: secret.to_owned(), expires: now.plus(WAITS) }),
        // In constant time, because an unproven sender may offer a secret.
        Some(waiting) if waiting.secret.as_bytes().ct_eq(secret.as_bytes()).into() => OfferOutcome::Same,
        Some(_) => OfferOutcome::Refused,
    }
}

/// The stored secret, if it has not expired at `now`.
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
