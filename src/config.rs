//! The configuration: reads wrangler's `[vars]` and secrets into types that cannot hold an invalid value.
//!
//! Parsed once per isolate. A misconfigured source is kept as an error, and the other sources work.

mod alerts;
mod answer;
mod destination;
mod events;
mod log;
mod source;
mod token;
mod variables;

pub use alerts::{Alerts, LONGEST_PUBLIC_URL, NAME as ALERTS, Recipient};
pub use destination::Destination;
pub use events::{EventFilter, Pattern};
pub use hookgate_verify::grammar::ConfigError;
pub use log::LogPolicy;
#[cfg(not(target_arch = "wasm32"))]
pub use source::takes_public_keys;
pub use token::{AdminToken, AdminTokens, CallerKind, HashedToken};
pub use variables::PREFIX as SOURCES;

use crate::dedup::Rings;
use crate::forwarded_headers::ForwardedHeaders;
use crate::retry::DEFAULT_RETENTION;
use crate::source_name::SourceName;
use hookgate_verify::grammar::span;
use hookgate_verify::{EventTypes, HeaderPattern, HmacKey, Secret, Verified, Verifier};
use serde_json::{Map, Value};
use std::time::Duration;

/// The longest time of a message in a queue: 14 days (Cloudflare Queues, Limits), and a day for the difference of clocks.
pub const LONGEST_IN_QUEUE: Duration = Duration::from_secs(15 * 24 * 3600);

/// How many objects hold the claims. Each object serves about a thousand requests a second (Durable Objects, Limits).
const DEFAULT_SHARDS: u32 = 16;
const MOST_SHARDS: u32 = 4096;

/// The bounds of a queue's retention (Cloudflare Queues, `message-retention-period-secs`).
const SHORTEST_RETENTION: Duration = Duration::from_secs(60);
const LONGEST_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// The whole configuration of the Worker.
#[derive(Debug)]
pub struct Config {
    /// Sorted by name, so that a request finds its source by binary search.
    /// A `BTreeMap` would be 2 kB more of WASM, gzipped.
    sources: Vec<(String, Result<Source, ConfigError>)>,
    /// The variables that should hold sources, but are not tables. An unknown source may be in one of them.
    unreadable: Vec<(String, Result<Source, ConfigError>)>,
    /// The key that signs forwarded requests, if `ORIGIN_SIGNING_SECRET` is set.
    pub signing: Option<HmacKey>,
    /// The tokens for `/api`: `ADMIN_TOKEN` and `ADMIN_TOKENS`.
    pub admin: AdminTokens,
    /// What a caller may do at `/api` whom Cloudflare Access has let in: `ACCESS`. `None` if such a caller may do nothing.
    pub access: Option<CallerKind>,
    /// The number of Durable Objects with exact claims: `CLAIM_SHARDS`, and `CLAIM_SHARDS_BEFORE` while the number changes.
    pub rings: Rings,
    /// How long the events' queue keeps a message: `QUEUE_RETENTION`, or a day.
    pub retention: Duration,
    /// The name of the queue whose messages are dead letters, if `DEAD_QUEUE` is set.
    pub dead_queue: Option<String>,
    /// The alerts: `ALERTS`. A mistake there stops the alerts, and no source.
    pub alerts: Result<Alerts, ConfigError>,
    /// The URL of the dashboard, for the links in notices: `PUBLIC_URL` and `/dashboard`. `None` without `PUBLIC_URL`.
    pub dashboard: Option<String>,
    /// Settings that are allowed, but probably mistakes.
    pub warnings: Vec<String>,
    /// Mistakes in settings that no source needs. The Worker leaves out the mistaken settings.
    pub mistakes: Vec<String>,
    /// The bindings that the Worker has.
    pub bindings: Bindings,
    /// The features that are off because a binding is missing.
    pub off: Vec<&'static str>,
}

/// One configured endpoint, `/webhooks/{name}`.
#[derive(Debug)]
pub struct Source {
    /// Its name in the path.
    pub name: SourceName,
    /// Verifies the source's requests.
    pub verifier: Verifier,
    /// The names of the secrets, in the order of the verifier's keys.
    pub secrets: Vec<String>,
    /// Where the source's events go.
    pub deliver: Deliver,
    /// How duplicates are found.
    pub dedup: Dedup,
    /// How long a key is remembered.
    pub dedup_ttl: Duration,
    /// The configured lifetime of a key, if it is shorter than the time of the provider's retries.
    pub dedup_ttl_asked: Option<Duration>,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The event types that are wanted; `None` for all.
    pub events: Option<EventFilter>,
    /// The headers to forward, in addition to the preset's headers.
    pub headers: Vec<HeaderPattern>,
    /// The answer to an event that is accepted, a duplicate or filtered.
    pub success: Success,
    /// The verify token for handshakes, which the operator chose.
    pub verify_token: Option<HashedToken>,
    /// Whether a handshake may offer a secret (`handshake = "armed"`).
    pub armed: bool,
    /// What the log keeps of its requests.
    pub log: LogPolicy,
    /// Whether the configuration stops its deliveries.
    pub paused: bool,
}

impl Source {
    /// Which headers are forwarded to the destination.
    pub fn forwarded_headers(&self) -> ForwardedHeaders<'_> {
        ForwardedHeaders::new(self.verifier.preset(), &self.headers)
    }

    /// The name of the secret that proved a request. `None` if a key that the provider publishes proved it.
    pub fn matched_secret(&self, verified: &Verified<'_>) -> Option<&str> {
        verified.matched_secret().and_then(|number| self.secrets.get(number)).map(String::as_str)
    }

    /// Whether the source wants an event of these types, or may want it.
    pub fn wants(&self, types: &EventTypes) -> bool {
        self.events.as_ref().is_none_or(|filter| filter.wants(types))
    }
}

/// Where accepted events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deliver {
    /// Into the queue. The consumer forwards to the destination, if the source has one.
    Queue(Option<Destination>),
    /// To the destination, while the provider waits.
    Direct(Destination),
}

impl Deliver {
    /// The destination, if the source has one.
    pub fn origin(&self) -> Option<&Destination> {
        match self {
            Self::Queue(origin) => origin.as_ref(),
            Self::Direct(origin) => Some(origin),
        }
    }
}

/// The answer to an event that is accepted, a duplicate or filtered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// 200, and JSON with the result for the event.
    Json,
    /// 200 and no body, for a provider that treats any body as an error.
    Empty,
    /// The answer that the source configures, the same for every event.
    Own {
        /// From 200 to 299.
        status: u16,
        /// At most [`hookgate_verify::grammar::answer::MOST_ANSWER`] bytes; may be empty.
        body: String,
        /// The body's media type.
        media_type: String,
    },
}

/// How duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedup {
    /// Workers KV: best effort.
    Kv,
    /// Durable Objects, with Workers KV before them as a cache: one winner per key under any concurrency.
    Exact,
    /// Not at all.
    None,
}

/// Which bindings the Worker has. [`Config::off`] names a missing optional binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bindings {
    /// KV namespace `DEDUP`.
    pub dedup: bool,
    /// Queue producer `EVENTS`.
    pub events: bool,
    /// Durable Object `CLAIMS`.
    pub claims: bool,
    /// R2 bucket `PAYLOADS`.
    pub payloads: bool,
    /// D1 database `LOG`.
    pub log: bool,
    /// Rate limiter `REJECTS`.
    pub rejects: bool,
}

impl Bindings {
    /// A Worker with all bindings.
    pub const ALL: Self = Self { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };

    /// The features whose binding is missing.
    fn off(self) -> Vec<&'static str> {
        let features = [
            (self.payloads, "PAYLOADS: events that no queue message can hold, of about 90 kB, are answered 413"),
            (self.log, "LOG: dead letters are logged, but not kept, and cannot be redriven"),
            (self.rejects, "REJECTS: refused requests are not limited"),
        ];
        features.into_iter().filter(|(bound, _)| !bound).map(|(_, feature)| feature).collect()
    }
}

/// Finds a variable or a secret by its name.
pub type VariableLookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Parses the configuration. `variables` are all variables whose names begin with [`SOURCES`]. `lookup` finds every
    /// other variable and secret.
    ///
    /// An error in one source is stored in place of the source. An error in one variable is stored for all sources that the
    /// variable may have.
    ///
    /// # Errors
    /// [`ConfigError`], if no source can be served: no variable is a table, or a setting for all sources is unusable, such
    /// as `ORIGIN_SIGNING_SECRET`.
    pub fn parse_all(
        variables: &Map<String, Value>,
        bindings: Bindings,
        lookup: VariableLookup<'_>,
    ) -> Result<Self, ConfigError> {
        let (entries, unreadable) = variables::merged(variables);
        if unreadable.len() == variables.len() {
            let first = unreadable.into_iter().next();
            return Err(first.map_or_else(|| variables::not_a_table(SOURCES), |(_, error)| error));
        }
        let signing = lookup("ORIGIN_SIGNING_SECRET").map(parse_signing).transpose()?;
        let shards = |name: &str| lookup(name).map(|text| parse_shards(name, &text)).transpose();
        let rings = Rings {
            current: shards("CLAIM_SHARDS")?.unwrap_or(DEFAULT_SHARDS),
            before: shards("CLAIM_SHARDS_BEFORE")?,
        };
        let retention = lookup("QUEUE_RETENTION").map(|text| parse_retention(&text)).transpose()?;
        let dead_queue = lookup("DEAD_QUEUE").map(parse_queue).transpose()?;
        let outside =
            source::SourceContext { bindings, origin: lookup("ORIGIN"), public_url: lookup("PUBLIC_URL"), lookup };
        let mut warnings = shared_secrets(&entries, lookup);
        let mut mistakes = Vec::new();
        let (admin, several) = (lookup("ADMIN_TOKEN"), lookup("ADMIN_TOKENS"));
        let admin = AdminTokens::parse(admin.as_deref(), several.as_deref(), &mut mistakes, &mut warnings);
        let access = lookup("ACCESS").and_then(|text| parse_access(&text, &mut mistakes));
        let alerts = alerts::parse(&entries, lookup);
        let dashboard = alerts::dashboard(outside.public_url.as_deref(), &mut mistakes);
        let mut sources = Vec::with_capacity(entries.len());
        for entry in &entries {
            let source = source::parse(entry, &outside);
            if source.as_ref().is_ok_and(|source| source.verifier.lacks_account()) {
                let problem = "is missing: without it, the provider's test of the endpoint gets no answer";
                warnings.push(format!("{}.account {problem}", entry.path()));
            }
            sources.push((entry.name.to_owned(), source));
        }
        let unreadable = unreadable.into_iter().map(|(variable, error)| (variable, Err(error))).collect();
        Ok(Self {
            sources,
            unreadable,
            signing,
            admin,
            access,
            rings,
            retention: retention.unwrap_or(DEFAULT_RETENTION),
            dead_queue,
            alerts,
            dashboard,
            warnings,
            mistakes,
            bindings,
            off: bindings.off(),
        })
    }

    /// [`Config::parse_all`] with `SOURCES` as the only variable.
    ///
    /// # Errors
    /// The errors of [`Config::parse_all`].
    pub fn parse(sources: &Value, bindings: Bindings, lookup: VariableLookup<'_>) -> Result<Self, ConfigError> {
        Self::parse_all(&Map::from_iter([(SOURCES.to_owned(), sources.clone())]), bindings, lookup)
    }

    /// The longest lifetime of a claim, over all sources: at least [`LONGEST_IN_QUEUE`].
    pub fn longest_claim(&self) -> Duration {
        let lifetimes =
            self.sources.iter().filter_map(|(_, source)| source.as_ref().ok()).map(|source| source.dedup_ttl);
        lifetimes.fold(LONGEST_IN_QUEUE, Duration::max)
    }

    /// The source `name`. An error, if the source is misconfigured, or if it may be in a variable that cannot be read.
    /// `None`, if the source does not exist.
    pub fn source(&self, name: &str) -> Option<Result<&Source, &ConfigError>> {
        let found = match self.sources.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(place) => self.sources.get(place),
            // A variable that cannot be read may have this source. After a 404, a provider may delete the endpoint.
            Err(_) => self.unreadable.first(),
        };
        found.map(|(_, source)| source.as_ref())
    }

    /// Every source by name, usable or not, and then each variable that cannot be read, by its name.
    pub fn sources(&self) -> impl Iterator<Item = (&str, Result<&Source, &ConfigError>)> {
        self.sources.iter().chain(&self.unreadable).map(|(name, source)| (name.as_str(), source.as_ref()))
    }
}

fn parse_signing(text: String) -> Result<HmacKey, ConfigError> {
    let key = Secret::new(text).and_then(|secret| secret.standard_webhooks_key());
    key.map_err(|error| ConfigError {
        key: "ORIGIN_SIGNING_SECRET".to_owned(),
        problem: format!("{error}; write `whsec_` and a random key in base64"),
    })
}

/// Reads `ACCESS`. After a mistake, Cloudflare Access opens nothing. The text is not shown: it may be a token that somebody
/// stored under this name.
fn parse_access(text: &str, mistakes: &mut Vec<String>) -> Option<CallerKind> {
    let access = CallerKind::parse(text);
    if access.is_none() {
        mistakes.push("ACCESS must be \"read\" or \"write\"; Cloudflare Access opens nothing now".to_owned());
    }
    access
}

fn parse_shards(name: &str, text: &str) -> Result<u32, ConfigError> {
    let shards = text.parse().ok().filter(|shards| (1..=MOST_SHARDS).contains(shards));
    shards.ok_or_else(|| ConfigError {
        key: name.to_owned(),
        problem: format!("\"{text}\": must be a number from 1 to {MOST_SHARDS}"),
    })
}

fn parse_retention(text: &str) -> Result<Duration, ConfigError> {
    let retention = span::parse(text).filter(|span| (SHORTEST_RETENTION..=LONGEST_RETENTION).contains(span));
    retention.ok_or_else(|| ConfigError {
        key: "QUEUE_RETENTION".to_owned(),
        problem: format!("\"{text}\": must be for how long the events' queue keeps a message, as \"4d\": 1m to 14d"),
    })
}

fn parse_queue(name: String) -> Result<String, ConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name);
    }
    let problem = format!("\"{name}\": must be the name of a queue, such as \"hookgate-dead\"");
    Err(ConfigError { key: "DEAD_QUEUE".to_owned(), problem })
}

/// A warning for each group of sources with the same secret: a signer for one source can sign for the others.
fn shared_secrets(entries: &[variables::SourceEntry<'_>], lookup: VariableLookup<'_>) -> Vec<String> {
    let mut users: Vec<(String, Vec<&str>)> = Vec::new();
    for variables::SourceEntry { name: source, table, .. } in entries {
        let names = table.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for secret in names.filter_map(lookup) {
            match users.iter_mut().find(|(known, _)| *known == secret) {
                Some((_, sources)) if sources.last() == Some(source) => {}
                Some((_, sources)) => sources.push(source),
                None => users.push((secret, vec![source])),
            }
        }
    }
    let shared = users.into_iter().filter(|(_, sources)| sources.len() > 1);
    shared
        .map(|(_, sources)| format!("{} share a secret: who signs for one, signs for all", sources.join(", ")))
        .collect()
}
