//! The pipeline's ports in the simulated world, on the stores of [`World`].

use super::executor::Millis;
use super::gate::{CLAIMS_PATIENCE, Gate, KV_PATIENCE, PATIENCE};
use super::sabotage::Sabotage;
use super::world::{SECOND, World};
use super::{invariants, jobs, queue};
use hookgate::audit::AuditEntry;
use hookgate::database::{Rows, Statement};
use hookgate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use hookgate::letter::{Filter, Groups, Letter, Selection};
use hookgate::message::OutgoingMessage;
use hookgate::pipeline::IsolateState;
use hookgate::pipeline::ports::{
    Audit, ClaimStore, Database, DedupKeys, Letters, Local, Notes, Outbox, Page, Payloads, PortError, Stored,
};
use hookgate_verify::native::Native;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey, UnixTime};
use std::rc::Rc;
use std::time::Duration;

impl Crypto for Gate {
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        Native.hmac(hash, key, parts)
    }

    fn digest(&self, hash: Hash, content: &[u8]) -> Vec<u8> {
        Native.digest(hash, content)
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        Native.verifies(algorithm, key, content, signature)
    }
}

impl DedupKeys for Gate {
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError> {
        let (location, key) = (self.life.location, key.to_string());
        let get = move |world: &World| {
            let cached = [0, SECOND, 60 * SECOND][world.exec.random.index(3)];
            world.keys.borrow_mut().get(location, &key, world.exec.now(), cached).is_some()
        };
        Ok(self.call("look up", self.world.faults.kv, KV_PATIENCE, get).await?)
    }

    async fn forget(&self, _key: &DedupKey) -> Result<(), PortError> {
        Err(PortError("this simulation deletes no key".to_owned()))
    }

    fn remember(&self, key: &DedupKey, ttl: Duration, _now: UnixTime) {
        let (world, location, key) = (Rc::clone(&self.world), self.life.location, key.to_string());
        if world.story(&key).is_none_or(|story| !story.is_somewhere(&world)) {
            world.violated(
                "1: the key of an event is remembered before the event is durable",
                self.handling.story.as_ref(),
            );
        }
        self.world.exec.spawn(self.life.home, async move {
            world.pause().await;
            let kv = world.faults.kv;
            if !world.strikes(kv.before + kv.hangs) {
                let delay = world.exec.random.below(60 * SECOND);
                world.keys.borrow_mut().put(location, key, String::new(), world.exec.now(), delay, ttl);
            }
        });
    }
}

impl Notes for Gate {
    async fn note(&self, name: &str) -> Result<Option<String>, PortError> {
        let (location, name) = (self.life.location, name.to_owned());
        let get = move |world: &World| {
            let cached = [0, SECOND, 60 * SECOND][world.exec.random.index(3)];
            world.keys.borrow_mut().get(location, &name, world.exec.now(), cached)
        };
        Ok(self.call("read note", self.world.faults.kv, KV_PATIENCE, get).await?)
    }

    async fn put_note(&self, name: &str, text: &str, ttl: Duration) -> Result<(), PortError> {
        let (location, name, text) = (self.life.location, name.to_owned(), text.to_owned());
        let put = move |world: &World| {
            let delay = world.exec.random.below(60 * SECOND);
            world.keys.borrow_mut().put(location, name, text, world.exec.now(), delay, ttl);
        };
        Ok(self.call("put note", self.world.faults.kv, KV_PATIENCE, put).await?)
    }
}

/// Whether the claim `name` keeps the same message from a second delivery. The claim that the replays and redrives of an event
/// share keeps other messages back.
fn decides(name: &str) -> bool {
    !name.ends_with("/replayed")
}

impl ClaimStore for Gate {
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError> {
        let (name, decides) = (name.to_owned(), decides(name));
        let claim = move |world: &World| {
            let mut claims = world.claims.borrow_mut();
            let now = world.time(claims.skew(shard));
            claims.claim(shard, &name, terms, now, token)
        };
        let claim = self.claims_call("claim", claim).await?;
        if decides && let ClaimOutcome::First { .. } = claim {
            self.handling.claimed(shard);
        }
        Ok(claim)
    }

    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError> {
        let (name, decides, handling) = (name.to_owned(), decides(name), Rc::clone(&self.handling));
        let confirm = move |world: &World| {
            let mut claims = world.claims.borrow_mut();
            let now = world.time(claims.skew(shard));
            let stale = claims.holder(shard, &name) != Some(token);
            let confirmed = claims.confirm(shard, &name, token, now, ttl);
            let is_replay = handling.envelope.replay.is_some();
            if world.sabotage.get().is_some_and(|how| how.forgets_claim(&name, is_replay)) {
                claims.forget(shard, &name, now);
            }
            if confirmed && stale {
                world.violated("3: a claim is confirmed after it was lost", handling.story.as_ref());
            }
            if confirmed && decides {
                handling.confirmed(shard);
            }
            confirmed
        };
        let confirmed = self.claims_call("confirm", confirm).await;
        if confirmed.is_err() && decides {
            self.handling.unconfirmed();
        }
        self.handling.answered(matches!(confirmed, Ok(true)));
        Ok(confirmed?)
    }

    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError> {
        let (name, handling) = (name.to_owned(), Rc::clone(&self.handling));
        let release = move |world: &World| {
            let mut claims = world.claims.borrow_mut();
            let now = world.time(claims.skew(shard));
            let stale = claims.holder(shard, &name) != Some(token);
            let released = claims.release(shard, &name, token, now);
            if released && stale {
                world.violated("3: a claim is released after it was lost", handling.story.as_ref());
            }
            released
        };
        Ok(self.claims_call("release", release).await?)
    }

    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError> {
        let name = name.to_owned();
        let forget = move |world: &World| {
            let mut claims = world.claims.borrow_mut();
            let now = world.time(claims.skew(shard));
            claims.forget(shard, &name, now)
        };
        Ok(self.claims_call("forget claim", forget).await?)
    }

    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError> {
        let admit = move |world: &World| world.claims.borrow_mut().admit(rings, world.time(0), hold);
        Ok(self.call("admit", self.world.faults.claims, CLAIMS_PATIENCE, admit).await?)
    }

    async fn install(&self, _source: &str, _secret: &str) -> Result<bool, PortError> {
        Err(PortError("this simulation installs no secret".to_owned()))
    }

    async fn installed(&self, _source: &str) -> Result<Option<String>, PortError> {
        Ok(None)
    }
}

impl Outbox for Gate {
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError> {
        let (world, text) = (Rc::clone(&self.world), message.clone().into_text());
        let is_lost = world.sabotage.get() == Some(Sabotage::CountsOnly) && text.contains("\"replay\":");
        let send = move |_: &World| {
            if !is_lost {
                queue::send(&world, queue::Name::Events, text);
            }
        };
        Ok(self.call("enqueue", self.world.faults.queue, PATIENCE, send).await?)
    }

    async fn enqueue_later(&self, message: &str, delay: Duration) -> Result<(), PortError> {
        if self.world.sabotage.get() == Some(Sabotage::NoNextStep) {
            return Ok(());
        }
        let (world, text, delay) = (Rc::clone(&self.world), message.to_owned(), delay.as_millis() as Millis);
        let send = move |_: &World| queue::send_later(&world, queue::Name::Events, text, delay);
        Ok(self.call("enqueue later", self.world.faults.queue, PATIENCE, send).await?)
    }

    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError> {
        let (world, text) = (Rc::clone(&self.world), message.to_owned());
        let send = move |_: &World| queue::send(&world, queue::Name::Dead, text);
        self.call_for_letter("bury", self.world.faults.queue, send).await
    }
}

impl Payloads for Gate {
    type Body = Vec<u8>;

    async fn open(&self, name: &str) -> Result<Stored, PortError> {
        self.load(name).await
    }

    async fn read(&self, body: Vec<u8>, mut part: impl FnMut(&[u8])) -> Result<(), PortError> {
        self.pause().await;
        part(&body);
        Ok(())
    }

    fn stores_payloads(&self) -> bool {
        true
    }

    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError> {
        let (name, body) = (name.to_owned(), body.to_vec());
        let store = move |world: &World| world.bodies.borrow_mut().store(name, body, world.time(0));
        Ok(self.call("store", self.world.faults.bodies, PATIENCE, store).await?)
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        let name = name.to_owned();
        let load = move |world: &World| world.bodies.borrow().load(&name);
        Ok(self.call("load", self.world.faults.bodies, PATIENCE, load).await?)
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        let names = names.to_vec();
        let discard = move |world: &World| world.bodies.borrow_mut().discard(&names);
        Ok(self.call("discard", self.world.faults.bodies, PATIENCE, discard).await?)
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        self.store(name, b"").await
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        let prefix = prefix.to_owned();
        let page = move |world: &World| world.bodies.borrow().page(&prefix, before, cursor.as_deref());
        Ok(self.call("list bodies", self.world.faults.bodies, PATIENCE, page).await?)
    }
}

impl Letters for Gate {
    fn keeps_letters(&self) -> bool {
        true
    }

    async fn keep(&self, letter: &Letter) -> Result<(), PortError> {
        let letter = letter.clone();
        let keep = move |world: &World| world.letters.borrow_mut().keep(letter);
        self.call_for_letter("keep", self.database(), keep).await
    }

    async fn has(&self, id: &str) -> Result<bool, PortError> {
        let id = id.to_owned();
        let has = move |world: &World| world.letters.borrow().has(&id);
        Ok(self.call("has letter", self.database(), PATIENCE, has).await?)
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<Letter>, PortError> {
        let selection = selection.clone();
        let list = move |world: &World| world.letters.borrow().list(&selection);
        Ok(self.call("list", self.database(), PATIENCE, list).await?)
    }

    async fn groups(&self, filter: &Filter) -> Result<Groups, PortError> {
        let filter = filter.clone();
        let groups = move |world: &World| world.letters.borrow().groups(&filter);
        Ok(self.call("count letters", self.database(), PATIENCE, groups).await?)
    }

    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError> {
        let id = id.to_owned();
        let take = move |world: &World| world.letters.borrow_mut().take(&id, now, until, expires);
        Ok(self.call("take", self.database(), PATIENCE, take).await?)
    }

    async fn redriven(&self, id: &str, redrives: u32, _now: UnixTime) -> Result<(), PortError> {
        let id = id.to_owned();
        let redriven = move |world: &World| world.letters.borrow_mut().redriven(&id, redrives);
        Ok(self.call("redriven", self.database(), PATIENCE, redriven).await?)
    }

    async fn replayed(&self, letters: &[Letter], _now: UnixTime) -> Result<(), PortError> {
        let letters = letters.to_vec();
        let replayed = move |world: &World| world.letters.borrow_mut().replayed(&letters);
        Ok(self.call("replayed", self.database(), PATIENCE, replayed).await?)
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let expire = move |world: &World| invariants::expire(world, now);
        Ok(self.call("expire", self.database(), PATIENCE, expire).await?)
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let names = names.to_vec();
        let referred = move |world: &World| world.letters.borrow().referred(&names);
        Ok(self.call("list referred", self.database(), PATIENCE, referred).await?)
    }
}

impl Database for Gate {
    fn has_database(&self) -> bool {
        true
    }

    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        let statements = statements.to_vec();
        let run = move |world: &World| jobs::run(world, &statements);
        Ok(self.call("log", self.database(), PATIENCE, run).await?)
    }
}

impl Audit for Gate {
    fn keeps_audit(&self) -> bool {
        true
    }

    async fn audit(&self, _entry: &AuditEntry) -> Result<(), PortError> {
        Ok(self.call("audit", self.database(), PATIENCE, |_: &World| ()).await?)
    }

    async fn audited(&self, _before: Option<&str>, _limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        Err(PortError("this simulation lists no audit".to_owned()))
    }
}

impl Local for Gate {
    fn isolate(&self) -> &IsolateState {
        &self.life.isolate
    }

    fn now(&self) -> UnixTime {
        Self::now(self)
    }

    fn milliseconds(&self) -> u64 {
        self.world.exec.now()
    }

    fn random(&self) -> u64 {
        self.world.exec.random.next()
    }

    async fn is_over_limit(&self, _pair: &str) -> bool {
        self.world.pause().await;
        self.world.exec.random.chance(100)
    }
}
