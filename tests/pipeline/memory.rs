//! Ports in memory, which remember what was done, in order, and fail where they are told to.

use super::kv::Kv;
use hookgate::dedup::{self, ClaimEntry, ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use hookgate::letter::{Filter, Letter};
use hookgate::message::{AttemptRequest, OutgoingMessage};
use hookgate::pending_secret::{self, OfferOutcome, PendingSecret};
use hookgate::pipeline::IsolateState;
use hookgate::pipeline::ports::{
    ClaimStore, DedupKeys, DestinationAnswer, Fetched, Http, Letters, Local, Notes, Outbox, Page, Payloads, PortError,
    Stored,
};
use hookgate_verify::native::Native;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey, UnixTime};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200); // 2026-01-15T12:30:00Z

/// The place whose KV these ports see, and for how many milliseconds it believes what it has read.
const HERE: usize = 0;
const CACHED: u64 = 60_000;

#[derive(Default)]
pub struct Memory {
    pub isolate: IsolateState,
    /// Keys and notes, as one place sees them.
    pub known: RefCell<Kv>,
    /// Claims by object and name.
    pub claims: RefCell<BTreeMap<(String, String), ClaimEntry>>,
    pub rings: RefCell<Vec<(u32, UnixTime)>>,
    pub queue: RefCell<Vec<String>>,
    pub dead: RefCell<Vec<String>>,
    pub sent: RefCell<Vec<Sent>>,
    /// Bodies by name, with when they were stored.
    pub payloads: RefCell<BTreeMap<String, (UnixTime, Vec<u8>)>>,
    pub letters: RefCell<Vec<Letter>>,
    pub redriven: RefCell<BTreeSet<String>>,
    /// Letters that somebody took, and until when they are theirs.
    taken: RefCell<BTreeMap<String, UnixTime>>,
    pub refusals: RefCell<Vec<String>>,
    /// How many refusals are within the limit.
    pub limit: Cell<Option<usize>>,
    /// Secrets that wait for the operator, by source.
    pub installed: RefCell<BTreeMap<String, PendingSecret>>,
    /// What providers publish, by URL.
    pub published: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What their hosts answer at any other URL; 404 where it is not set.
    pub published_status: Cell<Option<u16>>,
    pub notes: RefCell<Noted>,
    steps: RefCell<Vec<&'static str>>,
    /// The step that fails, before it is done or, if so, after.
    pub fail: Cell<Option<&'static str>>,
    pub fail_after: Cell<bool>,
    /// Whether it fails once, and then no more.
    pub fail_once: Cell<bool>,
    /// Whether the queue never answers.
    pub stuck: Cell<bool>,
    pub origin_status: Cell<Option<u16>>,
    pub now: Cell<Option<UnixTime>>,
    pub without: RefCell<BTreeSet<&'static str>>,
    drawn: Cell<u64>,
}

pub struct Sent {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub timeout: Duration,
}

/// The names of the two queues.
pub const EVENTS: &str = "some-events";
pub const DEAD: &str = "some-dead-letters";

/// What the gateway noted of its surroundings. It knows its two queues from the beginning: tests of how it learns them
/// take that away.
pub struct Noted(pub BTreeMap<String, String>);

impl Default for Noted {
    fn default() -> Self {
        let known = [(EVENTS, "events"), (DEAD, "dead letters")];
        Self(known.map(|(queue, part)| (format!("queue/{queue}"), part.to_owned())).into())
    }
}

impl Memory {
    pub fn failing(step: &'static str) -> Self {
        let memory = Self::default();
        memory.fail.set(Some(step));
        memory
    }

    pub fn without(binding: &'static str) -> Self {
        let memory = Self::default();
        memory.without.borrow_mut().insert(binding);
        memory
    }

    /// What was done since this was asked last.
    pub fn steps(&self) -> Vec<&'static str> {
        self.steps.take()
    }

    pub fn now(&self) -> UnixTime {
        self.now.get().unwrap_or(NOW)
    }

    /// Time passes.
    pub fn wait(&self, seconds: u64) {
        self.now.set(Some(self.now().plus(Duration::from_secs(seconds))));
    }

    /// KV's time.
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.now().seconds()).unwrap() * 1000
    }

    fn step<T>(&self, name: &'static str, act: impl FnOnce() -> T) -> Result<T, PortError> {
        self.steps.borrow_mut().push(name);
        let told = || Err(PortError(format!("{name} is told to fail")));
        let fails = self.fail.get() == Some(name);
        if fails && self.fail_once.get() {
            self.fail.set(None);
        }
        if fails && !self.fail_after.get() {
            return told();
        }
        let done = act();
        if fails { told() } else { Ok(done) }
    }

    fn has(&self, binding: &'static str) -> bool {
        !self.without.borrow().contains(binding)
    }

    fn change(&self, shard: Shard, name: &str, change: impl FnOnce(Option<ClaimEntry>) -> Option<ClaimEntry>) -> bool {
        let mut claims = self.claims.borrow_mut();
        let place = (shard.to_string(), name.to_owned());
        let changed = change(claims.get(&place).copied());
        changed.map(|entry| claims.insert(place, entry)).is_some()
    }
}

impl DedupKeys for Memory {
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError> {
        let now = self.milliseconds();
        self.step("look up", || self.known.borrow_mut().get(HERE, &key.to_string(), now, CACHED).is_some())
    }

    fn remember(&self, key: &DedupKey, ttl: Duration, _now: UnixTime) {
        let (key, now) = (key.to_string(), self.milliseconds());
        let _ = self.step("remember", || self.known.borrow_mut().put(HERE, key, String::new(), now, CACHED, ttl));
    }

    async fn forget(&self, key: &DedupKey) -> Result<(), PortError> {
        let (key, now) = (key.to_string(), self.milliseconds());
        self.step("forget", || self.known.borrow_mut().delete(HERE, key, now, CACHED))
    }
}

impl Notes for Memory {
    async fn note(&self, name: &str) -> Result<Option<String>, PortError> {
        Ok(self.notes.borrow().0.get(name).cloned())
    }

    async fn put_note(&self, name: &str, text: &str, _ttl: Duration) -> Result<(), PortError> {
        self.step("note", || self.notes.borrow_mut().0.insert(name.to_owned(), text.to_owned())).map(|_| ())
    }
}

impl Crypto for Memory {
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

impl ClaimStore for Memory {
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError> {
        self.step("claim", || {
            let mut found = ClaimOutcome::Duplicate { first_seen: self.now() };
            self.change(shard, name, |entry| {
                let (claim, entry) = dedup::claim(entry, self.now(), terms, token);
                found = claim;
                entry
            });
            found
        })
    }

    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError> {
        let now = self.now();
        self.step("confirm", || self.change(shard, name, |entry| dedup::confirm(entry, token, now, ttl)))
    }

    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError> {
        if !self.has("release") {
            return Err(PortError("release never arrives".to_owned()));
        }
        self.step("release", || self.change(shard, name, |entry| dedup::release(entry, token, self.now())))
    }

    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError> {
        let place = (shard.to_string(), name.to_owned());
        self.step("forget claim", || {
            let mut claims = self.claims.borrow_mut();
            let may = claims.get(&place).is_some_and(|entry| dedup::may_forget(*entry, self.now()));
            may && claims.remove(&place).is_some()
        })
    }

    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError> {
        let mut known = self.rings.borrow_mut();
        Ok(dedup::admit(&known, rings, self.now(), hold).map(|until| {
            known.retain(|(ring, _)| *ring != rings.current);
            known.push((rings.current, until));
        }))
    }

    async fn install(&self, source: &str, secret: &str) -> Result<bool, PortError> {
        self.step("install", || {
            let mut installed = self.installed.borrow_mut();
            match pending_secret::offer(installed.get(source), secret, self.now()) {
                OfferOutcome::Stored(waiting) => {
                    installed.insert(source.to_owned(), waiting);
                    true
                }
                OfferOutcome::Same => true,
                OfferOutcome::Refused => false,
            }
        })
    }

    async fn installed(&self, source: &str) -> Result<Option<String>, PortError> {
        self.step("installed", || pending_secret::waiting(self.installed.borrow().get(source).cloned(), self.now()))
    }
}

impl Outbox for Memory {
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError> {
        if self.stuck.get() {
            std::future::pending::<()>().await;
        }
        self.step("enqueue", || self.queue.borrow_mut().push(message.clone().into_text()))
    }

    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError> {
        self.step("bury", || self.dead.borrow_mut().push(message.to_owned()))
    }
}

impl Http for Memory {
    async fn send(
        &self,
        forward: AttemptRequest<'_>,
        stored: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<DestinationAnswer, PortError> {
        self.step("send", || {
            let (url, headers) = (forward.origin.to_string(), forward.headers);
            let body = stored.unwrap_or_else(|| forward.body.to_vec());
            self.sent.borrow_mut().push(Sent { url, headers, body, timeout });
            DestinationAnswer { status: self.origin_status.get().unwrap_or(200), retry_after: None }
        })
    }

    async fn published(&self, url: &str) -> Result<Fetched, PortError> {
        let text = self.step("published", || self.published.borrow().get(url).cloned())?;
        let status = self.published_status.get().unwrap_or(404);
        Ok(text.map_or(Fetched::Status(status), Fetched::Text))
    }
}

impl Payloads for Memory {
    type Body = Vec<u8>;

    fn stores_payloads(&self) -> bool {
        self.has("PAYLOADS")
    }

    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError> {
        let stored = (self.now(), body.to_vec());
        self.step("store", || self.payloads.borrow_mut().insert(name.to_owned(), stored)).map(|_| ())
    }

    async fn open(&self, name: &str) -> Result<Stored, PortError> {
        self.load(name).await
    }

    async fn read(&self, body: Vec<u8>, part: impl FnMut(&[u8])) -> Result<(), PortError> {
        // Parts of odd sizes: nothing may depend on them.
        self.step("read", || body.chunks(777).for_each(part))
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        self.step("load", || match self.payloads.borrow().get(name) {
            None => Stored::Nothing,
            Some((_, body)) if body.is_empty() => Stored::Delivered,
            Some((_, body)) => Stored::Bytes(body.clone()),
        })
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        let mark = (self.now(), Vec::new());
        self.step("mark delivered", || self.payloads.borrow_mut().insert(name.to_owned(), mark)).map(|_| ())
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        self.step("discard", || self.payloads.borrow_mut().retain(|name, _| !names.contains(name)))
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        // Pages of two, so that there are several.
        let payloads = self.payloads.borrow();
        let named = payloads.iter().filter(|(name, _)| name.starts_with(prefix));
        let mut rest = named.filter(|(name, _)| cursor.as_ref().is_none_or(|cursor| *name > cursor));
        let page: Vec<_> = rest.by_ref().take(2).collect();
        let next = page.last().map(|(name, _)| (*name).clone()).filter(|_| rest.next().is_some());
        let old = page.into_iter().filter(|(_, (stored, _))| *stored < before);
        Ok(Page { names: old.map(|(name, _)| name.clone()).collect(), next })
    }
}

impl Letters for Memory {
    fn keeps_letters(&self) -> bool {
        self.has("LOG")
    }

    async fn keep(&self, letter: &Letter) -> Result<(), PortError> {
        self.step("keep", || {
            let mut letters = self.letters.borrow_mut();
            match letters.iter_mut().find(|kept| kept.id == letter.id) {
                None => letters.push(letter.clone()),
                Some(kept) if kept.redrives < letter.redrives => {
                    *kept = Letter { expires: kept.expires.max(letter.expires), ..letter.clone() };
                    self.redriven.borrow_mut().remove(&letter.id);
                    self.taken.borrow_mut().remove(&letter.id);
                }
                Some(_) => {}
            }
        })
    }

    async fn has(&self, id: &str) -> Result<bool, PortError> {
        Ok(self.letters.borrow().iter().any(|letter| letter.id == id))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Letter>, PortError> {
        let letters = self.letters.borrow();
        let after = letters.iter().position(|letter| Some(&letter.id) == filter.after.as_ref());
        let rest = letters.iter().skip(after.map_or(0, |at| at + 1));
        let listed = rest
            .filter(|letter| !self.redriven.borrow().contains(&letter.id))
            .filter(|letter| filter.source.as_ref().is_none_or(|source| *source == letter.source));
        Ok(listed.take(filter.limit as usize).cloned().collect())
    }

    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError> {
        let mut letters = self.letters.borrow_mut();
        let mut taken = self.taken.borrow_mut();
        if self.redriven.borrow().contains(id) || taken.get(id).is_some_and(|until| now < *until) {
            return Ok(None);
        }
        let there = letters.iter_mut().find(|letter| letter.id == id);
        Ok(there.map(|letter| {
            taken.insert(id.to_owned(), until);
            letter.expires = letter.expires.max(expires);
            letter.clone()
        }))
    }

    async fn redriven(&self, id: &str, redrives: u32, _now: UnixTime) -> Result<(), PortError> {
        self.step("note redriven", || {
            if self.letters.borrow().iter().any(|letter| letter.id == id && letter.redrives == redrives) {
                self.redriven.borrow_mut().insert(id.to_owned());
            }
        })
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        let mut letters = self.letters.borrow_mut();
        let before = letters.len();
        letters.retain(|letter| now < letter.expires);
        Ok(before - letters.len())
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let letters = self.letters.borrow();
        let payloads = letters.iter().filter_map(|letter| letter.payload.clone());
        Ok(payloads.filter(|payload| names.contains(payload)).collect())
    }
}

impl Local for Memory {
    fn isolate(&self) -> &IsolateState {
        &self.isolate
    }

    fn now(&self) -> UnixTime {
        Self::now(self)
    }

    fn random(&self) -> u64 {
        self.drawn.set(self.drawn.get() + 1);
        self.drawn.get()
    }

    async fn is_over_limit(&self, pair: &str) -> bool {
        let mut refusals = self.refusals.borrow_mut();
        refusals.push(pair.to_owned());
        self.limit.get().is_some_and(|limit| refusals.iter().filter(|known| *known == pair).count() > limit)
    }
}
