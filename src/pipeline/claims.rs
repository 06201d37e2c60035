//! Claims, as the pipeline holds them: taken before an event is made durable or sent, and then confirmed or released.

use super::ports::{ClaimStore, DedupKeys, Local, PortError};
use crate::config::{Config, Dedup, Deliver, LONGEST_IN_QUEUE, Source};
use crate::dedup::{Acceptance, ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Shard};
use crate::letter::KEPT;
use crate::message::Event;
use hookgate_verify::UnixTime;
use std::time::Duration;

/// How long ingest has from its claim to its confirmation. R2 and the queue have 25 s of it together.
const INGEST_LEASE: Duration = Duration::from_secs(30);
/// What it has at least where the origin answers while the provider waits: the origin has 10 s of it.
const DIRECT_LEASE: Duration = Duration::from_secs(12);
const SHORTEST_LEASE: Duration = Duration::from_secs(1);
/// How long a forward has: 20 s at most until there is room for its body, 30 s to fetch the body, 30 s to wait for the
/// origin, and the rest to confirm.
pub const FORWARD_LEASE: Duration = Duration::from_secs(90);
/// How long the delivery of a redriven event is remembered; that of any other, for as long as a second message of it could
/// be in the queue. Where noting a redrive failed, its letter can be redriven again for as long as it is kept.
const REDRIVE_REMEMBERED: Duration = KEPT.saturating_add(LONGEST_IN_QUEUE);
/// A confirmation that is lost may let an event through twice, so it is tried so many times.
const CONFIRM_TRIES: usize = 3;
/// How long an isolate believes the registry of rings.
const ADMITTED: Duration = Duration::from_secs(3600);

/// The lease of a claim on an event of `source`: a third of the time within which all of its provider's tries may pass, so
/// that a claim which nobody confirms or releases hides the event from some of them, and not from all.
///
/// Two requests may be at work on one event after a short lease. Their messages belong to one acceptance, and the queue's
/// consumer delivers one of them. A forward to the origin has no such second look: there the lease is longer than it takes.
fn ingest_lease(source: &Source) -> Duration {
    let third = source.verifier.preset().tries_within().checked_div(3).unwrap_or(INGEST_LEASE);
    let least = match source.deliver {
        Deliver::Queue(_) => SHORTEST_LEASE,
        Deliver::Direct(_) => DIRECT_LEASE,
    };
    third.clamp(least, INGEST_LEASE)
}

/// What became of an attempt to take a claim.
pub enum Acquisition<H> {
    /// It is held.
    Acquired(H),
    /// Somebody else holds it.
    InFlight(UnixTime),
    /// It was confirmed before.
    Duplicate,
}

impl<H> Acquisition<H> {
    fn map<T>(self, wrap: impl FnOnce(H) -> T) -> Acquisition<T> {
        match self {
            Self::Acquired(held) => Acquisition::Acquired(wrap(held)),
            Self::InFlight(until) => Acquisition::InFlight(until),
            Self::Duplicate => Acquisition::Duplicate,
        }
    }
}

/// What ingest holds of an event's key while it makes the event durable.
pub enum KeyClaim {
    /// `dedup = "none"`, or an event without an identity.
    Unclaimed(Acceptance, Option<UnixTime>),
    /// `dedup = "kv"`: the races that this isolate sees, and what KV shows it.
    Isolate(IsolateClaim),
    /// `dedup = "exact"`.
    Exact(ObjectClaim),
}

impl KeyClaim {
    /// Claims `key` as `source` has it; nothing where there is none.
    pub async fn take(
        source: &Source,
        config: &Config,
        key: Option<DedupKey>,
        ports: &(impl DedupKeys + ClaimStore + Local),
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        // What has no identity cannot be claimed here. Its delivery can, by its acceptance: a queue may give it twice.
        let exact = (source.dedup == Dedup::Exact).then_some(now);
        let nothing =
            || Ok(Acquisition::Acquired(Self::Unclaimed(Acceptance::Drawn(ClaimToken(ports.random())), exact)));
        let Some(key) = key else { return nothing() };
        match source.dedup {
            Dedup::None => nothing(),
            Dedup::Kv => Ok(IsolateClaim::take(ports, key, ingest_lease(source), now).await?.map(Self::Isolate)),
            Dedup::Exact => {
                // KV knows confirmed keys only, so its yes is true, and spares the object most duplicates.
                if ports.is_known(&key).await.unwrap_or(false) {
                    return Ok(Acquisition::Duplicate);
                }
                let terms = ClaimTerms { lease: ingest_lease(source), ttl: source.dedup_ttl };
                Ok(ObjectClaim::take(ports, config, &key, key.to_string(), terms, now).await?.map(Self::Exact))
            }
        }
    }

    /// The acceptance that the claim belongs to.
    pub fn acceptance(&self) -> Acceptance {
        match self {
            Self::Unclaimed(acceptance, _) => *acceptance,
            Self::Isolate(here) => here.acceptance,
            Self::Exact(exact) => exact.acceptance,
        }
    }

    /// The event, marked for its consumer where its delivery is to be claimed exactly.
    pub fn mark<'e>(&self, event: Event<'e>) -> Event<'e> {
        match self {
            Self::Exact(exact) => event.claimed(exact.first_seen),
            Self::Unclaimed(_, Some(accepted)) => event.claimed(*accepted),
            Self::Isolate(_) | Self::Unclaimed(_, None) => event,
        }
    }

    /// Confirms the claim: the event is durable. An error leaves it to the lease.
    pub async fn confirm(self, ports: &(impl ClaimStore + Local), now: UnixTime) -> Result<(), PortError> {
        match self {
            Self::Exact(exact) => exact.confirm(ports).await,
            Self::Isolate(here) => {
                here.confirm(ports, now);
                Ok(())
            }
            Self::Unclaimed(..) => Ok(()),
        }
    }

    /// Releases the claim: the event is not durable, and the provider's retry is to be accepted.
    pub async fn release(self, ports: &(impl ClaimStore + Local), now: UnixTime) {
        match self {
            Self::Exact(exact) => exact.release(ports).await,
            Self::Isolate(here) => here.release(ports, now),
            Self::Unclaimed(..) => {}
        }
    }
}

/// What the consumer holds of an event while it delivers it: something where it was claimed exactly, else nothing.
pub struct DeliveryClaim(Option<ObjectClaim>);

impl DeliveryClaim {
    /// Claims the delivery of `event`, which came in at `source`.
    pub async fn take(
        event: &Event<'_>,
        source: &Source,
        config: &Config,
        ports: &(impl ClaimStore + Local),
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        let key = DedupKey::parse(event.key()).filter(|_| source.dedup == Dedup::Exact && event.was_claimed());
        let Some(key) = key else { return Ok(Acquisition::Acquired(Self(None))) };
        let ttl = if event.is_redriven() { REDRIVE_REMEMBERED } else { LONGEST_IN_QUEUE };
        let terms = ClaimTerms { lease: FORWARD_LEASE, ttl };
        let taken = ObjectClaim::take(ports, config, &key, event.claim_name(), terms, now).await?;
        Ok(taken.map(|exact| Self(Some(exact))))
    }

    /// Confirms the claim: the event is delivered, or dead.
    pub async fn confirm(self, ports: &impl ClaimStore) -> Result<(), PortError> {
        match self.0 {
            Some(exact) => exact.confirm(ports).await,
            None => Ok(()),
        }
    }

    /// Releases the claim: the event is to be tried again.
    pub async fn release(self, ports: &impl ClaimStore) {
        if let Some(exact) = self.0 {
            exact.release(ports).await;
        }
    }
}

/// A claim in this isolate's own table.
pub struct IsolateClaim {
    key: DedupKey,
    token: ClaimToken,
    acceptance: Acceptance,
}

impl IsolateClaim {
    /// Claims `key` among what this isolate sees, and looks it up in the store of keys.
    async fn take(
        ports: &(impl DedupKeys + Local),
        key: DedupKey,
        lease: Duration,
        now: UnixTime,
    ) -> Result<Acquisition<Self>, PortError> {
        let claim = ports.isolate().table.borrow_mut().claim(key, now, lease, ClaimToken(ports.random()));
        let here = match claim {
            ClaimOutcome::First { token, acceptance, .. } => Self { key, token, acceptance },
            ClaimOutcome::InFlight { until } => return Ok(Acquisition::InFlight(until)),
            ClaimOutcome::Duplicate { .. } => return Ok(Acquisition::Duplicate),
        };
        match ports.is_known(&key).await {
            Ok(false) => Ok(Acquisition::Acquired(here)),
            Ok(true) => {
                here.confirm(ports, now);
                Ok(Acquisition::Duplicate)
            }
            Err(error) => {
                here.release(ports, now);
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

/// A claim in the Durable Objects: one, or two while the number of objects changes.
pub struct ObjectClaim {
    name: String,
    claims: Vec<(Shard, ClaimToken)>,
    ttl: Duration,
    /// These two are the same for all who claim the name until it is forgotten.
    first_seen: UnixTime,
    acceptance: Acceptance,
}

impl ObjectClaim {
    /// Claims `name` in every ring that may know it.
    async fn take(
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
        let mut held = Self { name, claims: Vec::new(), ttl: terms.ttl, first_seen: now, acceptance };
        for shard in config.rings.shards(key) {
            let found = match claim(ports, shard, &held.name, terms, token).await {
                Ok(ClaimOutcome::First { token, first_seen, acceptance }) => {
                    // The first ring decides who is first, and so which acceptance this is.
                    if held.claims.is_empty() {
                        (held.first_seen, held.acceptance) = (first_seen, acceptance);
                    }
                    held.claims.push((shard, token));
                    continue;
                }
                Ok(ClaimOutcome::InFlight { until }) => Ok(Acquisition::InFlight(until)),
                Ok(ClaimOutcome::Duplicate { .. }) => Ok(Acquisition::Duplicate),
                Err(error) => {
                    // The claim may have been made: its lease would hide the event from the provider's next try.
                    held.claims.push((shard, token));
                    Err(error)
                }
            };
            held.release(ports).await;
            return found;
        }
        Ok(Acquisition::Acquired(held))
    }

    /// Confirms the claim. Where that fails after some tries, what it was taken for may be done again: an error to be
    /// told, and nothing to be done about.
    async fn confirm(self, ports: &impl ClaimStore) -> Result<(), PortError> {
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
                Ok(false) => outcome = Err(PortError("another has claimed it since".to_owned())),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Releases the claim. Where that fails, its lease ends by itself.
    async fn release(self, ports: &impl ClaimStore) {
        for (shard, token) in &self.claims {
            let _ = ports.release(*shard, &self.name, *token).await;
        }
    }
}

/// Claims `name` under `token`. A claimer that gets no answer asks once more, and takes up its own claim if it made one.
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

/// Forgets the claim on `key`, so that the next request with it is a new event: in the objects, in KV, and in this isolate.
/// Whether there was anything to forget, as far as that can be seen.
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
    // The objects first: KV stands before them, and knows nothing that they do not.
    if source.dedup != Dedup::None {
        forgotten |= ports.is_known(&key).await?;
        ports.forget(&key).await?;
    }
    Ok(forgotten)
}

/// Sees to it that no ring of objects is forgotten that still holds claims.
async fn admit(ports: &(impl ClaimStore + Local), config: &Config, now: UnixTime) -> Result<(), PortError> {
    let admitted = &ports.isolate().admitted_until;
    if admitted.get().is_some_and(|until| now < until) {
        return Ok(());
    }
    // What is claimed at the end of that hour counts for as long as any claim does.
    let longest = config.longest_claim().max(REDRIVE_REMEMBERED);
    let hold = longest.saturating_add(ADMITTED).saturating_add(FORWARD_LEASE);
    ports.admit(config.rings, hold).await?.map_err(|refused| PortError(refused.to_string()))?;
    admitted.set(Some(now.plus(ADMITTED)));
    Ok(())
}
