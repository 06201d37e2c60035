//! Claims, as the pipeline holds them: taken before an event is made durable or sent, and then confirmed or released.

use super::ports::{Claims, Keys, Local, PortError};
use crate::config::{Config, Dedup, LONGEST_IN_QUEUE, Source};
use crate::dedup::{Claim, DedupKey, Shard, Table, Terms, Token};
use crate::delivery::Event;
use crate::letter::KEPT;
use crate::webhook::UnixTime;
use std::time::Duration;

/// How long ingest has from its claim to its confirmation. The origin has 10 s of it; R2 and the queue have 25 s together.
pub const INGEST_LEASE: Duration = Table::TERMS.lease;
/// How long a forward has: to fetch the body, which takes 30 s at most, to wait for the origin as long, and to confirm.
pub const FORWARD_LEASE: Duration = Duration::from_secs(90);
/// How long the delivery of a redriven event is remembered; that of any other, for as long as a second message of it could
/// be in the queue. Where noting a redrive failed, its letter can be redriven again for as long as it is kept.
const REDRIVE_REMEMBERED: Duration = KEPT.saturating_add(LONGEST_IN_QUEUE);
/// A confirmation that is lost may let an event through twice, so it is tried so many times.
const CONFIRM_TRIES: usize = 3;
/// How long an isolate believes the registry of rings.
const ADMITTED: Duration = Duration::from_secs(3600);

/// What became of an attempt to take a claim.
pub enum Taken<H> {
    /// It is held.
    Held(H),
    /// Somebody else holds it.
    InFlight(UnixTime),
    /// It was confirmed before.
    Duplicate,
}

impl<H> Taken<H> {
    fn map<T>(self, wrap: impl FnOnce(H) -> T) -> Taken<T> {
        match self {
            Self::Held(held) => Taken::Held(wrap(held)),
            Self::InFlight(until) => Taken::InFlight(until),
            Self::Duplicate => Taken::Duplicate,
        }
    }
}

/// What ingest holds of an event's key while it makes the event durable.
pub enum KeyClaim {
    /// `dedup = "none"`.
    Nothing,
    /// `dedup = "kv"`: the races that this isolate sees, and what KV shows it.
    Here(Here),
    /// `dedup = "exact"`.
    Exact(Exact),
}

impl KeyClaim {
    /// Claims `key` as `source` has it.
    pub async fn take(
        source: &Source,
        config: &Config,
        key: DedupKey,
        ports: &(impl Keys + Claims + Local),
        now: UnixTime,
    ) -> Result<Taken<Self>, PortError> {
        match source.dedup {
            Dedup::None => Ok(Taken::Held(Self::Nothing)),
            Dedup::Kv => Ok(Here::take(ports, key, now).await?.map(Self::Here)),
            Dedup::Exact => {
                // KV knows confirmed keys only, so its yes is true, and spares the object most duplicates.
                if ports.is_known(&key).await.unwrap_or(false) {
                    return Ok(Taken::Duplicate);
                }
                let terms = Terms { lease: INGEST_LEASE, ttl: source.dedup_ttl };
                Ok(Exact::take(ports, config, &key, key.to_string(), terms, now).await?.map(Self::Exact))
            }
        }
    }

    /// The event, with what its consumer needs to tell this acceptance from another.
    pub fn mark<'e>(&self, event: Event<'e>) -> Event<'e> {
        match self {
            Self::Exact(exact) => event.claimed(exact.first_seen),
            Self::Here(_) | Self::Nothing => event,
        }
    }

    /// Confirms the claim: the event is durable. An error leaves it to the lease.
    pub async fn confirm(self, ports: &(impl Claims + Local), now: UnixTime) -> Result<(), PortError> {
        match self {
            Self::Exact(exact) => exact.confirm(ports).await,
            Self::Here(here) => {
                here.confirm(ports, now);
                Ok(())
            }
            Self::Nothing => Ok(()),
        }
    }

    /// Releases the claim: the event is not durable, and the provider's retry is to be accepted.
    pub async fn release(self, ports: &(impl Claims + Local), now: UnixTime) {
        match self {
            Self::Exact(exact) => exact.release(ports).await,
            Self::Here(here) => here.release(ports, now),
            Self::Nothing => {}
        }
    }
}

/// What the consumer holds of an event while it delivers it: something where it was claimed exactly, else nothing.
pub struct DeliveryClaim(Option<Exact>);

impl DeliveryClaim {
    /// Claims the delivery of `event`, which came in at `source`.
    pub async fn take(
        event: &Event<'_>,
        source: &Source,
        config: &Config,
        ports: &(impl Claims + Local),
        now: UnixTime,
    ) -> Result<Taken<Self>, PortError> {
        let key = DedupKey::parse(event.key()).filter(|_| source.dedup == Dedup::Exact && event.was_claimed());
        let Some(key) = key else { return Ok(Taken::Held(Self(None))) };
        let ttl = if event.is_redriven() { REDRIVE_REMEMBERED } else { LONGEST_IN_QUEUE };
        let terms = Terms { lease: FORWARD_LEASE, ttl };
        let taken = Exact::take(ports, config, &key, event.claim_name(), terms, now).await?;
        Ok(taken.map(|exact| Self(Some(exact))))
    }

    /// Confirms the claim: the event is delivered, or dead.
    pub async fn confirm(self, ports: &impl Claims) -> Result<(), PortError> {
        match self.0 {
            Some(exact) => exact.confirm(ports).await,
            None => Ok(()),
        }
    }

    /// Releases the claim: the event is to be tried again.
    pub async fn release(self, ports: &impl Claims) {
        if let Some(exact) = self.0 {
            exact.release(ports).await;
        }
    }
}

/// A claim in this isolate's own table.
pub struct Here {
    key: DedupKey,
    token: Token,
}

impl Here {
    /// Claims `key` among what this isolate sees, and looks it up in the store of keys.
    async fn take(ports: &(impl Keys + Local), key: DedupKey, now: UnixTime) -> Result<Taken<Self>, PortError> {
        let claim = ports.isolate().table.borrow_mut().claim(key, now, Token(ports.random()));
        let token = match claim {
            Claim::First { token, .. } => token,
            Claim::InFlight { until } => return Ok(Taken::InFlight(until)),
            Claim::Duplicate { .. } => return Ok(Taken::Duplicate),
        };
        let here = Self { key, token };
        match ports.is_known(&key).await {
            Ok(false) => Ok(Taken::Held(here)),
            Ok(true) => {
                here.confirm(ports, now);
                Ok(Taken::Duplicate)
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
pub struct Exact {
    name: String,
    claims: Vec<(Shard, Token)>,
    ttl: Duration,
    /// The same for all who claim the name until it is forgotten.
    first_seen: UnixTime,
}

impl Exact {
    /// Claims `name` in every ring that may know it.
    async fn take(
        ports: &(impl Claims + Local),
        config: &Config,
        key: &DedupKey,
        name: String,
        terms: Terms,
        now: UnixTime,
    ) -> Result<Taken<Self>, PortError> {
        admit(ports, config, now).await?;
        let mut held = Self { name, claims: Vec::new(), ttl: terms.ttl, first_seen: now };
        for shard in config.rings.shards(key) {
            let found = match ports.claim(shard, &held.name, terms).await {
                Ok(Claim::First { token, first_seen }) => {
                    // The first ring decides who is first, and so when that was.
                    if held.claims.is_empty() {
                        held.first_seen = first_seen;
                    }
                    held.claims.push((shard, token));
                    continue;
                }
                Ok(Claim::InFlight { until }) => Ok(Taken::InFlight(until)),
                Ok(Claim::Duplicate { .. }) => Ok(Taken::Duplicate),
                Err(error) => Err(error),
            };
            held.release(ports).await;
            return found;
        }
        Ok(Taken::Held(held))
    }

    /// Confirms the claim. Where that fails after some tries, what it was taken for may be done again: an error to be
    /// told, and nothing to be done about.
    async fn confirm(self, ports: &impl Claims) -> Result<(), PortError> {
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
    async fn release(self, ports: &impl Claims) {
        for (shard, token) in &self.claims {
            let _ = ports.release(*shard, &self.name, *token).await;
        }
    }
}

/// Sees to it that no ring of objects is forgotten that still holds claims.
async fn admit(ports: &(impl Claims + Local), config: &Config, now: UnixTime) -> Result<(), PortError> {
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
