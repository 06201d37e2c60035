//! Ports on the stand-ins of `tests/fakes`. They record each step in order, and a test can make a step fail.

use super::fakes::database::Sqlite;
use super::fakes::kv::Kv;
use super::fakes::stores::{self, Bodies, Claims};
use hookgate::audit::AuditEntry;
use hookgate::database::{Rows, Statement};
use hookgate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use hookgate::letter::{Filter, Groups, Letter, Selection};
use hookgate::message::{AttemptRequest, OutgoingMessage};
use hookgate::pipeline::IsolateState;
use hookgate::pipeline::ports::{
    Audit, ClaimStore, Database, DedupKeys, DestinationAnswer, Fetched, Http, Letters, Local, Notes, Outbox, Page,
    Payloads, PortError, QueueBacklog, Stored,
};
use hookgate_verify::native::Native;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey, UnixTime};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200); // 2026-01-15T12:30:00Z

/// The location whose KV these ports see, and the lifetime of its cache in milliseconds.
const HERE: usize = 0;
const CACHED: u64 = 60_000;

#[derive(Default)]
pub struct Memory {
    pub isolate: IsolateState,
    /// The keys that one location sees in KV.
    pub known: RefCell<Kv>,
    pub claims: RefCell<Claims>,
    pub queue: RefCell<Vec<String>>,
    /// The messages of the Worker to itself, with their delays.
    pub later: RefCell<Vec<(String, Duration)>>,
    pub dead: RefCell<Vec<String>>,
    pub sent: RefCell<Vec<Sent>>,
    pub payloads: RefCell<Bodies>,
    pub letters: RefCell<stores::Letters>,
    pub database: Sqlite,
    pub audit: RefCell<stores::AuditLog>,
    pub refusals: RefCell<Vec<String>>,
    /// The number of refusals within the limit.
    pub limit: Cell<Option<usize>>,
    /// The published text at each URL.
    pub published: RefCell<BTreeMap<String, Vec<u8>>>,
    /// The status of the answer at any other URL. The default is 404.
    pub published_status: Cell<Option<u16>>,
    pub notes: RefCell<Noted>,
    steps: RefCell<Vec<&'static str>>,
    /// The step that fails.
    pub fail: Cell<Option<&'static str>>,
    /// Whether the step is done before it fails.
    pub fail_after: Cell<bool>,
    /// Whether the step fails only once.
    pub fail_once: Cell<bool>,
    /// Whether the queue never answers.
    pub stuck: Cell<bool>,
    /// What the events' queue tells.
    pub backlog: Cell<Option<QueueBacklog>>,
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

/// The notes of the gateway about its surroundings. At first, the notes name the two queues. A test of how the gateway
/// learns its queues removes these notes.
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

    /// The steps since the last call.
    pub fn steps(&self) -> Vec<&'static str> {
        self.steps.take()
    }

    pub fn now(&self) -> UnixTime {
        self.now.get().unwrap_or(NOW)
    }

    pub fn wait(&self, seconds: u64) {
        self.now.set(Some(self.now().plus(Duration::from_secs(seconds))));
    }

    /// The time in the unit of KV.
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
        self.step("claim", || self.claims.borrow_mut().claim(shard, name, terms, self.now(), token))
    }

    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError> {
        self.step("confirm", || self.claims.borrow_mut().confirm(shard, name, token, self.now(), ttl))
    }

    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError> {
        if !self.has("release") {
            return Err(PortError("the release does not arrive".to_owned()));
        }
        self.step("release", || self.claims.borrow_mut().release(shard, name, token, self.now()))
    }

    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError> {
        self.step("forget claim", || self.claims.borrow_mut().forget(shard, name, self.now()))
    }

    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError> {
        Ok(self.claims.borrow_mut().admit(rings, self.now(), hold))
    }

    async fn install(&self, source: &str, secret: &str) -> Result<bool, PortError> {
        self.step("install", || self.claims.borrow_mut().install(source, secret, self.now()))
    }

    async fn installed(&self, source: &str) -> Result<Option<String>, PortError> {
        self.step("installed", || self.claims.borrow().installed(source, self.now()))
    }
}

impl Outbox for Memory {
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError> {
        if self.stuck.get() {
            std::future::pending::<()>().await;
        }
        self.step("enqueue", || self.queue.borrow_mut().push(message.clone().into_text()))
    }

    async fn enqueue_later(&self, message: &str, delay: Duration) -> Result<(), PortError> {
        self.step("enqueue later", || self.later.borrow_mut().push((message.to_owned(), delay)))
    }

    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError> {
        self.step("bury", || self.dead.borrow_mut().push(message.to_owned()))
    }

    async fn backlog(&self) -> Result<Option<QueueBacklog>, PortError> {
        // The question changes nothing, so it is no step.
        if self.fail.get() == Some("backlog") {
            return Err(PortError("backlog is told to fail".to_owned()));
        }
        Ok(self.backlog.get())
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
        self.step("store", || self.payloads.borrow_mut().store(name.to_owned(), body.to_vec(), self.now()))
    }

    async fn open(&self, name: &str) -> Result<Stored, PortError> {
        self.load(name).await
    }

    async fn read(&self, body: Vec<u8>, part: impl FnMut(&[u8])) -> Result<(), PortError> {
        // No reader may depend on the size of a part.
        self.step("read", || body.chunks(777).for_each(part))
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        self.step("load", || self.payloads.borrow().load(name))
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        self.step("mark delivered", || self.payloads.borrow_mut().store(name.to_owned(), Vec::new(), self.now()))
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        self.step("discard", || self.payloads.borrow_mut().discard(names))
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        Ok(self.payloads.borrow().page(prefix, before, cursor.as_deref()))
    }
}

impl Letters for Memory {
    fn keeps_letters(&self) -> bool {
        self.has("LOG")
    }

    async fn keep(&self, letter: &Letter) -> Result<(), PortError> {
        self.step("keep", || self.letters.borrow_mut().keep(letter.clone()))
    }

    async fn has(&self, id: &str) -> Result<bool, PortError> {
        Ok(self.letters.borrow().has(id))
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<Letter>, PortError> {
        Ok(self.letters.borrow().list(selection))
    }

    async fn groups(&self, filter: &Filter) -> Result<Groups, PortError> {
        Ok(self.letters.borrow().groups(filter))
    }

    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError> {
        Ok(self.letters.borrow_mut().take(id, now, until, expires))
    }

    async fn redriven(&self, id: &str, redrives: u32, _now: UnixTime) -> Result<(), PortError> {
        self.step("note redriven", || self.letters.borrow_mut().redriven(id, redrives))
    }

    async fn replayed(&self, letters: &[Letter], _now: UnixTime) -> Result<(), PortError> {
        self.step("note replayed", || self.letters.borrow_mut().replayed(letters))
    }

    async fn expire(&self, now: UnixTime) -> Result<usize, PortError> {
        Ok(self.letters.borrow_mut().expire(now).len())
    }

    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        Ok(self.letters.borrow().referred(names))
    }
}

impl Database for Memory {
    fn has_database(&self) -> bool {
        self.has("LOG")
    }

    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError> {
        self.step("log", || self.database.run(statements))
    }
}

impl Audit for Memory {
    fn keeps_audit(&self) -> bool {
        self.has("LOG")
    }

    async fn audit(&self, entry: &AuditEntry) -> Result<(), PortError> {
        self.step("audit", || self.audit.borrow_mut().add(entry.clone()))
    }

    async fn audited(&self, before: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>, PortError> {
        Ok(self.audit.borrow().page(before, limit))
    }
}

impl Local for Memory {
    fn isolate(&self) -> &IsolateState {
        &self.isolate
    }

    fn now(&self) -> UnixTime {
        Self::now(self)
    }

    fn milliseconds(&self) -> u64 {
        Self::milliseconds(self)
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
