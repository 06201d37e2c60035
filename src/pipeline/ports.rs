//! What the pipeline needs from outside. `edge` implements it for the runtime, tests in memory.

use super::IsolateState;
use crate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use crate::headers::HeaderLines;
use crate::letter::{Filter, Letter};
use crate::message::{AttemptRequest, OutgoingMessage};
use crate::retry::RetryAfter;
use hookgate_verify::{Crypto, Head, UnixTime};
use std::time::Duration;

/// A request as the pipeline reads it.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Request: Head {
    /// The URL's host, without a port; an IPv6 address in brackets.
    fn host(&self) -> String;
    /// The URL's path.
    fn path(&self) -> String;
    /// Every header.
    fn headers(&self) -> HeaderLines;
    /// The raw body, counted while it is read: [`BodyError::TooLarge`] as soon as it exceeds `limit` bytes.
    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError>;
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// The sender went away.
    Broken(String),
    /// Other large bodies have the memory.
    Busy,
}

/// Everything outside: all the ports below.
pub trait Ports: DedupKeys + Notes + ClaimStore + Outbox + Http + Payloads + Letters + Local + Crypto {}

impl<P: DedupKeys + Notes + ClaimStore + Outbox + Http + Payloads + Letters + Local + Crypto> Ports for P {}

/// Where keys of events that are durable are remembered, best effort: Workers KV.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait DedupKeys {
    /// Whether `key` is remembered. "No" may be stale, "yes" is true.
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError>;
    /// Remembers `key` for `ttl`. May finish after the answer; a failure can only repeat an event.
    fn remember(&self, key: &DedupKey, ttl: Duration, now: UnixTime);
    /// Forgets `key`. Who has looked it up lately may still see it for a minute.
    async fn forget(&self, key: &DedupKey) -> Result<(), PortError>;
}

/// Where the gateway notes what it has learnt of its own surroundings, best effort: Workers KV.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Notes {
    /// The note under `name`. None may be stale.
    async fn note(&self, name: &str) -> Result<Option<String>, PortError>;
    /// Notes `text` under `name`, for `ttl`.
    async fn put_note(&self, name: &str, text: &str, ttl: Duration) -> Result<(), PortError>;
}

/// Where claims are kept exactly, and secrets that providers sent: the Durable Objects `Claims`. Each call is one atomic
/// step of [`crate::dedup`] or [`crate::pending_secret`], and an error leaves open whether it was taken. None takes longer than
/// a few seconds.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait ClaimStore {
    /// [`crate::dedup::claim`] on `name`, under `token`.
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError>;
    /// [`crate::dedup::confirm`]; `false` where another has claimed the name since.
    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError>;
    /// [`crate::dedup::release`]; `false` where there was nothing to release.
    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError>;
    /// Deletes the entry of `name`, where [`crate::dedup::may_forget`] allows it; `false` where nothing was deleted.
    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError>;
    /// [`crate::dedup::admit`], by the registry of rings.
    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError>;
    /// [`crate::pending_secret::offer`] at `source`; `false` where another secret waits.
    async fn install(&self, source: &str, secret: &str) -> Result<bool, PortError>;
    /// The secret that waits there.
    async fn installed(&self, source: &str) -> Result<Option<String>, PortError>;
}

/// Where events become durable.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Outbox {
    /// Puts an event's text into the queue; returns once it is durable there.
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError>;
    /// Puts an event's text into the dead letters' queue; returns once it is durable there.
    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError>;
}

/// Where forwards go, and where public keys come from.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Http: Payloads {
    /// Sends a forward, follows no redirect, and waits up to `timeout` for the answer's head. The body is `stored`, where
    /// there is one, and the forward's own bytes otherwise.
    async fn send(
        &self,
        forward: AttemptRequest<'_>,
        stored: Option<Self::Body>,
        timeout: Duration,
    ) -> Result<DestinationAnswer, PortError>;
    /// What a provider publishes at `url`; no redirect is followed. An error where its host cannot be reached.
    async fn published(&self, url: &str) -> Result<Fetched, PortError>;
}

/// What a provider's host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// 200, and this, of 64 KiB at most.
    Text(Vec<u8>),
    /// Another status.
    Status(u16),
    /// 200, and more than 64 KiB.
    TooLong,
}

/// What the origin answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationAnswer {
    /// The status code.
    pub status: u16,
    /// Its `Retry-After`, where it has a readable one.
    pub retry_after: Option<RetryAfter>,
}

/// Where bodies lie that no queue message can hold, and dead letters while their database is away: R2.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Payloads {
    /// A stored body that nobody has read yet. It may have 25 MiB, so that nobody holds its bytes: it goes from the store to
    /// the origin in small parts.
    type Body;
    /// Whether there is such a place.
    fn stores_payloads(&self) -> bool;
    /// Stores `body` under `name`; returns once it is durable.
    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError>;
    /// What is stored under `name`, unread.
    async fn open(&self, name: &str) -> Result<Stored<Self::Body>, PortError>;
    /// Reads a body, and hands it over in parts of bounded size, one after the other.
    async fn read(&self, body: Self::Body, part: impl FnMut(&[u8])) -> Result<(), PortError>;
    /// What is stored under `name`, where it is small.
    async fn load(&self, name: &str) -> Result<Stored, PortError>;
    /// Puts a mark in the place of the body under `name`: its event is delivered.
    async fn mark_delivered(&self, name: &str) -> Result<(), PortError>;
    /// Deletes what is stored under `names`, as far as it is there.
    async fn discard(&self, names: &[String]) -> Result<(), PortError>;
    /// The names that begin with `prefix` and were stored before `before`, from `cursor` on; and the cursor of the next
    /// page, where there is one.
    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError>;
}

/// What is stored under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored<B = Vec<u8>> {
    /// These bytes, one at least.
    Bytes(B),
    /// The mark that the body was delivered.
    Delivered,
    /// Nothing.
    Nothing,
}

/// A part of a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The names.
    pub names: Vec<String>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// Where dead letters are kept: D1.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Letters {
    /// Whether there is such a place.
    fn keeps_letters(&self) -> bool;
    /// Keeps `letter`. One with its id that is there already stays as it is, unless this one was redriven more often: then
    /// this one takes its place, and is no longer noted as redriven.
    async fn keep(&self, letter: &Letter) -> Result<(), PortError>;
    /// Whether there is a letter `id`, redriven or not.
    async fn has(&self, id: &str) -> Result<bool, PortError>;
    /// Letters that were not redriven, the oldest first.
    async fn list(&self, filter: &Filter) -> Result<Vec<Letter>, PortError>;
    /// The letter `id`, for one redrive at a time: `None` where there is none, where it was redriven, or where somebody
    /// took it and `until` their time has not come. Keeps it until `expires` at least, since from now on a message may
    /// refer to its body.
    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError>;
    /// Notes that the letter `id` was redriven, unless one that was redriven more than `redrives` times has taken its place.
    async fn redriven(&self, id: &str, redrives: u32, now: UnixTime) -> Result<(), PortError>;
    /// Deletes the letters that expired before `now`, and tells how many.
    async fn expire(&self, now: UnixTime) -> Result<usize, PortError>;
    /// Those of the payloads `names` that a letter refers to.
    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError>;
}

/// What is at hand in the isolate itself.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Local {
    /// What the isolate remembers between requests.
    fn isolate(&self) -> &IsolateState;
    /// The time.
    fn now(&self) -> UnixTime;
    /// A random number.
    fn random(&self) -> u64;
    /// Counts a refusal against `pair`; `true` where it is over the limit. Where nothing counts, never.
    async fn is_over_limit(&self, pair: &str) -> bool;
}

/// What the runtime said when a port failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortError(pub String);
