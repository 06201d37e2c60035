//! The ports: the traits through which the pipeline uses the runtime. `edge` implements them for Cloudflare, and tests
//! implement them in memory.

use super::IsolateState;
use crate::audit::AuditEntry;
use crate::database::{Rows, Statement};
use crate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, RingsRefused, Shard};
use crate::headers::HeaderLines;
use crate::letter::{Filter, Groups, Letter, Selection};
use crate::message::{AttemptRequest, OutgoingMessage};
use crate::retry::RetryAfter;
use hookgate_verify::{Crypto, Head, UnixTime};
use serde::Deserialize;
use std::time::Duration;

/// An HTTP request.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Request: Head {
    /// The URL's host without a port. An IPv6 address is in brackets.
    fn host(&self) -> String;
    /// The URL's path.
    fn path(&self) -> String;
    /// Every header.
    fn headers(&self) -> HeaderLines;
    /// Reads the raw body.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] as soon as the body has more than `limit` bytes.
    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError>;
    /// The identity that the runtime states for a request that Cloudflare Access has let in. A header is never such an
    /// identity. `None` if Cloudflare Access has not seen the request.
    ///
    /// # Errors
    /// [`PortError`] if the identity cannot be read. The caller is unknown then.
    async fn access_identity(&self) -> Result<Option<AccessIdentity>, PortError> {
        Ok(None)
    }
}

/// Whom Cloudflare Access has let in. The runtime gives both as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct AccessIdentity {
    /// The address of a person.
    pub email: Option<String>,
    /// The name of a service token or of a client certificate.
    pub common_name: Option<String>,
}

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// The body is larger than the limit.
    TooLarge,
    /// The connection broke.
    Broken(String),
    /// No permit for a large body is free.
    Busy,
}

/// All ports.
pub trait Ports:
    DedupKeys + Notes + ClaimStore + Outbox + Http + Payloads + Letters + Audit + Database + Local + Crypto
{
}

impl<P: DedupKeys + Notes + ClaimStore + Outbox + Http + Payloads + Letters + Audit + Database + Local + Crypto> Ports
    for P
{
}

/// The keys of durable events in Workers KV. Best effort: a lost key can only repeat an event.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait DedupKeys {
    /// Whether `key` is stored. "No" may be out of date; "yes" is always true.
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError>;
    /// Stores `key` for `ttl`. The write may finish after the answer to the provider.
    fn remember(&self, key: &DedupKey, ttl: Duration, now: UnixTime);
    /// Deletes `key`. A location that read it may still see it for a minute.
    async fn forget(&self, key: &DedupKey) -> Result<(), PortError>;
}

/// Notes in Workers KV: the roles of queues that the gateway has learnt. Best effort.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Notes {
    /// The note under `name`. `None` may be out of date.
    async fn note(&self, name: &str) -> Result<Option<String>, PortError>;
    /// Stores the note `text` under `name`, for `ttl`.
    async fn put_note(&self, name: &str, text: &str, ttl: Duration) -> Result<(), PortError>;
}

/// The Durable Objects `Claims`: claims, and the secrets from handshakes. Each call is one atomic step of [`crate::dedup`]
/// or [`crate::pending_secret`], and lasts a few seconds at most. After an error, the step may or may not have been made.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait ClaimStore {
    /// Calls [`crate::dedup::claim`] for `name` with `token`.
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError>;
    /// Calls [`crate::dedup::confirm`]. `false` if the name was claimed with another token.
    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError>;
    /// Calls [`crate::dedup::release`]. `false` if there was nothing to release.
    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError>;
    /// Deletes the entry of `name` if [`crate::dedup::may_forget`] allows it. `false` if nothing was deleted.
    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError>;
    /// Calls [`crate::dedup::admit`] in the registry of shards.
    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError>;
    /// Calls [`crate::pending_secret::offer`] for `source`. `false` if another secret waits.
    async fn install(&self, source: &str, secret: &str) -> Result<bool, PortError>;
    /// The secret that waits for `source`.
    async fn installed(&self, source: &str) -> Result<Option<String>, PortError>;
}

/// The queues.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Outbox {
    /// Puts a message into the events' queue. Returns after the message is durable.
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError>;
    /// Puts a message of the Worker to itself into the events' queue. The queue hands it over after `delay`. Returns after the
    /// message is durable.
    async fn enqueue_later(&self, message: &str, delay: Duration) -> Result<(), PortError>;
    /// Puts a message into the dead letters' queue. Returns after the message is durable.
    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError>;
    /// What waits in the events' queue. `None` if the runtime does not tell, or if there is no queue.
    async fn backlog(&self) -> Result<Option<QueueBacklog>, PortError> {
        Ok(None)
    }
}

/// The messages that wait in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBacklog {
    /// Their number. The queue counts with a delay of some seconds.
    pub messages: u64,
    /// When the oldest message came. `None` for an empty queue.
    pub oldest: Option<UnixTime>,
}

/// HTTP requests to destinations and to providers.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Http: Payloads {
    /// Sends the request of an attempt, and waits up to `timeout` for the head of the answer. It follows no redirects. The
    /// body is `stored`, or without it the body of the request.
    async fn send(
        &self,
        request: AttemptRequest<'_>,
        stored: Option<Self::Body>,
        timeout: Duration,
    ) -> Result<DestinationAnswer, PortError>;
    /// GETs `url` at a provider. It follows no redirects.
    ///
    /// # Errors
    /// [`PortError`] if the host cannot be reached.
    async fn published(&self, url: &str) -> Result<Fetched, PortError>;
}

/// The answer of a provider's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The status is 200. The body has at most 64 KiB.
    Text(Vec<u8>),
    /// The status is not 200.
    Status(u16),
    /// The status is 200. The body has more than 64 KiB.
    TooLong,
}

/// The answer of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationAnswer {
    /// The status code.
    pub status: u16,
    /// Its `Retry-After`. `None` if the header is missing or unreadable.
    pub retry_after: Option<RetryAfter>,
}

/// The R2 bucket: bodies that are too large for a queue message, and dead letters while the database fails.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Payloads {
    /// A stored body that is not read yet. It may have 25 MiB, so it is never in memory as a whole: it goes from the bucket
    /// to the destination in small parts.
    type Body;
    /// Whether there is a bucket.
    fn stores_payloads(&self) -> bool;
    /// Stores `body` under `name`. Returns after the body is durable.
    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError>;
    /// Opens the object `name`, without reading its body.
    async fn open(&self, name: &str) -> Result<Stored<Self::Body>, PortError>;
    /// Reads a body. Calls `part` with each part of it, in order; the size of a part is bounded.
    async fn read(&self, body: Self::Body, part: impl FnMut(&[u8])) -> Result<(), PortError>;
    /// Reads the object `name` into memory. Only for small objects.
    async fn load(&self, name: &str) -> Result<Stored, PortError>;
    /// Replaces the body under `name` by the mark of a delivery.
    async fn mark_delivered(&self, name: &str) -> Result<(), PortError>;
    /// Deletes the objects `names`. A missing object is not an error.
    async fn discard(&self, names: &[String]) -> Result<(), PortError>;
    /// A page of the names that begin with `prefix` and were stored before `before`. `None` starts with the first page; the
    /// cursor of a page starts with the next one.
    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError>;
}

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored<B = Vec<u8>> {
    /// The bytes of a body, at least one.
    Bytes(B),
    /// The mark of a delivery.
    Delivered,
    /// There is no object with this name.
    Nothing,
}

/// A page of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The names.
    pub names: Vec<String>,
    /// The cursor of the next page. `None` for the last page.
    pub next: Option<String>,
}

/// The D1 database with the dead letters.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Letters {
    /// Whether there is a database.
    fn keeps_letters(&self) -> bool;
    /// Stores `letter`. A stored letter with the same id is replaced only if `letter` was redriven more often; the new
    /// letter is then not noted as redriven.
    async fn keep(&self, letter: &Letter) -> Result<(), PortError>;
    /// Whether there is a letter `id`, redriven or not.
    async fn has(&self, id: &str) -> Result<bool, PortError>;
    /// The letters that are not redriven. The oldest letter is first.
    async fn list(&self, selection: &Selection) -> Result<Vec<Letter>, PortError>;
    /// The numbers of the letters that are not redriven. It looks at the newest [`crate::letter::COUNTED`] of them, or of those
    /// of the filter's source.
    async fn groups(&self, filter: &Filter) -> Result<Groups, PortError>;
    /// The letter `id`, leased to this redrive until `until`. `None` if there is no such letter, if it is redriven, or if
    /// another redrive holds the lease. The letter is kept at least until `expires`, because a message may refer to its
    /// body.
    async fn take(
        &self,
        id: &str,
        now: UnixTime,
        until: UnixTime,
        expires: UnixTime,
    ) -> Result<Option<Letter>, PortError>;
    /// Notes that the letter `id` is redriven. It does nothing if a letter with more than `redrives` redrives has replaced
    /// it.
    async fn redriven(&self, id: &str, redrives: u32, now: UnixTime) -> Result<(), PortError>;
    /// Notes that the events of `letters` are on their way again as replays, as [`Letters::redriven`] does. A letter that is
    /// still in its queue is stored without its message, and is noted too: [`Letters::keep`] then does nothing.
    async fn replayed(&self, letters: &[Letter], now: UnixTime) -> Result<(), PortError>;
    /// Deletes the letters that expired before `now`. Returns their number.
    async fn expire(&self, now: UnixTime) -> Result<usize, PortError>;
    /// The bodies of `names` to which a letter refers.
    async fn referred(&self, names: &[String]) -> Result<Vec<String>, PortError>;
}

/// The D1 database with the log.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Database {
    /// Whether there is a database.
    fn has_database(&self) -> bool;
    /// Runs the statements in order, all of them or none. Returns the rows of each.
    ///
    /// # Errors
    /// The statements may or may not have been run.
    async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, PortError> {
        self.run_all(&statements).await
    }
    /// The same. The caller keeps the statements, to run them again after a failure.
    ///
    /// # Errors
    /// The statements may or may not have been run.
    async fn run_all(&self, statements: &[Statement]) -> Result<Vec<Rows>, PortError>;
}

/// The audit in D1: who changed what by `/api`.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Audit {
    /// Whether there is a database.
    fn keeps_audit(&self) -> bool;
    /// Stores `entry`. Returns after the entry is durable. An entry with the same id is not replaced.
    async fn audit(&self, entry: &AuditEntry) -> Result<(), PortError>;
    /// At most `limit` entries, the newest first. With `before`, only entries that are older than the entry with this id.
    async fn audited(&self, before: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>, PortError>;
}

/// The isolate itself: its state, its clock and its random numbers.
#[expect(async_fn_in_trait, reason = "isolates have one thread; no future needs to be Send")]
pub trait Local {
    /// The state of the isolate between requests.
    fn isolate(&self) -> &IsolateState;
    /// The current time.
    fn now(&self) -> UnixTime;
    /// The current time in milliseconds since 1970, to measure a wait.
    fn milliseconds(&self) -> u64;
    /// A random number.
    fn random(&self) -> u64;
    /// Counts a refusal for `pair`. `true` if the pair is over the limit. Without a rate limiter always `false`.
    async fn is_over_limit(&self, pair: &str) -> bool;
}

/// The failure of a port, as a text for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortError(pub String);
