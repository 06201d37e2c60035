//! The claims of the pipeline: acquired before an event is made durable or sent, and then confirmed or released.

use super::ports::{ClaimStore, DedupKeys, Local, PortError};
use crate::config::{Config, Dedup, Deliver, LONGEST_IN_QUEUE, Source};
use crate::dedup::{Acceptance, ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Shard};
use crate::letter::KEPT;
use crate::message::Event;
use hookgate_verify::UnixTime;
use std::time::Duration;

/// The longest lease of a claim on a key. R2 and the queue may use 25 s of it together.
const INGEST_LEASE: Duration = Duration::from_secs(30);
/// The shortest lease with `deliver = "origin"`. The destination may use 10 s of it.
const DIRECT_LEASE: Duration = Duration::from_secs(12);
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
/// The lease of the claim on a delivery. A delivery takes less: up to 3 s to ask the log, 15 s to look for a mark of the
/// delivery, 30 s to read the body, 30 s to wait for the destination, and 10 s to confirm.
pub const FORWARD_LEASE: Duration = Duration::from_secs(90);
/// The TTL of the claim on the delivery of a redriven or replayed event. If a redrive could not be noted, its letter can be
/// redriven again until the letter is deleted. A job of replays may enqueue an event again when it goes on after a crash. The
/// TTL for other events is [`LONGEST_IN_QUEUE`]: a second message can wait so long.
pub(super) const REDRIVE_REMEMBERED: Duration = KEPT.saturating_add(LONGEST_IN_QUEUE);
/// How many times a confirmation is tried. Without it, an event may be accepted or delivered twice.
const CONFIRM_TRIES: usize = 3;
/// How long an isolate trusts the last answer of the registry of shards.
const ADMITTED: Duration = Duration::from_secs(3600);

/// The lease of a claim on a key of `source`: a third of the time in which the provider makes all of its retries. So a claim
/// that is neither confirmed nor released cannot hide the event from all retries.
///
/// After a short lease, two requests may make the same event durable. Their messages belong to one acceptance, and the
/// queue's consumer delivers one of them. With `deliver = "origin"` no consumer checks again, so the lease is longer than
/// the attempt.
fn ingest_lease(source: &Source) -> Duration {
    let third = source.verifier.preset().tries_within().checked_div(3).unwrap_or(INGEST_LEASE);
    let least = match source.deliver {
        Deliver::Queue(_) => SHORTEST_LEASE,
        Deliver::Direct(_) => DIRECT_LEASE,
    };
    third.clamp(least, INGEST_LEASE)
}

/// The result of acquiring a claim.
pub enum Acquisition<H> {
    /// The claim is acquired.
    Acquired(H),
    /// Another request or message holds the claim until this time.
    InFlight(UnixTime),
    /// The claim was confirmed before.
    Duplicate,
}

impl<H> Acquisition<H> {
    fn map<T>(self, wrap: impl FnOnce(H) -> T) -> Acquisition<T> {
        match self {
            Self::Acquired(claim) => Acquisition::Acquired(wrap(claim)),
            Self::InFlight(until) => Acquisition::InFlight(until),
            Self::Duplicate => Acquisition::Duplicate,
        }
    }
}

/// The claim on the key of an event, while the event is made durable.
pub enum KeyClaim {
    /// `dedup = "none"`, or an event without an identity.
    Unclaimed(Acceptance, Option<UnixTime>),
    /// `dedup = "kv"`: a claim in this isolate, after a look into KV.
    Isolate(IsolateClaim),
    /// `dedup = "exact"`.
    Exact(ObjectClaim),
}

impl KeyClaim {
    /// Claims `key` by the `dedup` of `source`. Without a key, nothing is claimed.
    pub async fn acquire(
        source: &Source,
        config: &Config,
        key: Option<DedupKey>,
        ports: &(impl DedupKeys + ClaimStore + Local),
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        // An event without an identity has no key. With `dedup = "exact"`, the consumer claims its delivery by its
        // acceptance, because a queue may hand over a message twice.
        let claimed = (source.dedup == Dedup::Exact).then_some(now);
        let unclaimed =
            || Ok(Acquisition::Acquired(Self::Unclaimed(Acceptance::Drawn(ClaimToken(ports.random())), claimed)));
        let Some(key) = key else { return unclaimed() };
        match source.dedup {
            Dedup::None => unclaimed(),
            Dedup::Kv => Ok(IsolateClaim::acquire(ports, key, ingest_lease(source), now).await?.map(Self::Isolate)),
            Dedup::Exact => {
                // KV has confirmed keys only, so a "yes" is always true. It saves most duplicates a request to the object.
                // If the read fails, the object decides.
                if ports.is_known(&key).await.unwrap_or(false) {
                    return Ok(Acquisition::Duplicate);
                }
                let terms = ClaimTerms { lease: ingest_lease(source), ttl: source.dedup_ttl };
                Ok(ObjectClaim::acquire(ports, config, &key, key.to_string(), terms, now).await?.map(Self::Exact))
            }
        }
    }

    /// The acceptance that the claim belongs to.
    pub fn acceptance(&self) -> Acceptance {
        match self {
            Self::Unclaimed(acceptance, _) => *acceptance,
            Self::Isolate(claim) => claim.acceptance,
            Self::Exact(claim) => claim.acceptance,
        }
    }

    /// The event. With `dedup = "exact"` it is marked, so that the consumer claims its delivery.
    pub fn mark<'e>(&self, event: Event<'e>) -> Event<'e> {
        match self {
            Self::Exact(claim) => event.claimed(claim.first_seen),
            Self::Unclaimed(_, Some(accepted)) => event.claimed(*accepted),
            Self::Isolate(_) | Self::Unclaimed(_, None) => event,
        }
    }

    /// Confirms the claim: the event is durable. After an error, the lease ends by itself.
    pub async fn confirm(self, ports: &(impl ClaimStore + Local), now: UnixTime) -> Result<(), PortError> {
        match self {
            Self::Exact(claim) => claim.confirm(ports).await,
            Self::Isolate(claim) => {
                claim.confirm(ports, now);
                Ok(())
            }
            Self::Unclaimed(..) => Ok(()),
        }
    }

    /// Releases the claim: the event is not durable, and the provider's retry must be accepted.
    pub async fn release(self, ports: &(impl ClaimStore + Local), now: UnixTime) {
        match self {
            Self::Exact(claim) => claim.release(ports).await,
            Self::Isolate(claim) => claim.release(ports, now),
            Self::Unclaimed(..) => {}
        }
    }
}

/// A claim in the objects. `None` if the event needs no claim, or the Worker has no objects.
pub struct OptionalClaim(Option<ObjectClaim>);

impl From<Option<ObjectClaim>> for OptionalClaim {
    fn from(claim: Option<ObjectClaim>) -> Self {
        Self(claim)
    }
}

impl OptionalClaim {
    /// Claims the delivery of `event`, an event of `source`. There is no claim without `dedup = "exact"`, but for a replay,
    /// which is always claimed if the Worker has the objects: a replay that comes twice would be a second delivery that
    /// nobody asked for.
    pub async fn of_delivery(
        event: &Event<'_>,
        source: &Source,
        config: &Config,
        ports: &(impl ClaimStore + Local),
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        let is_exact = source.dedup == Dedup::Exact && event.was_claimed();
        let is_claimed_replay = event.replay().is_some() && config.bindings.claims;
        if !is_exact && !is_claimed_replay {
            return Ok(Acquisition::Acquired(Self(None)));
        }
        let ttl = if event.is_redriven() || event.replay().is_some() { REDRIVE_REMEMBERED } else { LONGEST_IN_QUEUE };
        let terms = ClaimTerms { lease: FORWARD_LEASE, ttl };
        let acquired = ObjectClaim::acquire(ports, config, &event.key(), event.claim_name(), terms, now).await?;
        Ok(acquired.map(|claim| Self(Some(claim))))
    }

    /// Confirms the claim: what it is about is settled.
    pub async fn confirm(self, ports: &impl ClaimStore) -> Result<(), PortError> {
        match self.0 {
            Some(claim) => claim.confirm(ports).await,
            None => Ok(()),
        }
    }

    /// Releases the claim: it will be tried again.
    pub async fn release(self, ports: &impl ClaimStore) {
        if let Some(claim) = self.0 {
            claim.release(ports).await;
        }
    }
}

/// A claim in the table of this isolate.
pub struct IsolateClaim {
    key: DedupKey,
    token: ClaimToken,
    acceptance: Acceptance,
}

impl IsolateClaim {
    /// Claims `key` in this isolate, and then looks the key up in KV.
    async fn acquire(
        ports: &(impl DedupKeys + Local),
        key: DedupKey,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        let claim = ports.isolate().table.borrow_mut().claim(key, now, lease, ClaimToken(ports.random()));
        let isolate_claim = match claim {
            ClaimOutcome::First { token, acceptance, .. } => Self { key, token, acceptance },
            ClaimOutcome::InFlight { until } => return Ok(Acquisition::InFlight(until)),
            ClaimOutcome::Duplicate { .. } => return Ok(Acquisition::Duplicate),
        };
        match ports.is_known(&key).await {
            Ok(false) => Ok(Acquisition::Acquired(isolate_claim)),
            Ok(true) => {
                isolate_claim.confirm(ports, now);
                Ok(Acquisition::Duplicate)
            }
            Err(error) => {
                isolate_claim.release(ports, now);
                Err(error)
            }
        }
    }

    fn confirm(self, ports: &impl Local, now: UnixTime) {
        ports.isolate().table.borrow_mut().confirm(self.key, self.token, now);
    }

    fn release(self, ports: &impl Local, now: UnixTime) {
        ports.isolate().table.borrow_mut().release(self.key, self.token, now);
    }
}

/// A claim in the Durable Objects: in one object, or in two while the number of shards changes.
pub struct ObjectClaim {
    name: String,
    claims: Vec<(Shard, ClaimToken)>,
    ttl: Duration,
    /// `first_seen` and `acceptance` stay the same until the name expires or is forgotten.
    first_seen: UnixTime,
    acceptance: Acceptance,
}

impl ObjectClaim {
    /// Claims `name` in each object that may know it.
    pub(super) async fn acquire(
        ports: &(impl ClaimStore + Local),
        config: &Config,
        key: &DedupKey,
        name: String,
        terms: ClaimTerms,
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        admit(ports, config, now).await?;
        let token = ClaimToken(ports.random());
        let acceptance = Acceptance::Drawn(token);
        let mut acquired = Self { name, claims: Vec::new(), ttl: terms.ttl, first_seen: now, acceptance };
        for shard in config.rings.shards(key) {
            let found = match claim(ports, shard, &acquired.name, terms, token).await {
                Ok(ClaimOutcome::First { token, first_seen, acceptance }) => {
                    // The first object decides which acceptance this is.
                    if acquired.claims.is_empty() {
                        (acquired.first_seen, acquired.acceptance) = (first_seen, acceptance);
                    }
                    acquired.claims.push((shard, token));
                    continue;
                }
                Ok(ClaimOutcome::InFlight { until }) => Ok(Acquisition::InFlight(until)),
                Ok(ClaimOutcome::Duplicate { .. }) => Ok(Acquisition::Duplicate),
                Err(error) => {
                    // The object may have made the claim. Without a release, its lease would hide the event from the next
                    // retry.
                    acquired.claims.push((shard, token));
                    Err(error)
                }
            };
            acquired.release(ports).await;
            return found;
        }
        Ok(Acquisition::Acquired(acquired))
    }

    /// Confirms the claim.
    ///
    /// # Errors
    /// After [`CONFIRM_TRIES`]. The event may then be accepted or delivered again, so the caller logs the error.
    pub(super) async fn confirm(self, ports: &impl ClaimStore) -> Result<(), PortError> {
        let mut outcome = Ok(());
        for (shard, token) in &self.claims {
            let mut confirmed = Err(PortError(String::new()));
            for _ in 0..CONFIRM_TRIES {
                confirmed = ports.confirm(*shard, &self.name, *token, self.ttl).await;
                if confirmed.is_ok() {
                    break;
                }
            }
            match confirmed {
                Ok(true) => {}
                Ok(false) => outcome = Err(PortError("the name was claimed again after the lease ended".to_owned())),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Releases the claim. After a failure, the lease ends by itself.
    pub(super) async fn release(self, ports: &impl ClaimStore) {
        for (shard, token) in &self.claims {
            let _ = ports.release(*shard, &self.name, *token).await;
        }
    }
}

/// Claims `name` with `token`. After an error, it asks once more: the same token gets the claim that the first call made.
async fn claim(
    ports: &impl ClaimStore,
    shard: Shard,
    name: &str,
    terms: ClaimTerms,
    token: ClaimToken,
) -> Result<ClaimOutcome, PortError> {
    match ports.claim(shard, name, terms, token).await {
        Err(_) => ports.claim(shard, name, terms, token).await,
        answered => answered,
    }
}

/// Forgets `key` in the objects, in KV and in this isolate, so that the next request with the key is a new event. Returns
/// whether any of them knew the key.
pub async fn forget(
    source: &Source,
    config: &Config,
    key: DedupKey,
    ports: &(impl DedupKeys + ClaimStore + Local),
    now: UnixTime,
) -> Result<bool, PortError> {
    let mut forgotten = ports.isolate().table.borrow_mut().forget(key, now);
    if source.dedup == Dedup::Exact {
        admit(ports, config, now).await?;
        for shard in config.rings.shards(&key) {
            forgotten |= ports.forget_claim(shard, &key.to_string()).await?;
        }
    }
    // The objects come first: KV has only keys that the objects have too.
    if source.dedup != Dedup::None {
        forgotten |= ports.is_known(&key).await?;
        ports.forget(&key).await?;
    }
    Ok(forgotten)
}

/// Refuses a configuration that lacks a number of shards with unexpired claims.
async fn admit(ports: &(impl ClaimStore + Local), config: &Config, now: UnixTime) -> Result<(), PortError> {
    let admitted = &ports.isolate().admitted_until;
    if admitted.get().is_some_and(|until| now < until) {
        return Ok(());
    }
    // A claim at the end of `ADMITTED` must still be covered by the registry.
    let longest = config.longest_claim().max(REDRIVE_REMEMBERED);
    let hold = longest.saturating_add(ADMITTED).saturating_add(FORWARD_LEASE);
    ports.admit(config.rings, hold).await?.map_err(|refused| PortError(refused.to_string()))?;
    admitted.set(Some(now.plus(ADMITTED)));
    Ok(())
}
