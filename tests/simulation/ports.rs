//! The pipeline's ports in the simulated world, on the stores of [`World`].

use super::fakes::stores::{self, Bodies, Claims};
use super::gate::{CLAIMS_PATIENCE, Gate, KV_PATIENCE, Lost, PATIENCE};
use super::world::{SECOND, World};
use super::{invariants, queue};
use hookgate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use hookgate::letter::{Filter, Letter};
use hookgate::message::OutgoingMessage;
use hookgate::pipeline::IsolateState;
use hookgate::pipeline::ports::{
    ClaimStore, DedupKeys, Letters, Local, Notes, Outbox, Page, Payloads, PortError, Stored,
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
        Ok(self.read_kv("look up", key.to_string()).await?.is_some())
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
        self.read_kv("read note", name.to_owned()).await
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

impl Gate {
    /// Calls the object `shard` about the claim `name`. `deed` gets the time of the object.
    async fn at_object<T: 'static>(
        &self,
        what: &'static str,
        shard: Shard,
        name: &str,
        deed: impl FnOnce(&mut Claims, &str, UnixTime) -> T + 'static,
    ) -> Result<T, Lost> {
        let name = name.to_owned();
        let deed = move |world: &World| {
            let mut claims = world.claims.borrow_mut();
            let now = world.time(claims.skew(shard));
            deed(&mut claims, &name, now)
        };
        self.claims_call(what, deed).await
    }

    /// The same for a step that only the holder of the claim may do.
    async fn with_token(
        &self,
        what: &'static str,
        shard: Shard,
        name: &str,
        token: ClaimToken,
        deed: impl FnOnce(&mut Claims, &str, UnixTime) -> bool + 'static,
    ) -> Result<bool, Lost> {
        let (world, story) = (Rc::clone(&self.world), self.handling.story.clone());
        let deed = move |claims: &mut Claims, name: &str, now: UnixTime| {
            let stale = claims.holder(shard, name) != Some(token);
            let done = deed(claims, name, now);
            if done && stale {
                world.violated(&format!("3: {what} of a lost claim succeeds"), story.as_ref());
            }
            done
        };
        self.at_object(what, shard, name, deed).await
    }

    async fn read_kv(&self, what: &'static str, key: String) -> Result<Option<String>, PortError> {
        let location = self.life.location;
        let get = move |world: &World| {
            let cached = [0, SECOND, 60 * SECOND][world.exec.random.index(3)];
            world.keys.borrow_mut().get(location, &key, world.exec.now(), cached)
        };
        Ok(self.call(what, self.world.faults.kv, KV_PATIENCE, get).await?)
    }

    async fn at_bodies<T: 'static>(
        &self,
        what: &'static str,
        deed: impl FnOnce(&mut Bodies, UnixTime) -> T + 'static,
    ) -> Result<T, PortError> {
        let deed = move |world: &World| deed(&mut world.bodies.borrow_mut(), world.time(0));
        Ok(self.call(what, self.world.faults.bodies, PATIENCE, deed).await?)
    }

    async fn at_letters<T: 'static>(
        &self,
        what: &'static str,
        deed: impl FnOnce(&mut stores::Letters) -> T + 'static,
    ) -> Result<T, PortError> {
        let deed = move |world: &World| deed(&mut world.letters.borrow_mut());
        Ok(self.call(what, self.database(), PATIENCE, deed).await?)
    }
}

impl ClaimStore for Gate {
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError> {
        let claimed = move |claims: &mut Claims, name: &str, now| claims.claim(shard, name, terms, now, token);
        let claim = self.at_object("claim", shard, name, claimed).await?;
        if let ClaimOutcome::First { .. } = claim {
            self.handling.claimed(shard);
        }
        Ok(claim)
    }

    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError> {
        let handling = Rc::clone(&self.handling);
        let confirm = move |claims: &mut Claims, name: &str, now| {
            let confirmed = claims.confirm(shard, name, token, now, ttl);
            if confirmed {
                handling.confirmed(shard);
            }
            confirmed
        };
        let confirmed = self.with_token("confirm", shard, name, token, confirm).await;
        if confirmed.is_err() {
            self.handling.unconfirmed();
        }
        Ok(confirmed?)
    }

    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError> {
        let release = move |claims: &mut Claims, name: &str, now| claims.release(shard, name, token, now);
        Ok(self.with_token("release", shard, name, token, release).await?)
    }

    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError> {
        let forget = move |claims: &mut Claims, name: &str, now| claims.forget(shard, name, now);
        Ok(self.at_object("forget claim", shard, name, forget).await?)
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
        let send = move |_: &World| queue::send(&world, queue::Name::Events, text);
        Ok(self.call("enqueue", self.world.faults.queue, PATIENCE, send).await?)
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
        self.at_bodies("store", move |bodies, now| bodies.store(name, body, now)).await
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        let name = name.to_owned();
        self.at_bodies("load", move |bodies, _| bodies.load(&name)).await
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        let names = names.to_vec();
        self.at_bodies("discard", move |bodies, _| bodies.discard(&names)).await
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        self.store(name, b"").await
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        let prefix = prefix.to_owned();
        self.at_bodies("list bodies", move |bodies, _| bodies.page(&prefix, before, cursor.as_deref())).await
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
        self.at_letters("has letter", move |letters| letters.has(&id)).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Letter>, PortError> {
        let filter = filter.clone();
        self.at_letters("list", move |letters| letters.list(&filter)).await
    }

    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError> {
        let id = id.to_owned();
        self.at_letters("take", move |letters| letters.take(&id, now, until, expires)).await
    }

    async fn redriven(&self, id: &str, redrives: u32, _now: UnixTime) -> Result<(), PortError> {
        let id = id.to_owned();
        self.at_letters("redriven", move |letters| letters.redriven(&id, redrives)).await
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let expire = move |world: &World| invariants::expire(world, now);
        Ok(self.call("expire", self.database(), PATIENCE, expire).await?)
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let names = names.to_vec();
        self.at_letters("list referred", move |letters| letters.referred(&names)).await
    }
}

impl Local for Gate {
    fn isolate(&self) -> &IsolateState {
        &self.life.isolate
    }

    fn now(&self) -> UnixTime {
        Self::now(self)
    }

    fn random(&self) -> u64 {
        self.world.exec.random.next()
    }

    async fn is_over_limit(&self, _pair: &str) -> bool {
        self.world.pause().await;
        self.world.exec.random.chance(100)
    }
}
